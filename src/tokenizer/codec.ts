/** A tokenizer's parts at work: text to ids, and ids to text. What fails in them names the file that they came from. */
import { CleaningDecoder, decoderFactory, type DecoderFactory } from "./decode";
import type { Ids } from "./ids";
import { TokenizerError } from "./parts/bounds";
import { cleanUpSpaces } from "./parts/decoders";
import { type EncodeOptions, Encoder, modelType } from "./parts/encoder";
import type { Vocabulary } from "./parts/vocabulary";
import type { TokenizerSpec } from "./spec";
import { TokenStream } from "./stream";

/** How ids are decoded. */
export interface Decoding {
  /** Ids of which the text has nothing. Default: none. */
  leftOut?: (id: number) => boolean;
  /** Whether spaces before punctuation are taken out. Default: what the files say; of byte pairs they never are. */
  clean?: boolean;
}

/** What a tokenizer's spec describes, made and tried out. */
export class Codec {
  readonly vocabulary: Vocabulary;
  /** Tokens of the model's own vocabulary. */
  readonly modelSize: number;
  /** Tokens, those added on top of it included. */
  readonly size: number;
  readonly #file: string;
  readonly #encoder: Encoder;
  readonly #decoder: DecoderFactory;
  /** What decides where the caller does not; undefined where nothing is ever cleaned. */
  readonly #clean: boolean | undefined;

  /** @throws Error when the parts do not make a tokenizer. */
  constructor(spec: TokenizerSpec) {
    const { json } = spec;
    this.#file = spec.file;
    try {
      this.#encoder = new Encoder(json);
      this.#decoder = decoderFactory(json.decoder);
      this.vocabulary = this.#encoder.vocabulary;
      this.#clean = modelType(json.model) === "BPE" ? undefined : spec.clean_up_tokenization_spaces;
      // Damage to some parts shows only in use.
      this.decode(this.#encoder.encode("a 1", { special: true }));
    } catch (error) {
      const { message } = error as Error;
      const what = `${spec.name_or_path} holds no tokenizer that can be used: ${message.replace(/\.?$/, ".")}`;
      throw new Error(what, { cause: error });
    }
    const vocab = json.model.vocab ?? {};
    this.modelSize = Array.isArray(vocab) ? vocab.length : Object.keys(vocab).length;
    this.size = this.modelSize + json.added_tokens.filter(({ id }) => id >= this.modelSize).length;
  }

  encode(text: string, options: EncodeOptions): number[] {
    return this.#named("encode this text", () => this.#encoder.encode(text, options));
  }

  /** @throws TypeError for what are no token ids. */
  decode(ids: Ids, { leftOut, clean }: Decoding = {}): string {
    const stream = this.stream({ leftOut, clean: false });
    const text = this.#named("decode these ids", () => stream.push(ids) + stream.end());
    return this.#cleans(clean) ? cleanUpSpaces(text) : text;
  }

  /** Begins to decode ids that come bit by bit. */
  stream({ leftOut, clean }: Decoding = {}): TokenStream {
    const plain = this.#decoder();
    const decoder = this.#cleans(clean) ? new CleaningDecoder(plain) : plain;
    return new TokenStream(decoder, (id) => (leftOut?.(id) ? undefined : this.vocabulary.token(id)));
  }

  #cleans(asked: boolean | undefined): boolean {
    return this.#clean !== undefined && (asked ?? this.#clean);
  }

  /** Runs a part of the tokenizer, with the file that it came from in its errors. */
  #named<T>(task: string, run: () => T): T {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof TokenizerError)) throw error;
      throw new Error(`${this.#file} cannot ${task}: ${error.message}.`, { cause: error });
    }
  }
}
