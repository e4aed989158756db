/** What tslab documents of its cells, in its README, docs, example notebooks and specifications, as cells and what each shows. */

/** A cell, and its value as text; undefined: it has none. A pattern is that of the error by which it fails. */
export type Step = readonly [code: string, shows?: string | RegExp];

/** A sentence that a user of tslab relies on, and the cells that show it, in one session with all others. */
export type Behaviour = readonly [sentence: string, ...steps: Step[]];
