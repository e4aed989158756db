/** A tokenizer of tokenizer.json's parts: from a text to ids, as the Rust library goes. */
import type { TokenizerJson } from "../spec";
import { AddedTokens } from "./added_tokens";
import { bounded, enter, TokenizerError } from "./bounds";
import { Bpe, type WordModel } from "./bpe";
import { normalizer, type Normalizer } from "./normalizers";
import type { Piece } from "./pieces";
import { type PostProcessor, postProcessor } from "./post_processors";
import { preTokenizer, type PreTokenizer } from "./pre_tokenizers";
import { checkExpressions, knownExpressions } from "./trust";
import { Unigram } from "./unigram";
import { modelTokens, Vocabulary } from "./vocabulary";
import { WordLevel, WordPiece } from "./word_models";

/** How a text is encoded. */
export interface EncodeOptions {
  /** Puts BOS and the like around. */
  special: boolean;
  /** Ids at most, those around included. Default: as many as there are. */
  most?: number;
  /** The end that is cut off where there are more. Default: "right". */
  side?: "left" | "right";
}

/** Characters of added tokens that may be looked at at each place of a text; models have some hundreds. */
const mostWork = 20_000;

export class Encoder {
  readonly vocabulary: Vocabulary;
  readonly #plain: AddedTokens;
  readonly #normalized: AddedTokens;
  readonly #normalize: Normalizer;
  readonly #cut: PreTokenizer;
  readonly #model: WordModel;
  readonly #process: PostProcessor;
  /** Whether its time is known to be linear in a text, and short. */
  #trusted: boolean;
  /** How many ids are put around a text. */
  readonly #around: number;

  /** @throws TokenizerError when the parts do not make a tokenizer. */
  constructor(json: TokenizerJson) {
    const ids = modelTokens(json.model);
    const added = json.added_tokens;
    this.vocabulary = new Vocabulary(ids, added);
    checkExpressions(json.normalizer, json.pre_tokenizer, json.decoder);
    this.#trusted = knownExpressions(json.normalizer) && knownExpressions(json.pre_tokenizer);
    this.#normalize = normalizer(json.normalizer);
    this.#plain = new AddedTokens(added.filter((token) => !token.normalized));
    const normalized = added.filter((token) => token.normalized);
    const length = normalized.reduce((sum, { content }) => sum + content.length, 0);
    this.#normalized = bounded(length, this.#trusted, () => new AddedTokens(normalized, this.#normalize));
    // Many tokens that begin alike and differ in length make a text slow, too.
    if (Math.max(this.#plain.work, this.#normalized.work) > mostWork) this.#trusted = false;
    this.#cut = preTokenizer(json.pre_tokenizer);
    this.#model = wordModel(json.model, ids);
    this.#process = postProcessor(json.post_processor, this.vocabulary);
    this.#around = this.#process([]).length;
  }

  /**
   * @throws TokenizerError where a part takes too long or makes too much of the text.
   */
  encode(text: string, { special, most = Infinity, side = "right" }: EncodeOptions): number[] {
    const ids = bounded(text.length, this.#trusted, () => this.#encode(text));
    const around = special ? this.#around : 0;
    // What is put around a text is never cut off.
    const room = Math.max(0, most - around);
    const cut = ids.length <= room ? ids : side === "right" ? ids.slice(0, room) : ids.slice(ids.length - room);
    return special ? this.#process(cut) : cut;
  }

  #encode(text: string): number[] {
    const ids: number[] = [];
    enter("added_tokens");
    for (const part of this.#plain.split(text)) {
      if (part.id !== undefined) ids.push(part.id);
      else {
        const normalized = this.#normalize(part.text);
        for (const inner of this.#normalized.split(normalized)) {
          if (inner.id !== undefined) ids.push(inner.id);
          else this.#words({ text: inner.text, first: part.start === 0 && inner.start === 0 }, ids);
        }
      }
    }
    return ids;
  }

  #words(piece: Piece, ids: number[]): void {
    enter("pre_tokenizer");
    const words = this.#cut([piece]);
    enter("model");
    for (const { text } of words) for (const id of this.#model.encode(text)) ids.push(id);
  }
}

/** The type of tokenizer.json's `model`, which old files do not name. */
export function modelType(node: TokenizerJson["model"]): string {
  const guess = "merges" in node ? "BPE" : Array.isArray(node.vocab) ? "Unigram" : "WordPiece";
  const { type = guess } = node;
  return type;
}

function wordModel(node: TokenizerJson["model"], ids: ReadonlyMap<string, number>): WordModel {
  const type = modelType(node);
  switch (type) {
    case "BPE":
      return new Bpe(node, ids);
    case "Unigram":
      return new Unigram(node, ids);
    case "WordPiece":
      return new WordPiece(node, ids);
    case "WordLevel":
      return new WordLevel(node, ids);
    default:
      throw new TokenizerError(`the model ${JSON.stringify(type)} is not known`);
  }
}
