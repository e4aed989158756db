/** Tokens as text while they are generated. */
import { inspect } from "node:util";
import { checkOptions } from "../options";
import type { TokenStream } from "../tokenizer";

/**
 * What `generate` takes as its `streamer`: any object with these two methods, as in transformers. An error that one of
 * them throws ends the generation.
 *
 * @example
 * let count = 0;
 * const streamer = { put: (ids: number[]) => void (count += ids.length), end: () => console.log(`${count} tokens`) };
 * await model.generate({ input_ids, max_new_tokens: 5, streamer }); // prints 10 tokens
 */
export interface BaseStreamer {
  /** Gets ids as they come: first the prompt's together, then each new one. */
  put(ids: number[]): void;
  /** Is told that no more come, after an error or an interrupt too. */
  end(): void;
}

/** What {@link TextStreamer} takes beside the tokenizer; the names are transformers.js'. */
export interface TextStreamerOptions {
  /** Leaves the prompt out. Default: false. */
  skip_prompt?: boolean;
  /** Leaves special tokens such as `<|end|>` out. Default: false. */
  skip_special_tokens?: boolean;
  /**
   * Gets each piece of text, where it is not to be printed. Default: the text is printed, with a line's end behind it.
   */
  callback_function?: (text: string) => void;
}

/** As much of a {@link PreTrainedTokenizer} as a streamer needs. */
export interface StreamTokenizer {
  /** Begins to decode a text of which the ids come bit by bit. */
  stream(options?: { skip_special_tokens?: boolean }): TokenStream;
}

/**
 * Prints text while it is generated, never half a character. The name is transformers'.
 *
 * @example
 * const streamer = new TextStreamer(tokenizer, { skip_prompt: true });
 * await model.generate({ input_ids, max_new_tokens: 2, streamer }); // prints  Paris.
 * @example
 * const pieces: string[] = [];
 * const callback_function = (text: string) => void pieces.push(text);
 * await model.generate({ input_ids, max_new_tokens: 2, streamer: new TextStreamer(tokenizer, { callback_function }) });
 * pieces; // => ["The capital of France is", " Paris", "."]
 */
export class TextStreamer implements BaseStreamer {
  readonly #tokenizer: StreamTokenizer;
  readonly #options: TextStreamerOptions;
  readonly #write: (text: string) => void;
  #stream: TokenStream | undefined;

  /** @throws TypeError for what is no tokenizer, or an option that does not exist. */
  constructor(tokenizer: StreamTokenizer, options: TextStreamerOptions = {}) {
    checkOptions(options, { skip_prompt: true, skip_special_tokens: true, callback_function: true }, "TextStreamer");
    if (typeof tokenizer?.stream !== "function")
      throw new TypeError(`Expected a tokenizer for TextStreamer but received ${inspect(tokenizer, { depth: 0 })}`);
    this.#tokenizer = tokenizer;
    this.#options = options;
    this.#write = options.callback_function ?? ((text) => void process.stdout.write(text));
  }

  /**
   * Prints the text that these ids make certain; the first call's ids are the prompt.
   *
   * @example new TextStreamer(tokenizer).put(tokenizer.encode(prompt)); // prints The capital of France is
   */
  put(ids: number[]): void {
    const prompt = this.#stream === undefined;
    this.#stream ??= this.#tokenizer.stream({ skip_special_tokens: this.#options.skip_special_tokens });
    // A prompt that is not shown still decides whether the first new token begins with a space.
    const text = this.#stream.push(ids);
    if (text !== "" && !(prompt && this.#options.skip_prompt)) this.#write(text);
  }

  /**
   * Prints what was held back, and is ready for the next generation.
   *
   * @example
   * const streamer = new TextStreamer(tokenizer);
   * streamer.put(tokenizer.encode(prompt));
   * streamer.end(); // prints The capital of France is
   */
  end(): void {
    const rest = this.#stream?.end() ?? "";
    this.#stream = undefined;
    if (rest !== "") this.#write(rest);
    if (!this.#options.callback_function) this.#write("\n");
  }
}
