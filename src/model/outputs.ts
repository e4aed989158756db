/** What a model's calls give: fields by name, and by number in transformers' order. */
import { inspect } from "node:util";
import type { NativeCache } from "../native";
import type { Tensor } from "../tensor";

/**
 * Keys and values of the tokens so far, so that a later call computes only what is new. A call with `use_cache: true`
 * makes one; the name is transformers'.
 *
 * @example
 * const { past_key_values } = await model(input_ids, { use_cache: true });
 * const { logits } = await model([7042], { past_key_values }); // one more token
 * past_key_values!.get_seq_length(); // => 6
 */
export class DynamicCache {
  /** @internal */
  readonly caches: NativeCache[];

  /** @internal */
  constructor(caches: NativeCache[]) {
    this.caches = caches;
  }

  /**
   * Positions held, of the first row.
   *
   * @example (await model(input_ids, { use_cache: true })).past_key_values!.get_seq_length(); // => 5
   */
  get_seq_length(): number {
    return this.caches[0]?.length ?? 0;
  }

  /**
   * Forgets every position from `length` on, to go on from there another way.
   *
   * @example
   * const { past_key_values } = await model(input_ids, { use_cache: true });
   * past_key_values!.crop(3);
   * past_key_values!.get_seq_length(); // => 3
   */
  crop(length: number): void {
    for (const cache of this.caches) cache.truncate(Math.min(length, cache.length));
  }

  /**
   * Frees the memory now, not when the collector comes by.
   *
   * @example (await model(input_ids, { use_cache: true })).past_key_values!.dispose();
   */
  dispose(): void {
    for (const cache of this.caches) cache.dispose();
  }
}

/** @throws TypeError when `past_key_values` is given and is no cache. */
export function checkCache(past: unknown): void {
  if (past !== undefined && !(past instanceof DynamicCache))
    throw new TypeError(
      `Expected the past_key_values of an earlier call, made with use_cache: true, but received ${inspect(past, { depth: 0 })}`,
    );
}

/** What `model.model(…)` gives; names of transformers' `BaseModelOutputWithPast`. */
export interface BaseModelOutput {
  /** The same as `last_hidden_state`. */
  0: Tensor;
  /** (rows, T, hidden): one vector a position, after the final norm. */
  last_hidden_state: Tensor;
  /**
   * With `output_hidden_states`: the embeddings, then each block's output, the last one after the final norm; (rows, T,
   * hidden) each.
   */
  hidden_states?: Tensor[];
  /** With `output_attentions`: each block's attention weights, (rows, heads, T, positions). */
  attentions?: Tensor[];
  /** Keys and values: with `use_cache` a new cache, else the one that was given. */
  past_key_values?: DynamicCache;
}

/** What `model(…)` gives; names of transformers' `CausalLMOutputWithPast`. */
export interface CausalLMOutput extends Omit<BaseModelOutput, "last_hidden_state"> {
  /** The same as `logits`. */
  0: Tensor;
  /** (rows, T, vocab): the scores of the token after each position. */
  logits: Tensor;
}
