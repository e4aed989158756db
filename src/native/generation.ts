/** Texts that are continued, one or several at once. */
import type { NativeChange } from "./edits";
import type { AbortFlag, NativeCache } from "./handles";
import type { ForwardOptions } from "./passes";

export interface GreedyOptions {
  /** The prompt, (T,), T ≥ 1; the whole of it, also when `cache` already holds a prefix. */
  ids: Int32Array;
  /** Holds a beginning of the prompt, and in the end the text but its last token; default: one of the call's own. */
  cache?: NativeCache;
  /** New tokens at most, within the model's context. */
  max_new_tokens: number;
  /** No id of `eos_token_id` is chosen before so many. */
  min_new_tokens: number;
  /** Ids that end the text; the one that came is its last token. */
  eos_token_id: readonly number[];
  /** false: every position's keys and values are computed again at every step. */
  use_cache: boolean;
  /** Tokens of the prompt a pass; default: the backend's own choice. */
  chunk?: number;
  /** Tokens of the longest prompt of the batch, where this one is shorter: see {@link ForwardOptions.length}. */
  length?: number;
  /** What is changed in every pass. */
  edits?: readonly NativeChange[];
  /** Called on the JavaScript thread, in order, as the tokens come. */
  onToken?: (id: number, index: number) => void;
  abort?: AbortFlag;
}

export interface GreedyResult {
  /** The new tokens, the one that ended it included; those made before the abort when aborted. */
  tokens: Int32Array;
  /** From the start of the work to the first token, in milliseconds. */
  prompt_ms: number;
  /** Of each later token, in milliseconds: one fewer than `tokens`. */
  token_ms: Float64Array;
  aborted: boolean;
}

/** Several texts that are continued at once: what {@link GreedyOptions} says, with a cache each. */
export interface GreedyBatchOptions
  extends Pick<GreedyOptions, "min_new_tokens" | "eos_token_id" | "length" | "abort"> {
  texts: Pick<GreedyOptions, "ids" | "cache" | "max_new_tokens">[];
}

/** A token more of several sequences. */
export interface StepOptions {
  /** Each sequence's, a different one; it grows by one position. */
  caches: NativeCache[];
  /** As many. */
  ids: Int32Array;
  /** See {@link ForwardOptions.length}. */
  length?: number;
  /** Of each sequence, see {@link ForwardOptions.prompt}. */
  prompts?: number[];
  abort?: AbortFlag;
}
