/**
 * Completion, inspection and the question whether a text is complete, for cells with magics as well. The magics' parser
 * says which stretches of a cell are TypeScript; the engine is asked about these, the rest being as many blanks.
 */
import type { Compiler } from "../engine/compiled";
import { completeMagic, inspectMagic, type Matches } from "../magics/complete";
import { blank, type IsKnown, type Parsed, parseCell } from "../magics/parse";
import type { Registry } from "../magics/registry";
import { toCursor, toOffset } from "./text";

/** Helps the reader while a cell is typed. */
export class Assistant {
  readonly #engine: Pick<Compiler, "complete" | "inspect" | "isComplete">;
  readonly #registry: Registry;
  readonly #isKnown: IsKnown;

  /** @param isKnown whether a name is a global or a variable of the session */
  constructor(engine: Pick<Compiler, "complete" | "inspect" | "isComplete">, registry: Registry, isKnown: IsKnown) {
    this.#engine = engine;
    this.#registry = registry;
    this.#isKnown = isKnown;
  }

  /** The content of `complete_reply`; `cursor` counts code points. */
  async complete(code: string, cursor: number): Promise<Record<string, unknown>> {
    const offset = toOffset(code, cursor);
    const parsed = this.#parse(code);
    const magic = completeMagic(code, offset, parsed, this.#registry);
    const { start, end, matches } = magic ?? (await this.#completeCode(code, offset, parsed));
    const cursors = { cursor_start: toCursor(code, start), cursor_end: toCursor(code, end) };
    const types = matches.map(({ text, type, about }) => ({
      ...{ text, type, start: cursors.cursor_start, end: cursors.cursor_end },
      ...(about === undefined ? {} : { signature: about }),
    }));
    const metadata = { _jupyter_types_experimental: types };
    return { status: "ok", matches: matches.map(({ text }) => text), ...cursors, metadata };
  }

  /** The content of `inspect_reply`. */
  async inspect(code: string, cursor: number): Promise<Record<string, unknown>> {
    const offset = toOffset(code, cursor);
    const parsed = this.#parse(code);
    const magic = inspectMagic(code, offset, parsed, this.#registry);
    const blanked = blank(code, parsed, this.#registry);
    const asked = magic === undefined && blanked.isTypeScript(offset);
    const text = asked ? await this.#engine.inspect(blanked.code, offset) : magic?.text;
    const data = text === undefined ? {} : { "text/plain": text };
    return { status: "ok", found: text !== undefined, data, metadata: {} };
  }

  /** The content of `is_complete_reply`. A cell magic goes on to an empty line, as in IPython. */
  async isComplete(code: string): Promise<Record<string, unknown>> {
    const parsed = this.#parse(code);
    if (parsed.kind === "help") return { status: "complete" };
    const goesOn = parsed.kind === "cell" ? !/\n[ \t]*$/.test(code) : lastGoesOn(code, parsed);
    if (goesOn) return { status: "incomplete", indent: "" };
    if (parsed.kind === "cell") return { status: "complete" };
    return { ...(await this.#engine.isComplete(blank(code, parsed, this.#registry, true).code)) };
  }

  #parse(code: string): Parsed {
    return parseCell(code, this.#registry, this.#isKnown);
  }

  async #completeCode(code: string, offset: number, parsed: Parsed): Promise<Matches> {
    const blanked = blank(code, parsed, this.#registry);
    if (!blanked.isTypeScript(offset)) return { start: offset, end: offset, matches: [] };
    return this.#engine.complete(blanked.code, offset);
  }
}

/** Whether a cell ends within a command: with a backslash. */
function lastGoesOn(code: string, parsed: Extract<Parsed, { kind: "code" }>): boolean {
  const last = parsed.lines.at(-1);
  return last?.end === code.length && /\\\r?$/.test(code);
}
