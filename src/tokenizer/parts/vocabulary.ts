/** Tokens and their ids, the added ones included. */
import type { AddedTokenJson, TokenizerJson } from "../spec";
import { TokenizerError } from "./bounds";

export class Vocabulary {
  readonly #ids: Map<string, number>;
  readonly #tokens: (string | undefined)[] = [];

  /** @param ids The model's own tokens. */
  constructor(ids: ReadonlyMap<string, number>, added: readonly AddedTokenJson[]) {
    this.#ids = new Map(ids);
    for (const [token, id] of ids) this.#tokens[id] = token;
    for (const { id, content } of added) {
      this.#ids.set(content, id);
      this.#tokens[id] = content;
    }
  }

  /** undefined where there is no such token. */
  id(token: string): number | undefined {
    return this.#ids.get(token);
  }

  /** undefined where no token has the id. */
  token(id: number): string | undefined {
    return this.#tokens[id];
  }

  entries(): Map<string, number> {
    return new Map(this.#ids);
  }
}

/** The tokens of tokenizer.json's `model.vocab`. @throws TokenizerError where it has none. */
export function modelTokens({ vocab }: TokenizerJson["model"]): Map<string, number> {
  if (Array.isArray(vocab)) {
    return new Map(
      vocab.map((entry, id) => {
        const token = Array.isArray(entry) ? (entry[0] as unknown) : undefined;
        if (typeof token !== "string")
          throw new TokenizerError(`its vocabulary's entry ${id} is no token with a score`);
        return [token, id];
      }),
    );
  }
  if (typeof vocab !== "object" || vocab === null) throw new TokenizerError("its model has no vocabulary");
  return new Map(Object.entries(vocab));
}
