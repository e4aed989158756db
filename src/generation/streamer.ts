/** Tokens as text while they are generated. */
import { inspect } from "node:util";
import { checkOptions } from "../options";
import type { TokenStream } from "../tokenizer";

/** What `generate` tells of its tokens. */
export interface BaseStreamer {
  /** Ids that came: first the prompt's, then each new one. */
  put(ids: number[]): void;
  /** No more come. */
  end(): void;
}

export interface TextStreamerOptions {
  /** Leaves the prompt out. Default: false. */
  skip_prompt?: boolean;
  /** Leaves special tokens out. Default: false. */
  skip_special_tokens?: boolean;
  /** Gets each piece of text. Default: it is printed. */
  callback_function?: (text: string) => void;
}

/** As much of a tokenizer as a streamer needs. */
export interface StreamTokenizer {
  stream(options?: { skip_special_tokens?: boolean }): TokenStream;
}

/**
 * Prints text as it comes, never half a character.
 *
 * @example await model.generate({ input_ids, streamer: new TextStreamer(tokenizer, { skip_prompt: true }) });
 */
export class TextStreamer implements BaseStreamer {
  readonly #tokenizer: StreamTokenizer;
  readonly #options: TextStreamerOptions;
  readonly #write: (text: string) => void;
  #stream: TokenStream | undefined;

  constructor(tokenizer: StreamTokenizer, options: TextStreamerOptions = {}) {
    checkOptions(options, { skip_prompt: true, skip_special_tokens: true, callback_function: true }, "TextStreamer");
    if (typeof tokenizer?.stream !== "function")
      throw new TypeError(`Expected a tokenizer for TextStreamer but received ${inspect(tokenizer, { depth: 0 })}`);
    this.#tokenizer = tokenizer;
    this.#options = options;
    this.#write = options.callback_function ?? ((text) => void process.stdout.write(text));
  }

  put(ids: number[]): void {
    const prompt = this.#stream === undefined;
    this.#stream ??= this.#tokenizer.stream({ skip_special_tokens: this.#options.skip_special_tokens });
    // A prompt that is not shown still decides whether the first new token begins with a space.
    const text = this.#stream.push(ids);
    if (text !== "" && !(prompt && this.#options.skip_prompt)) this.#write(text);
  }

  end(): void {
    const rest = this.#stream?.end() ?? "";
    this.#stream = undefined;
    if (rest !== "") this.#write(rest);
    if (!this.#options.callback_function) this.#write("\n");
  }
}
