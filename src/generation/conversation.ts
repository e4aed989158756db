/** Keys and values of a conversation from turn to turn, so that a turn's prompt costs only what is new in it. */
import { DynamicCache } from "../model/cache";
import type { Tensor } from "../tensor";
import { optionOf } from "./batching";
import type { GenerateArguments, GenerationOptions, TokenOptions } from "./options";

/** As much of a model as a conversation needs. */
interface Generator {
  readonly generation_config: GenerationOptions;
  generate(options: GenerateArguments): Promise<Tensor>;
}

/**
 * The last conversation of a model. A prompt that begins as it did goes on from its keys and values; any other begins anew
 * where it turns away. What was computed under edits is nobody's beginning: they may be others in the next call, and say
 * what is the prompt and what is new of each call by itself.
 */
export class Conversation {
  #cache = new DynamicCache();
  /** The ids that the cache holds. */
  #ids: readonly number[] = [];
  #busy = false;

  /** `model.generate` of these ids; calls that come meanwhile, with edits, of beams or several sequences, compute all of theirs. */
  async generate(model: Generator, ids: readonly number[], options: TokenOptions): Promise<Tensor> {
    const value = <Name extends keyof GenerationOptions>(name: Name) => optionOf(model, options, name);
    const several = (value("num_beams") ?? 1) > 1 || (value("num_return_sequences") ?? 1) > 1;
    const edited = (options.edits ?? []).length > 0;
    if (this.#busy || several || edited || value("use_cache") === false)
      return model.generate({ ...options, input_ids: ids });
    this.#busy = true;
    const cache = this.#cache;
    try {
      let common = 0;
      // The prompt's last token is always computed: its pass gives the first new one.
      while (common < ids.length - 1 && this.#ids[common] === ids[common]) common++;
      if (common < cache.get_seq_length()) cache.crop(common);
      this.#ids = ids.slice(0, common);
      const sequences = await model.generate({ ...options, input_ids: ids, past_key_values: cache });
      const all = Array.from(sequences.data as BigInt64Array, Number);
      if (cache === this.#cache && !cache.edited) this.#ids = all.slice(0, cache.get_seq_length());
      return sequences;
    } finally {
      this.#busy = false;
      if (cache !== this.#cache) cache.dispose();
    }
  }

  /** Frees the keys and values, or as soon as the call under way has ended. */
  reset(): void {
    if (!this.#busy) this.#cache.dispose();
    this.#cache = new DynamicCache();
    this.#ids = [];
  }
}
