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
  readonly #pattern: RegExp | undefined;

  /** @param spelled How a token is spelled in the text: as it is, or normalized. */
  constructor(tokens: AddedTokenJson[], spelled: (content: string) => string = (content) => content) {
    for (const token of tokens) {
      const content = spelled(token.content);
      if (content !== "" && !this.#byContent.has(content)) this.#byContent.set(content, token);
    }
    if (this.#byContent.size === 0) return;
    const longestFirst = [...this.#byContent.keys()].sort((a, b) => b.length - a.length);
    const escaped = longestFirst.map((content) => content.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
    this.#pattern = new RegExp(escaped.join("|"), "gu");
  }

  split(text: string): Part[] {
    if (!this.#pattern) return text === "" ? [] : [{ text, start: 0 }];
    const parts: Part[] = [];
    let last = 0;
    for (const found of text.matchAll(this.#pattern)) {
      const { id, single_word, lstrip, rstrip } = this.#byContent.get(found[0]) as AddedTokenJson;
      let start = found.index;
      let stop = start + found[0].length;
      if (single_word && (endsInWord(text, start) || startsWithWord.test(text.slice(stop, stop + 2)))) continue;
      if (lstrip) {
        while (start > last && blank.test(text[start - 1] as string)) start--;
        start = Math.max(start, last);
      }
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
