/** What a model's calls give: fields by name, and by number in transformers' order. */
import type { Tensor } from "../tensor";
import type { DynamicCache } from "./cache";

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
