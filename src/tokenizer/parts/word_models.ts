/** WordPiece and WordLevel: words looked up, whole or from their start on. */
import type { JsonNode } from "../spec";
import { TokenizerError } from "./bounds";
import type { WordModel } from "./bpe";

function unknownId(node: JsonNode, ids: ReadonlyMap<string, number>, fallback: string): () => number {
  const token = typeof node.unk_token === "string" ? node.unk_token : fallback;
  return () => {
    const id = ids.get(token);
    if (id === undefined)
      throw new TokenizerError(
        `its unk_token ${JSON.stringify(token)} is not in the vocabulary, and a word is unknown`,
      );
    return id;
  };
}

/** The longest token that a word begins with, then the longest of the rest, which carries a prefix. */
export class WordPiece implements WordModel {
  readonly #ids: ReadonlyMap<string, number>;
  readonly #unknown: () => number;
  readonly #prefix: string;
  readonly #longest: number;

  constructor(node: JsonNode, ids: ReadonlyMap<string, number>) {
    this.#ids = ids;
    this.#unknown = unknownId(node, ids, "[UNK]");
    const { continuing_subword_prefix = "##", max_input_chars_per_word = 100 } = node;
    this.#prefix = String(continuing_subword_prefix);
    this.#longest = Number(max_input_chars_per_word);
  }

  encode(word: string): readonly number[] {
    const letters = Array.from(word);
    if (letters.length > this.#longest) return [this.#unknown()];
    const result: number[] = [];
    for (let start = 0; start < letters.length; ) {
      let [end, id] = [letters.length, undefined as number | undefined];
      for (; end > start; end--) {
        id = this.#ids.get((start > 0 ? this.#prefix : "") + letters.slice(start, end).join(""));
        if (id !== undefined) break;
      }
      if (id === undefined) return [this.#unknown()];
      result.push(id);
      start = end;
    }
    return result;
  }
}

/** A word is a token, or the unknown one. */
export class WordLevel implements WordModel {
  readonly #ids: ReadonlyMap<string, number>;
  readonly #unknown: () => number;

  constructor(node: JsonNode, ids: ReadonlyMap<string, number>) {
    this.#ids = ids;
    this.#unknown = unknownId(node, ids, "<unk>");
  }

  encode(word: string): readonly number[] {
    return [this.#ids.get(word) ?? this.#unknown()];
  }
}
