/**
 * Errors as the reader of a notebook should see them: the message, the line of the cell that it came from, and the stack
 * with the places of the TypeScript source and without the frames of Node and of the kernel.
 */
import { dirname, join } from "node:path";
import { inspect } from "node:util";
import type { Diagnostic, PositionMap } from "../engine/engine";
import { KeyboardInterrupt } from "./cell";

/** The content of an `error` message. */
export interface ErrorContent {
  ename: string;
  evalue: string;
  traceback: string[];
}

/** A cell that does not compile. */
export class CompileError extends Error {
  override name = "CompileError";
  readonly diagnostics: Diagnostic[];
  readonly label: string;
  readonly lines: string[];

  constructor(label: string, lines: string[], diagnostics: Diagnostic[]) {
    const [first] = diagnostics;
    super(first ? `${first.message} (line ${first.line + 1})` : "The cell does not compile.");
    this.diagnostics = diagnostics;
    this.label = label;
    this.lines = lines;
  }
}

interface Source {
  label: string;
  lines: string[];
  map: PositionMap;
}

interface Frame {
  text: string;
  /** The cell that the frame lies in. */
  source?: Source;
  line: number;
  column: number;
}

const RED = "\x1b[31m";
const BOLD_RED = "\x1b[1;31m";
const DIM = "\x1b[2m";
const RESET = "\x1b[0m";
/** Lines shown before and after the one that failed. */
const CONTEXT = 2;
const FRAME = /^\s+at /;
/** A place in a cell: its name, line and column. */
const PLACE = /(cell\[[^\]]*\](?:#\d+)?):(\d+):(\d+)/;
/** Frames that are nobody's code in the notebook. */
const HIDDEN = ["node:", join(__dirname, ".."), dirname(require.resolve("tslab/package.json")), "evalmachine."];

/** Knows the text of every cell, and phrases errors with it. */
export class ErrorReporter {
  readonly #sources = new Map<string, Source>();

  /** Remembers a cell's text under the name that V8 shows in stacks; `label` is what the reader sees. */
  remember(name: string, label: string, lines: string[], map: PositionMap): void {
    this.#sources.set(name, { label, lines, map });
  }

  /** The error message for whatever a cell threw. */
  report(error: unknown): ErrorContent {
    if (isInterrupt(error)) {
      return { ename: "KeyboardInterrupt", evalue: "", traceback: [`${BOLD_RED}KeyboardInterrupt${RESET}`] };
    }
    if (error instanceof CompileError) {
      return {
        ename: "CompileError",
        evalue: error.message,
        traceback: error.diagnostics.map((d) => complaint(error, d)),
      };
    }
    try {
      return isError(error) ? this.#reportError(error) : reportThrown(error);
    } catch (failure) {
      const evalue = `The error cannot be shown: ${String(failure)}`;
      return { ename: "Error", evalue, traceback: [evalue] };
    }
  }

  #reportError(error: Error): ErrorContent {
    const ename = String(error.name || error.constructor?.name || "Error");
    const evalue = String(error.message);
    return { ename, evalue, traceback: this.#trace(error, "", new Set()) };
  }

  /** Header, excerpt, frames; then the same for what caused it. */
  #trace(error: Error, title: string, seen: Set<unknown>): string[] {
    seen.add(error);
    const header = `${title}${error.name || "Error"}${error.message === "" ? "" : `: ${error.message}`}`;
    const frames = framesOf(error).flatMap((frame) => this.#mapFrame(frame) ?? []);
    const place = frames.find((frame) => frame.source !== undefined);
    const details = ownDetails(error);
    const parts = [`${BOLD_RED}${header}${RESET}${details}`];
    if (place?.source) {
      const { source, line, column } = place;
      parts.push(`${source.label}, line ${line + 1}:\n${numbered(source.lines, line, column, 1)}`);
    }
    if (frames.length > 0) {
      parts.push(`${DIM}${frames.map((frame) => frame.text).join("\n")}${RESET}`);
    }
    const inner: [string, unknown][] = [["Caused by ", error.cause]];
    if (error instanceof AggregateError) {
      inner.push(...error.errors.map((each, i): [string, unknown] => [`[${i + 1}] `, each]));
    }
    for (const [innerTitle, each] of inner) {
      if (isError(each) && !seen.has(each)) {
        parts.push(...this.#trace(each, innerTitle, seen));
      } else if (each !== undefined && !isError(each)) {
        parts.push(`${innerTitle}${inspect(each)}`);
      }
    }
    return parts;
  }

  /** The frame with the place in the reader's text; undefined for the wrapper that runs a cell. */
  #mapFrame(frame: string): Frame | undefined {
    const match = PLACE.exec(frame);
    const source = match?.[1] === undefined ? undefined : this.#sources.get(match[1]);
    if (!match || !source) {
      return { text: frame, line: 0, column: 0 };
    }
    const found = source.map(Number(match[2]) - 1, Number(match[3]) - 1);
    if (found === undefined) {
      return undefined;
    }
    const text = frame.replace(match[0], `${source.label}:${found.line + 1}:${found.column + 1}`);
    return { text, source, ...found };
  }
}

/** True for an interrupt in any of its forms: ours, and that of Node's `breakOnSigint`. */
export function isInterrupt(error: unknown): boolean {
  return (
    error instanceof KeyboardInterrupt ||
    (isError(error) && (error as NodeJS.ErrnoException).code === "ERR_SCRIPT_EXECUTION_INTERRUPTED")
  );
}

function isError(value: unknown): value is Error {
  return value instanceof Error || Object.prototype.toString.call(value) === "[object Error]";
}

function reportThrown(value: unknown): ErrorContent {
  const evalue = inspect(value, { depth: 2 });
  return { ename: "Thrown", evalue, traceback: [`${BOLD_RED}Thrown${RESET}: ${evalue}`] };
}

/** The frames of the stack that belong to the notebook or to libraries that it uses. */
function framesOf(error: Error): string[] {
  const lines = typeof error.stack === "string" ? error.stack.split("\n") : [];
  const frames = lines.filter((line) => FRAME.test(line));
  return frames.filter((frame) => !HIDDEN.some((hidden) => frame.includes(hidden)));
}

/** Fields that an error carries besides its own, `code` and `path` of a system error for example. */
function ownDetails(error: Error): string {
  const known = new Set(["name", "message", "stack", "cause", "errors"]);
  const entries = Object.entries(error).filter(([key, value]) => !known.has(key) && value !== undefined);
  return entries.length === 0 ? "" : ` ${inspect(Object.fromEntries(entries), { depth: 1 })}`;
}

/** The line with its neighbours, numbered, and a caret below the column. */
function numbered(lines: string[], line: number, column: number, length: number): string {
  const first = Math.max(0, line - CONTEXT);
  const last = Math.min(lines.length - 1, line + CONTEXT);
  const width = String(last + 1).length;
  const shown: string[] = [];
  for (let i = first; i <= last; i++) {
    const text = lines[i] ?? "";
    shown.push(`${i === line ? `${RED}>${RESET}` : " "} ${String(i + 1).padStart(width)} | ${text}`);
    if (i === line) {
      const blank = text.slice(0, column).replace(/[^\t]/g, " ");
      shown.push(`  ${" ".repeat(width)} | ${blank}${RED}${"^".repeat(Math.max(1, length))}${RESET}`);
    }
  }
  return shown.join("\n");
}

/** One complaint of the compiler with its line and a caret. */
function complaint(error: CompileError, diagnostic: Diagnostic): string {
  const { line, column, length, message, code, file } = diagnostic;
  const place = `${file ?? error.label}:${line + 1}:${column + 1}`;
  const header = `${place} - ${BOLD_RED}error${RESET} TS${code}: ${message}`;
  if (file !== undefined) {
    return header;
  }
  return `${header}\n${numbered(error.lines, line, column, length)}`;
}
