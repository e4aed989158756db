/**
 * Completion, inspection and the question whether a text is complete, for cells with magics as well. The magics' parser
 * says which stretches of a cell are TypeScript; the engine is asked about these, the rest being as many blanks.
 */
import type { Compiler } from "../engine/compiled";
import type { Completion, LiveSpot } from "../engine/engine";
import type { KeysQuery, LiveKey } from "../engine/run/keys";
import { completeMagic, inspectMagic, type Matches } from "../magics/complete";
import { blank, type IsKnown, type Parsed, parseCell } from "../magics/parse";
import type { Registry } from "../magics/registry";
import { toCursor, toOffset } from "./text";

/** Asks for the keys of a live value; undefined: nobody can say. */
export type AskKeys = (query: KeysQuery) => Promise<readonly LiveKey[] | undefined>;

export interface AssistantOptions {
  engine: Pick<Compiler, "complete" | "inspect" | "isComplete">;
  registry: Registry;
  /** Whether a name is a global or a variable of the session. */
  isKnown: IsKnown;
  keys: AskKeys;
}

/** Helps the reader while a cell is typed. */
export class Assistant {
  readonly #engine: Pick<Compiler, "complete" | "inspect" | "isComplete">;
  readonly #registry: Registry;
  readonly #isKnown: IsKnown;
  readonly #keys: AskKeys;

  constructor({ engine, registry, isKnown, keys }: AssistantOptions) {
    this.#engine = engine;
    this.#registry = registry;
    this.#isKnown = isKnown;
    this.#keys = keys;
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
    const found = await this.#engine.complete(blanked.code, offset);
    return found.live === undefined ? found : this.#withLive(found, found.live, code);
  }

  /** With the keys that the value has at run time: those that its type has stand first. */
  async #withLive({ start, end, matches }: Completion, live: LiveSpot, code: string): Promise<Matches> {
    const { path, of, as } = live;
    const prefix = code.slice(start, end);
    const keys = (await this.#keys({ path, of, prefix, inherited: as === "member" })) ?? [];
    const quote = as === "string" ? (code[start - 1] ?? '"') : '"';
    const found = keys.flatMap(({ text, type }) => {
      if (as === "member") return isName(text) ? [{ text, type }] : [];
      const written = inQuotes(text, quote);
      return [{ text: as === "index" ? quote + written + quote : written, type }];
    });
    const all = as === "index" ? [...found, ...matches] : [...matches, ...found];
    const seen = new Set<string>();
    return { start, end, matches: all.filter(({ text }) => !seen.has(text) && seen.add(text)) };
  }
}

/** Whether a cell ends within a command: with a backslash. */
function lastGoesOn(code: string, parsed: Extract<Parsed, { kind: "code" }>): boolean {
  const last = parsed.lines.at(-1);
  return last?.end === code.length && /\\\r?$/.test(code);
}

const isName = (text: string): boolean => /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u.test(text);

/** A text as it stands between quotes of a kind. */
function inQuotes(text: string, quote: string): string {
  const escaped = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"');
  return quote === "`" ? escaped.replace(/`|\$\{/g, "\\$&") : escaped.replaceAll(quote, `\\${quote}`);
}
