/**
 * Errors as the reader of a notebook should see them: the message, the line of the cell that it came from, and the stack
 * with the places of the TypeScript source and without the frames of Node and of the kernel.
 */
import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import type { Diagnostic } from "../engine/engine";
import { CompileError } from "../engine/run/compile_error";
import type { Places } from "../engine/run/places";
import type { Frame, Stacks } from "../engine/run/stacks";
import { KeyboardInterrupt } from "./cell";

/** The content of an `error` message. */
export interface ErrorContent {
  ename: string;
  evalue: string;
  traceback: string[];
}

/** Not together with bold: the red of bold letters cannot be read on the dark red ground that JupyterLab gives errors. */
const RED = "\x1b[31m";
const BOLD = "\x1b[1m";
const DIM = "\x1b[2m";
const RESET = "\x1b[0m";
/** Lines shown before and after the one that failed. */
const CONTEXT = 2;
/** Complaints, or gathered errors, that are shown at most: one mistake may have many echoes. */
const MOST = 5;
/** TypeScript's numbers for a name that nobody declared: said once for each name. */
const UNKNOWN_NAME = [2304, 2552];

/** Phrases errors. */
export class ErrorReporter {
  readonly #stacks: Stacks;
  readonly #places: Places;
  readonly #reported = new WeakSet<object>();

  constructor(stacks: Stacks, places: Places) {
    this.#stacks = stacks;
    this.#places = places;
  }

  /** Whether the error was shown before. */
  knows(error: unknown): boolean {
    return typeof error === "object" && error !== null && this.#reported.has(error);
  }

  /** The error message for whatever a cell threw. */
  report(error: unknown): ErrorContent {
    if (typeof error === "object" && error !== null) {
      this.#reported.add(error);
    }
    if (isInterrupt(error)) {
      const frames = this.#stacks.framesOf(error as Error);
      const traceback = [`${RED}KeyboardInterrupt${RESET}`, ...placesOf(frames)];
      return { ename: "KeyboardInterrupt", evalue: "", traceback };
    }
    if (error instanceof CompileError) {
      return {
        ename: "CompileError",
        evalue: error.message,
        traceback: this.#complaints(error),
      };
    }
    try {
      return isError(error) ? this.#reportError(error) : reportThrown(error);
    } catch (failure) {
      const evalue = `The error cannot be shown: ${String(failure)}`;
      return { ename: "Error", evalue, traceback: [evalue] };
    }
  }

  /** A line for each complaint about code that runs all the same. */
  warnings(diagnostics: readonly Diagnostic[], label: string): string[] {
    const lines = diagnostics.map(({ file, line, column, code, message }) => {
      const place = `${file === undefined ? label : this.#places.label(file)}:${line + 1}:${column + 1}`;
      return `${place} - TS${code}: ${message.split("\n", 1)[0]}`;
    });
    return few(lines);
  }

  #reportError(error: Error): ErrorContent {
    const frames = this.#stacks.framesOf(error); // First: it puts the message into the names of the text.
    const ename = String(error.name || error.constructor?.name || "Error");
    const evalue = String(error.message);
    return { ename, evalue, traceback: this.#trace(error, frames, "", new Set()) };
  }

  /** Header, excerpts, frames; then the same for what caused it. */
  #trace(error: Error, frames: Frame[], title: string, seen: Set<unknown>): string[] {
    seen.add(error);
    const message = error.message === "" ? "" : `: ${BOLD}${error.message}${RESET}`;
    const parts = [`${title}${RED}${error.name || "Error"}${RESET}${message}${ownDetails(error)}`];
    parts.push(...placesOf(frames));
    const inner: [string, unknown][] = error.cause === undefined ? [] : [["Caused by ", error.cause]];
    if (error instanceof AggregateError) {
      inner.push(...error.errors.slice(0, MOST).map((each, i): [string, unknown] => [`[${i + 1}] `, each]));
    }
    for (const [innerTitle, each] of inner) {
      if (isError(each) && !seen.has(each)) {
        parts.push(...this.#trace(each, this.#stacks.framesOf(each), innerTitle, seen));
      } else if (!isError(each)) {
        parts.push(`${innerTitle}${inspect(each)}`);
      }
    }
    if (error instanceof AggregateError && error.errors.length > MOST) {
      parts.push(`… and ${error.errors.length - MOST} more`);
    }
    return parts;
  }

  #complaints(error: CompileError): string[] {
    const seen = new Set<string>();
    const once = error.diagnostics.filter(({ file, line, column, code, message }) => {
      const key = UNKNOWN_NAME.includes(code) ? message : `${file}:${line}:${column}`;
      return !seen.has(key) && seen.add(key);
    });
    return few(once.map((each) => this.#complaint(error, each)));
  }

  /** One complaint of the compiler with its line and a caret. */
  #complaint({ label, lines }: CompileError, diagnostic: Diagnostic): string {
    const { line, column, length, message, code, file } = diagnostic;
    const place = `${file === undefined ? label : this.#places.label(file)}:${line + 1}:${column + 1}`;
    const header = `${place} - ${RED}error${RESET} ${code === 0 ? "" : `TS${code}: `}${message}`;
    const text = file === undefined ? lines : linesOf(file);
    return text === undefined ? header : `${header}\n${numbered(text, line, column, length)}`;
  }
}

/** Where it happened, and where a cell led there, with their lines; then the frames. */
function placesOf(frames: readonly Frame[]): string[] {
  const place = frames.find(({ source }) => source !== undefined);
  const cell = frames.find(({ source }) => source?.label.startsWith("cell ["));
  const parts = [...new Set([place, cell])].flatMap((frame) => {
    if (frame?.source === undefined) return [];
    const { source, line, column } = frame;
    return [`${source.label}, line ${line + 1}:\n${numbered(source.lines, line, column, 1)}`];
  });
  const all = frames.map(({ text }) => `    at ${text}`).join("\n");
  return frames.length > 0 ? [...parts, `${DIM}${all}${RESET}`] : parts;
}

/** The first few, and how many more there are. */
function few(lines: string[]): string[] {
  return lines.length <= MOST ? lines : [...lines.slice(0, MOST), `… and ${lines.length - MOST} more`];
}

function linesOf(file: string): string[] | undefined {
  try {
    return readFileSync(file, "utf8").split("\n");
  } catch {
    return undefined;
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
  return { ename: "Thrown", evalue, traceback: [`${RED}Thrown${RESET}: ${evalue}`] };
}

/** Fields that an error carries besides its own, `code` and `path` of a system error for example. */
function ownDetails(error: Error): string {
  const known = new Set(["name", "message", "stack", "cause", "errors"]);
  const entries = Object.entries(error).filter(([key, value]) => !known.has(key) && value !== undefined);
  return entries.length === 0 ? "" : ` ${inspect(Object.fromEntries(entries), { depth: 1 })}`;
}

/** The line with its neighbours, numbered, and a caret below the column. */
function numbered(lines: readonly string[], line: number, column: number, length: number): string {
  const first = Math.max(0, line - CONTEXT);
  const end = lines.at(-1) === "" ? lines.length - 1 : lines.length;
  const last = Math.min(Math.max(end - 1, line), line + CONTEXT);
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
