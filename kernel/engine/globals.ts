/** The names that every cell knows without an import, as the compiler must see them. `session/globals.ts` makes them real. */
export const GLOBALS_DECLARATION = `
interface DisplayHandle {
  /** Names the output; a later display with the same id replaces it. */
  readonly display_id: string;
  /** Shows another value in the place of the first. */
  update(value: unknown, options?: { raw?: boolean; metadata?: Record<string, unknown> }): Promise<void>;
}
/**
 * Shows a value below the cell: an object by its \`Symbol.for("Jupyter.display")\` method, anything else as text.
 * \`raw: true\` takes the value for a MIME bundle such as \`{ "text/html": "<b>bold</b>" }\`.
 */
declare function display(
  value: unknown,
  options?: { display_id?: string; raw?: boolean; metadata?: Record<string, unknown> },
): DisplayHandle;
/** Clears the outputs of the cell; with \`wait\`, when the next output comes. */
declare function clear_output(options?: { wait?: boolean }): void;
/** Asks the reader of the notebook for a line of text: \`const name = await input("Your name? ")\`. */
declare function input(prompt?: string, options?: { password?: boolean }): Promise<string>;
/** The last value that was shown below a cell; \`__\` and \`___\` are the ones before. */
declare var _: any, __: any, ___: any;
/** The texts of the cells: \`In[3]\` is that of cell 3. */
declare var In: string[];
/** The values that were shown: \`Out[3]\` is that of cell 3, and so is \`_3\`. */
declare var Out: Record<number, any>;

// What Node 20 has and the library files of TypeScript 5.0 lack.
interface ReadonlyArray<T> {
  toReversed(): T[];
  toSorted(compare?: (a: T, b: T) => number): T[];
  toSpliced(start: number, deleteCount?: number, ...items: T[]): T[];
  with(index: number, value: T): T[];
}
interface Array<T> {
  toReversed(): T[];
  toSorted(compare?: (a: T, b: T) => number): T[];
  toSpliced(start: number, deleteCount?: number, ...items: T[]): T[];
  with(index: number, value: T): T[];
}
interface String {
  isWellFormed(): boolean;
  toWellFormed(): string;
}
`;
