/** The added tokens: cut out of a text before anything else happens to it, as the Rust library does. */
import type { AddedTokenJson } from "../spec";
import { word } from "./regex";

/** A part of a text: an added token, or what lies between two. */
export interface Part {
  text: string;
  /** Where it begins in the text. */
  start: number;
  /** The added token's id; undefined for text. */
  id?: number;
}

const startsWithWord = new RegExp(`^[${word}]`, "u");
const endsWithWord = new RegExp(`[${word}]$`, "u");
const blank = /\p{White_Space}/u;

/** Cuts by a set of added tokens. */
export class AddedTokens {
  readonly #byContent = new Map<string, AddedTokenJson>();
  /** How long the tokens are that begin with a letter, the longest first. */
  readonly #lengths = new Map<string, number[]>();
  /** Characters that are looked at, at most, where one could begin. */
  readonly work: number;
  /** Where one can begin; undefined where there are none. */
  readonly #beginning: RegExp | undefined;

  /** @param spelled How a token is spelled in the text: as it is, or normalized. */
  constructor(tokens: AddedTokenJson[], spelled: (content: string) => string = (content) => content) {
    const lengths = new Map<string, Set<number>>();
    for (const token of tokens) {
      const content = spelled(token.content);
      if (content === "" || this.#byContent.has(content)) continue;
      this.#byContent.set(content, token);
      const letter = content[0] as string;
      lengths.set(letter, (lengths.get(letter) ?? new Set()).add(content.length));
    }
    for (const [letter, some] of lengths)
      this.#lengths.set(
        letter,
        [...some].sort((a, b) => b - a),
      );
    const work = [...lengths.values()].map((some) => [...some].reduce((sum, length) => sum + length, 0));
    this.work = work.reduce((most, one) => Math.max(most, one), 0);
    if (this.#lengths.size === 0) return;
    const letters = [...this.#lengths.keys()].map(
      (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
    this.#beginning = new RegExp(`[${letters.join("")}]`, "g");
  }

  /** The tokens in a text from the left, of those that begin at one place the longest. */
  *#matches(text: string, beginning: RegExp): Generator<[start: number, token: AddedTokenJson, length: number]> {
    for (let at = 0; ; ) {
      // Set each time: another text may be cut in between.
      beginning.lastIndex = at;
      const found = beginning.exec(text);
      if (!found) return;
      at = found.index;
      const length = this.#lengths.get(found[0])?.find((size) => this.#byContent.has(text.slice(at, at + size)));
      if (length === undefined) at++;
      else {
        yield [at, this.#byContent.get(text.slice(at, at + length)) as AddedTokenJson, length];
        at += length;
      }
    }
  }

  split(text: string): Part[] {
    if (!this.#beginning) return text === "" ? [] : [{ text, start: 0 }];
    const parts: Part[] = [];
    let last = 0;
    for (const [from, { id, single_word, lstrip, rstrip }, length] of this.#matches(text, this.#beginning)) {
      let start = from;
      let stop = from + length;
      if (single_word && (endsInWord(text, start) || startsWithWord.test(text.slice(stop, stop + 2)))) continue;
      if (lstrip) while (start > last && blank.test(text[start - 1] as string)) start--;
      if (rstrip) while (stop < text.length && blank.test(text[stop] as string)) stop++;
      if (start > last) parts.push({ text: text.slice(last, start), start: last });
      parts.push({ text: text.slice(start, stop), start, id });
      last = stop;
    }
    if (last < text.length) parts.push({ text: text.slice(last), start: last });
    return parts;
  }
}

function endsInWord(text: string, end: number): boolean {
  return endsWithWord.test(text.slice(Math.max(0, end - 2), end));
}
