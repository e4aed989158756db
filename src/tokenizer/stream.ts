/** Text from ids that come one by one, as a model generates them. */
import type { StreamDecoder } from "./decode";
import { type Ids, toIds } from "./ids";

/**
 * Made by `tokenizer.stream()`. The pieces joined are what `tokenizer.decode` gives for all ids at once, and no piece
 * ends inside a character.
 *
 * @example
 * const stream = tokenizer.stream({ skip_special_tokens: true });
 * for (const id of ids) process.stdout.write(stream.push(id));
 * process.stdout.write(stream.end());
 */
export class TokenStream {
  readonly #decoder: StreamDecoder;
  readonly #token: (id: number) => string | undefined;

  constructor(decoder: StreamDecoder, token: (id: number) => string | undefined) {
    this.#decoder = decoder;
    this.#token = token;
  }

  /** The text that these ids make certain; often empty, when they end inside a character. */
  push(ids: Ids): string {
    let text = "";
    for (const id of toIds(ids)) {
      const token = this.#token(id);
      if (token !== undefined) text += this.#decoder.push(token);
    }
    return text;
  }

  /** The rest, when no more ids come. */
  end(): string {
    return this.#decoder.end();
  }
}
