/**
 * Stacks in the reader's own words, in every error that is shown or printed: places are those of the text, `cell [3]:2:5`,
 * and frames of Node, of tslab and of the kernel are left out. V8 asks for an error's stack when it is first looked at.
 */
import { join } from "node:path";
import { atName, type Places, type Source } from "./places";
import { tslabRoot } from "./tslab";

/** A place that a stack names. */
export interface Frame {
  /** `deep (cell [3]:2:5)`. */
  text: string;
  /** The text that it lies in; line and column count from zero. */
  source?: Source;
  line: number;
  column: number;
}

/** Frames that are nobody's code in the notebook: the kernel's, tslab's. */
const HIDDEN = [join(__dirname, "..", "..", "/"), join(tslabRoot, "/"), "evalmachine.", "node:"];
/** A place in a cell as V8 writes it: in code that was made from text, and in stacks that others have written. */
const CELL = /(cell\[\d*\]#\d+):(\d+):(\d+)/g;
/** A name as the compiler writes it: `name$.v` for a session's variable, `$module1.name` for a file's import. */
const NAME = /([\p{ID_Start}$_][\p{ID_Continue}$]*\$)\.v(?![\p{ID_Continue}$])|\$module\d+\.(?=[\p{ID_Start}$_])/gu;
/** `(0, name)`, which is how it calls one. */
const CALLED = /\(0\s*,\s*([\p{ID_Start}$_][\p{ID_Continue}$.]*)\)/gu;

export class Stacks {
  readonly #places: Places;
  readonly #isVariable: (name: string) => boolean;
  readonly #frames = new WeakMap<object, Frame[]>();

  /** @param isVariable whether the session has a variable of that name */
  constructor(places: Places, isVariable: (name: string) => boolean) {
    this.#places = places;
    this.#isVariable = isVariable;
  }

  /** From now on every stack of this process is written so. Code may put another function in its place. */
  install(): void {
    Error.prepareStackTrace = this.prepare;
  }

  /** `Error.prepareStackTrace`. */
  readonly prepare = (error: Error, sites: NodeJS.CallSite[]): string => {
    this.#clean(error);
    const frames = sites.flatMap((site) => this.#frame(site) ?? []);
    this.#frames.set(error, frames);
    return [headerOf(error), ...frames.map(({ text }) => `    at ${text}`)].join("\n");
  };

  /** The frames of an error. */
  framesOf(error: Error): Frame[] {
    const stack = stackOf(error, this.prepare);
    const known = this.#frames.get(error);
    if (known) return known;
    // Its stack was written by somebody else.
    const lines = typeof stack === "string" ? stack.split("\n").filter((line) => /^\s+at /.test(line)) : [];
    return lines.flatMap((line) => this.#written(line.replace(/^\s+at /, "")) ?? []);
  }

  #frame(site: NodeJS.CallSite): Frame | undefined {
    const name = site.getScriptNameOrSourceURL?.() ?? site.getFileName();
    const [line, column] = [site.getLineNumber(), site.getColumnNumber()];
    const text = String(site);
    if (typeof name !== "string" || name === "" || line === null || column === null) {
      return /^async Promise\./.test(text) ? { text, line: 0, column: 0 } : undefined;
    }
    const source = this.#places.get(name);
    if (source === undefined) return this.#written(text);
    const mapped = source.map(line - 1, column - 1);
    if (mapped === undefined) return undefined;
    const found = atName(source.lines, mapped);
    const place = `${source.label}:${found.line + 1}:${found.column + 1}`;
    return { text: this.#tidy(text.replace(`${name}:${line}:${column}`, place)), source, ...found };
  }

  /** A frame as text; undefined if it is not for the reader. */
  #written(text: string): Frame | undefined {
    let first: Frame | undefined;
    let isOurs = false;
    const shown = text.replace(CELL, (all, name: string, line: string, column: string) => {
      const source = this.#places.get(name);
      const mapped = source?.map(Number(line) - 1, Number(column) - 1);
      isOurs ||= source !== undefined && mapped === undefined;
      if (source === undefined || mapped === undefined) return all;
      const found = atName(source.lines, mapped);
      first ??= { text, source, ...found };
      return `${source.label}:${found.line + 1}:${found.column + 1}`;
    });
    if (isOurs || HIDDEN.some((hidden) => shown.includes(hidden)) || shown.includes("(<anonymous>)")) return undefined;
    return { line: 0, column: 0, ...first, text: this.#tidy(shown) };
  }

  /** V8's own messages about the code become ones about the text. */
  #clean(error: Error): void {
    if (!(error instanceof TypeError || error instanceof ReferenceError)) return;
    try {
      const { message } = error;
      const cleaned = this.#inNamesOfText(message);
      if (cleaned !== message) error.message = cleaned;
    } catch {
      // A frozen error keeps its message.
    }
  }

  #inNamesOfText(text: string): string {
    return text
      .replace(NAME, (all, box: string | undefined) => {
        if (box === undefined) return "";
        for (let name = box.slice(0, -1); ; name = name.slice(0, -1)) {
          if (this.#isVariable(name)) return name;
          if (!name.endsWith("$")) return all;
        }
      })
      .replace(CALLED, "$1");
  }

  /** Without what the compiler and the executor add to names. */
  #tidy(text: string): string {
    return this.#inNamesOfText(text.replace(/^(async )?\$cell\.[\w$.]+ (?:\((.+)\)$)?/, "$1$2"));
  }
}

/** The error's stack, written by `prepare` if nobody has looked at it before. */
function stackOf(error: Error, prepare: typeof Error.prepareStackTrace): unknown {
  const theirs = Error.prepareStackTrace;
  try {
    Error.prepareStackTrace = prepare;
    return error.stack;
  } catch {
    return undefined;
  } finally {
    Error.prepareStackTrace = theirs;
  }
}

function headerOf(error: Error): string {
  try {
    return Error.prototype.toString.call(error);
  } catch {
    return "Error";
  }
}
