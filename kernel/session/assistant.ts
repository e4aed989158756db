/**
 * Completion, inspection and the question whether a text is complete, for cells with magics as well. The TypeScript of such
 * a cell keeps its places because magic words are replaced by as many blanks.
 */
import type { Compiler } from "../engine/compiled";
import type { Magic } from "../magics/magic";
import { toCursor, toOffset } from "./text";

/** A magic's name and flags at the start of a line; what follows may be TypeScript. */
const MAGIC_HEAD = /^[ \t]*%%?\w+(?:[ \t]+-\w+(?:[ \t]*\d+)?)*/gm;
/** A shell line, which is not TypeScript from its `!` to its end. */
const SHELL_LINE = /^[ \t]*!.*$/gm;
/** A magic's name with the cursor at its end. */
const MAGIC_NAME = /(^|\n)[ \t]*(%%?)(\w*)$/;
/** Cells whose body is another language. */
const FOREIGN_CELL = /^\s*%%(?:sh|bash|script|html|markdown|latex|svg|javascript|js|writefile)\b/;

/** Helps the reader while a cell is typed. */
export class Assistant {
  readonly #engine: Pick<Compiler, "complete" | "inspect" | "isComplete">;
  readonly #magics: readonly Magic[];

  constructor(engine: Pick<Compiler, "complete" | "inspect" | "isComplete">, magics: readonly Magic[]) {
    this.#engine = engine;
    this.#magics = magics;
  }

  /** The content of `complete_reply`; `cursor` counts code points. */
  async complete(code: string, cursor: number): Promise<Record<string, unknown>> {
    const offset = toOffset(code, cursor);
    const { start, end, matches } = this.#completeMagic(code, offset) ?? (await this.#completeCode(code, offset));
    const cursors = { cursor_start: toCursor(code, start), cursor_end: toCursor(code, end) };
    const types = matches.map(({ text, type }) => ({
      ...{ text, type, start: cursors.cursor_start, end: cursors.cursor_end },
    }));
    const metadata = { _jupyter_types_experimental: types };
    return { status: "ok", matches: matches.map(({ text }) => text), ...cursors, metadata };
  }

  /** The content of `inspect_reply`. */
  async inspect(code: string, cursor: number): Promise<Record<string, unknown>> {
    const offset = toOffset(code, cursor);
    const word = /^\w*/.exec(code.slice(offset))?.[0] ?? "";
    const name = MAGIC_NAME.exec(code.slice(0, offset) + word)?.[3];
    const magic = this.#magics.find((each) => each.name === name);
    let text =
      magic &&
      `${magic.kinds.map((kind) => (kind === "cell" ? "%%" : "%") + magic.name).join(", ")}\n\n${magic.summary}`;
    if (name === undefined && !FOREIGN_CELL.test(code)) {
      text = await this.#engine.inspect(withoutMagics(code), offset);
    }
    const data = text === undefined ? {} : { "text/plain": text };
    return { status: "ok", found: text !== undefined, data, metadata: {} };
  }

  /** The content of `is_complete_reply`. A cell magic goes on to an empty line, as in IPython. */
  async isComplete(code: string): Promise<Record<string, unknown>> {
    if (/^\s*%%/.test(code)) {
      return /\n[ \t]*$/.test(code) ? { status: "complete" } : { status: "incomplete", indent: "" };
    }
    return { ...(await this.#engine.isComplete(withoutMagics(code))) };
  }

  #completeMagic(code: string, offset: number): Matches | undefined {
    const match = MAGIC_NAME.exec(code.slice(0, offset));
    if (match === null) {
      return undefined;
    }
    const [, , sign = "%", name = ""] = match;
    const kind = sign === "%%" ? "cell" : "line";
    const found = this.#magics.filter((magic) => magic.kinds.includes(kind) && magic.name.startsWith(name));
    const matches = found.map((magic) => ({ text: sign + magic.name, type: "magic" }));
    return { start: offset - name.length - sign.length, end: offset, matches };
  }

  async #completeCode(code: string, offset: number): Promise<Matches> {
    if (FOREIGN_CELL.test(code)) {
      return { start: offset, end: offset, matches: [] };
    }
    return this.#engine.complete(withoutMagics(code), offset);
  }
}

interface Matches {
  start: number;
  end: number;
  matches: { text: string; type: string }[];
}

/** The cell with blanks for its magics: every other character keeps its place. */
function withoutMagics(code: string): string {
  const blank = (text: string): string => " ".repeat(text.length);
  return code.replace(MAGIC_HEAD, blank).replace(SHELL_LINE, blank);
}
