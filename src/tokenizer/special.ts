/** The special tokens of a tokenizer, by name and by id, under transformers' names. */
import { Callable } from "../callable";
import type { Vocabulary } from "./parts/vocabulary";
import { type SpecialTokenName, specialTokenNames, type TokenizerSpec } from "./spec";

/** The part of a tokenizer that knows its special tokens. */
export abstract class SpecialTokens extends Callable {
  readonly #special: Partial<Record<SpecialTokenName, string>>;
  readonly #additional: string[];
  readonly #ofModel: Record<string, string>;
  readonly #specialIds: Set<number>;
  readonly #vocabulary: Vocabulary;

  constructor(spec: TokenizerSpec, vocabulary: Vocabulary) {
    super();
    this.#vocabulary = vocabulary;
    this.#special = { ...spec.special_tokens };
    this.#additional = [...spec.additional_special_tokens];
    this.#ofModel = { ...spec.model_special_tokens };
    this.#specialIds = new Set(spec.json.added_tokens.filter(({ special }) => special).map(({ id }) => id));
  }

  /** Whether `skip_special_tokens` leaves an id out. */
  protected _isSpecial(id: number): boolean {
    return this.#specialIds.has(id);
  }

  /** The ids that `skip_special_tokens` leaves out, in ascending order. */
  get all_special_ids(): number[] {
    return [...this.#specialIds].sort((a, b) => a - b);
  }

  /** The tokens of `all_special_ids`, in the same order. */
  get all_special_tokens(): string[] {
    return this.all_special_ids.map((id) => this.#vocabulary.token(id) as string);
  }

  /** The special tokens by name (`eos_token`, …), as transformers prints them; those that the tokenizer has. */
  get special_tokens_map(): Record<string, string | string[]> {
    const map: Record<string, string | string[]> = {};
    for (const name of specialTokenNames) {
      const token = this.#special[name];
      if (token !== undefined) map[`${name}_token`] = token;
    }
    Object.assign(map, this.#ofModel);
    if (this.#additional.length > 0) map.additional_special_tokens = [...this.#additional];
    return map;
  }

  #id(name: SpecialTokenName): number | undefined {
    const token = this.#special[name];
    return token === undefined ? undefined : this.#vocabulary.id(token);
  }

  #set(name: SpecialTokenName, token: string | undefined): void {
    const id = token === undefined ? undefined : this.#vocabulary.id(token);
    if (token !== undefined && id === undefined) {
      throw new Error(`Expected a token of the vocabulary for ${name}_token but received ${JSON.stringify(token)}.`);
    }
    this.#special[name] = token;
    if (id !== undefined) this.#specialIds.add(id);
  }

  /**
   * The token that begins a text; undefined where there is none. Setting it chooses another of the vocabulary.
   *
   * @throws Error when it is set to a token that the vocabulary does not have.
   */
  get bos_token(): string | undefined {
    return this.#special.bos;
  }
  set bos_token(token: string | undefined) {
    this.#set("bos", token);
  }
  /** The id of `bos_token`. */
  get bos_token_id(): number | undefined {
    return this.#id("bos");
  }
  /**
   * The token that ends a text; undefined where there is none. Setting it chooses another of the vocabulary, for the
   * tokenizer alone: what ends a generation is `eos_token_id` of `generate`.
   *
   * @throws Error when it is set to a token that the vocabulary does not have.
   */
  get eos_token(): string | undefined {
    return this.#special.eos;
  }
  set eos_token(token: string | undefined) {
    this.#set("eos", token);
  }
  /** The id of `eos_token`. */
  get eos_token_id(): number | undefined {
    return this.#id("eos");
  }
  /** The token for text that the vocabulary cannot spell; undefined where there is none. */
  get unk_token(): string | undefined {
    return this.#special.unk;
  }
  /** The id of `unk_token`. */
  get unk_token_id(): number | undefined {
    return this.#id("unk");
  }
  /**
   * The token that fills up rows; undefined where there is none. Setting it chooses another of the vocabulary.
   *
   * @throws Error when it is set to a token that the vocabulary does not have.
   */
  get pad_token(): string | undefined {
    return this.#special.pad;
  }
  set pad_token(token: string | undefined) {
    this.#set("pad", token);
  }
  /** The id of `pad_token`. */
  get pad_token_id(): number | undefined {
    return this.#id("pad");
  }
}
