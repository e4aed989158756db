/** The names that every cell knows without an import, as the compiler must see them. `session/globals.ts` makes them real. */
export const GLOBALS_DECLARATION = `
interface DisplayHandle {
  /** Names the output; a later display with the same id replaces it. */
  readonly display_id: string;
  /** Shows another value in the place of the first. */
  update(value: unknown, options?: { raw?: boolean; metadata?: Record<string, unknown> }): Promise<void>;
}
interface ShowOptions {
  display_id?: string;
  metadata?: Record<string, unknown>;
}
/**
 * Shows a value below the cell: an object by its \`Symbol.for("Jupyter.display")\` or \`toHTML\` method, a plotly figure
 * (\`{ data, layout }\`), data by MIME type, an array of flat objects as a table, anything else as text.
 * \`raw: true\` takes the value for a MIME bundle such as \`{ "text/html": "<b>bold</b>" }\` in any case.
 */
declare function display(value: unknown, options?: ShowOptions & { raw?: boolean }): DisplayHandle;
declare namespace display {
  /**
   * Rows as a table that sorts by a click on a column's name: objects, lists, a Map's entries, or other values; \`columns\`
   * chooses. \`rows\` are shown at most, 200 by default.
   */
  function table(rows: Iterable<unknown>, options?: ShowOptions & { columns?: string[]; rows?: number }): DisplayHandle;
  /** A picture by its bytes (PNG, JPEG, GIF, WebP, BMP, SVG), or by the path of a file. Sizes are in pixels. */
  function image(
    source: string | URL | Uint8Array | ArrayBuffer,
    options?: ShowOptions & { width?: number; height?: number; alt?: string },
  ): DisplayHandle;
  function markdown(text: unknown, options?: ShowOptions): DisplayHandle;
  /** \`display.latex("$e^{i\\\\pi} = -1$")\` */
  function latex(text: unknown, options?: ShowOptions): DisplayHandle;
  function html(text: unknown, options?: ShowOptions): DisplayHandle;
  function svg(text: unknown, options?: ShowOptions): DisplayHandle;
  /** A tree that opens and closes. */
  function json(value: unknown, options?: ShowOptions): DisplayHandle;
  /** All of a value as text: every level, item and line. */
  function full(value: unknown, options?: ShowOptions): DisplayHandle;
}
interface Markup {
  readonly type: "text/html" | "text/markdown" | "text/latex";
  readonly text: string;
  toString(): string;
}
/** HTML as a value; what is interpolated is shown as text, unless \`html\` made it. An array's items are joined. */
declare function html(strings: TemplateStringsArray, ...values: unknown[]): Markup;
/** Markdown as a value; what is interpolated is shown as text, unless \`md\` or \`html\` made it. */
declare function md(strings: TemplateStringsArray, ...values: unknown[]): Markup;
interface ProgressOptions {
  /** What is being done. */
  label?: string;
  /** How many items there will be, where the iterable does not say. */
  total?: number;
  /** What is counted: \`files\`. */
  unit?: string;
}
/** The numbers from 0 on, with a progress bar: \`for (const i of progress(100))\`. */
declare function progress(count: number, options?: ProgressOptions): Iterable<number>;
/** The items of an iterable, with a progress bar below the cell. */
declare function progress<T>(iterable: Iterable<T>, options?: ProgressOptions): Iterable<T>;
declare function progress<T>(iterable: AsyncIterable<T>, options?: ProgressOptions): AsyncIterable<T>;
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
/** How the last command of \`!\`, \`%%sh\` or \`%npm\` ended; 0 where all went well. */
declare var _exit_code: number;
/** Asks the reader and waits; an empty answer is \`defaultValue\`, or null without one. */
declare function prompt(message?: string, defaultValue?: string): string | null;
/** Asks the reader a question of yes or no, and waits. */
declare function confirm(message?: string): boolean;
/** Tells the reader something, and waits until it is noted. */
declare function alert(message?: unknown): void;
`;
