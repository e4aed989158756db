/** Passes: whole ones and those that end early, single modules, and what the head says of vectors. */
import type { NativeChange } from "./edits";
import type { AbortFlag, NativeCache, NativeTensor } from "./handles";
import type { WeightRole } from "./open";

export interface ForwardOptions {
  /** (T,), T ≥ 1; with `embeds` it is not looked at. */
  ids: Int32Array;
  /** (T, hidden), T ≥ 1: vectors in place of the ids' embeddings. */
  embeds?: NativeTensor;
  /** Appended to when given; without it, the T tokens are a sequence of their own. */
  cache?: NativeCache;
  /**
   * Names of intermediates to keep, as transformers names the modules they come out of: `model.embed_tokens` (T, hidden);
   * for each layer i, `model.layers.i.input_layernorm` (T, hidden), `….self_attn.qkv_proj` (T, (heads + 2·kv_heads)·head_dim),
   * `….self_attn.rotary` (the same, q and k rotated), `….self_attn.attn_weights` (heads, T, positions),
   * `….self_attn.context` (T, heads·head_dim), `….self_attn.o_proj` (T, hidden), `….post_attention_layernorm` (T, hidden),
   * `….mlp.gate_up_proj` (T, 2·ffn), `….mlp.activation_fn` (T, ffn: up · silu(gate)), `….mlp.down_proj` (T, hidden),
   * `model.layers.i` (T, hidden: the block's output); `model.norm` (T, hidden).
   */
  taps?: (string | TapRequest)[];
  /** What is changed on the way, in this order at each place; what is kept of a place is what the edits leave there. */
  edits?: readonly NativeChange[];
  /** Where the prompt of the text ends, in positions, for edits that name positions by it. Default: where this pass ends. */
  prompt?: number;
  /**
   * Positions of the longest text of the batch after the call, where this one is shorter: it says which frequencies are
   * taken. Where those of a cache were others, what it holds is computed anew.
   */
  length?: number;
  abort?: AbortFlag;
}

/** An intermediate of which only a part is kept. */
export interface TapRequest {
  name: string;
  /** Rows of the pass, rising; default: all. */
  rows?: Int32Array;
  /** Heads of attention weights, rising; default: all. */
  heads?: Int32Array;
}

export interface ForwardResult {
  /** (T, hidden), after the final norm. */
  last_hidden_state: NativeTensor;
  taps: Record<string, NativeTensor>;
}

/** A pass that ends early, without a cache. */
export interface PartialForward extends Omit<ForwardOptions, "cache"> {
  /** Layers that are run, from the first on. */
  layers: number;
}

/** A module that may be called by itself: a weight's role, or the gate of the MLP. */
export type NativeModule = Exclude<WeightRole, "embed_tokens" | "qkv_bias"> | "swiglu";

/** Rows of hidden states of which the head's scores are summarised. */
export interface SummaryOptions {
  /** (…, hidden) */
  hidden: NativeTensor;
  start: number;
  rows: number;
  /** Whether they go through the final norm first. */
  norm: boolean;
  /** The likeliest tokens of each row, at most 256. */
  k: number;
  /** (rows, n): ids whose scores and ranks are given. */
  tokens?: Int32Array;
  /** Rows a group, the last of which the others' distributions are compared with; default: 0, none. */
  group?: number;
  abort?: AbortFlag;
}

/** What the head says of rows; a table of (rows, vocab) is never made. */
export interface Summary {
  /** (rows, k): of the greatest scores in falling order, of equals the smaller id first. */
  ids: Int32Array;
  /** (rows, k): theirs. */
  logits: Float32Array;
  /** (rows) */
  logsumexp: Float32Array;
  /** (rows): of the softmax, in nats. */
  entropy: Float32Array;
  /** (rows), with `group`: the Kullback–Leibler divergence of the row's distribution from that of its group's last, in nats. */
  divergence: Float32Array;
  /** (rows, n) */
  token_logits: Float32Array;
  /** (rows, n): 1 is the greatest. */
  token_ranks: Int32Array;
}
