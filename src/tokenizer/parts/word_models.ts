/** WordPiece and WordLevel: words looked up, whole or from their start on. */
import type { JsonNode } from "../spec";
import { TokenizerError } from "./bounds";
import type { WordModel } from "./bpe";

/** The library's model: words to the texts of their tokens. */
interface Pieces {
  encode(words: string[]): string[];
}

// The package's types are an ECMAScript module's, which a plain import from CommonJS refuses.
const { WordPiece: LibraryWordPiece } = require("@huggingface/tokenizers") as {
  WordPiece: new (config: object) => Pieces;
};

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

/** The longest token that a word begins with, then the longest of the rest, which carries a prefix: the library's. */
export class WordPiece implements WordModel {
  readonly #ids: ReadonlyMap<string, number>;
  readonly #unknown: () => number;
  readonly #pieces: Pieces;

  constructor(node: JsonNode, ids: ReadonlyMap<string, number>) {
    this.#ids = ids;
    this.#unknown = unknownId(node, ids, "[UNK]");
    const { unk_token = "[UNK]", continuing_subword_prefix = "##", max_input_chars_per_word = 100 } = node;
    const vocab = Object.fromEntries(ids);
    const config = { type: "WordPiece", vocab, unk_token, continuing_subword_prefix, max_input_chars_per_word };
    this.#pieces = new LibraryWordPiece(config);
  }

  encode(word: string): readonly number[] {
    return this.#pieces.encode([word]).map((token) => this.#ids.get(token) ?? this.#unknown());
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
