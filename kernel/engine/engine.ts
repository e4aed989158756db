/**
 * The seam between the kernel and the compiler that turns cells into JavaScript. Small and asynchronous, so that an engine
 * may live in another thread or process. Positions are offsets and columns in UTF-16 units of the cell's text.
 */

/** A complaint of the compiler; lines and columns count from zero. */
export interface Diagnostic {
  line: number;
  column: number;
  /** Columns on that line that the complaint is about, at least 1. */
  length: number;
  message: string;
  /** TypeScript's number, 2304 for an unknown name. */
  code: number;
  /** The file when it is not the cell. */
  file?: string;
}

/** What a type error does: stop its cell, be printed below it, or nothing. */
export type TypecheckMode = "error" | "warn" | "off";

/** Where a place in the JavaScript came from, both counted from zero. */
export type PositionMap = (line: number, column: number) => { line: number; column: number } | undefined;

/** A cell as JavaScript. */
export interface Converted {
  /** Not empty: the cell does not compile and nothing else is set. */
  diagnostics: Diagnostic[];
  /** The body of a function of `exports` and `require`; undefined when there is nothing to run. */
  output?: string;
  /** The output awaits at its top level. */
  hasToplevelAwait?: boolean;
  /** The export that holds the value of the last expression. */
  lastExpressionVar?: string;
  /** JavaScript of modules that the cell imports from its folder or from `@module` cells. */
  sideOutputs?: { path: string; data: string }[];
  /** From the output to the cell's text. */
  map?: PositionMap;
  /** The engine's own, for `keep`. */
  state?: string;
}

export interface Completion {
  start: number;
  end: number;
  matches: { text: string; type: string }[];
}

/** What `is_complete_reply` says. */
export interface Completeness {
  status: "complete" | "incomplete" | "invalid" | "unknown";
  indent?: string;
}

/** A TypeScript compiler with the memory of a session. */
export interface Engine {
  /** Compiles a cell against the names that kept cells declared. */
  convert(code: string): Promise<Converted>;
  /** The cell was run: later cells see the names that it declares. */
  keep(converted: Converted): void;
  complete(code: string, offset: number): Promise<Completion>;
  /** Type and documentation of the name at `offset`, as text; undefined when there is nothing to say. */
  inspect(code: string, offset: number): Promise<string | undefined>;
  isComplete(code: string): Promise<Completeness>;
  /** Frees what keeps the process alive. */
  dispose(): void;
}
