/** Text from ids that come one by one, as a model generates them. */
import type { StreamDecoder } from "./decode";
import { type Ids, toIds } from "./ids";

/**
 * Decodes ids that come bit by bit; made by `tokenizer.stream()`. The pieces joined are what `tokenizer.decode` gives
 * for all ids at once, and no piece ends inside a character.
 *
 * @example
 * const stream = tokenizer.stream();
 * const pieces = [504, 3575, 282].map((id) => stream.push(id));
 * [...pieces, stream.end()]; // => ["The", " capital", " of", ""]
 */
export class TokenStream {
  readonly #decoder: StreamDecoder;
  readonly #token: (id: number) => string | undefined;

  /** @internal */
  constructor(decoder: StreamDecoder, token: (id: number) => string | undefined) {
    this.#decoder = decoder;
    this.#token = token;
  }

  /**
   * The text that these ids make certain; empty when they end inside a character.
   *
   * @throws TypeError for what are no token ids.
   * @example tokenizer.stream().push([504, 3575]); // => "The capital"
   */
  push(ids: Ids): string {
    const tokens = toIds(ids).map((id) => this.#token(id));
    return this.#decoder.push(tokens.filter((token) => token !== undefined));
  }

  /**
   * What was held back, when no more ids come.
   *
   * @example tokenizer.stream().end(); // => ""
   */
  end(): string {
    return this.#decoder.end();
  }
}
