/** Cells and what a reader should see of them. */

/** The text of a cell and its value, as Node prints it, or an error's beginning. */
export type Expected = [code: string, value: string] | [code: string, value: undefined, error: RegExp];

/** Cells of one session, one after another. */
export interface Group {
  /** What a user can rely on. */
  title: string;
  /** Files beside the notebook, made before the first cell. */
  files?: Record<string, string>;
  cells: Expected[];
}
