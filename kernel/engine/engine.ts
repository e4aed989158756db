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

/** What may be typed in place of the text from `start` to `end`. */
export interface Completion {
  start: number;
  end: number;
  matches: { text: string; type: string }[];
  /** Keys of a live value fit as well. */
  live?: LiveSpot;
}

/** A place where a key of a session's value may be typed, though its type does not name it. */
export interface LiveSpot {
  /** The variable, and the keys that lead from it to the value. */
  path: (string | number)[];
  /** The keys of the value, or of the map that it is. */
  of: "keys" | "entries";
  /** `value.key`, `value["key` within its quotes, or `value[`. */
  as: "member" | "string" | "index";
}

/** What `is_complete_reply` says. */
export interface Completeness {
  status: "complete" | "incomplete" | "invalid" | "unknown";
  indent?: string;
}
