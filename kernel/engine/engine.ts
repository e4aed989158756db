/** What the engine says of a text, as data. Positions are offsets and columns in UTF-16 units of the text. */

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

export type { TypecheckMode } from "../../src/magic";

/** Where a place in the JavaScript came from, both counted from zero. */
export type PositionMap = (line: number, column: number) => { line: number; column: number } | undefined;

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
