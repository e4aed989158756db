/**
 * The one file that loads the C++ addon and gives it types. Everything else in `src/` speaks to these interfaces.
 *
 * All work on a model runs on that model's own native thread, in the order of the calls; the promises resolve on the
 * JavaScript thread. Every failure, an abort included, is an ordinary rejected `Error`.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { WeightType } from "./weights/formats";

export type { WeightType };

/** What arithmetic is done in on a GPU: weights, keys and values are of this type, sums are float32. */
export type Dtype = "float32" | "bfloat16" | "float16";

/** What a prompt's matrix products are computed in on the CPU. */
export type Compute = "float32" | "bfloat16";

/** What the CPU keeps keys and values in. */
export type KvDtype = "float32" | "float16";

/** How positions are turned into angles (rotary embeddings); the names are transformers'. */
export interface RopeParameters {
  /** "default": plain; other types stretch it for longer texts, by the numbers below. */
  rope_type: string;
  /** The base: pair i of a head of d numbers turns by rope_theta^(-2i / d) radians a position. */
  rope_theta: number;
  /** Of each head's numbers, the share that is rotated: 1 is all. */
  partial_rotary_factor: number;
  /** By how much it is stretched. */
  factor?: number;
  /** The context that the model was trained with at first. */
  original_max_position_embeddings?: number;
  /** Multiplies cosines and sines. */
  attention_factor?: number;
  /** "longrope": each pair's divisor in texts within the original context. */
  short_factor?: number[];
  /** "longrope": each pair's divisor in longer texts. */
  long_factor?: number[];
  /** "llama3": where low frequencies begin. */
  low_freq_factor?: number;
  /** "llama3": where high frequencies end. */
  high_freq_factor?: number;
  /** "yarn": the rotations from which on a pair is left as it is. */
  beta_fast?: number;
  /** "yarn": the rotations up to which a pair is stretched wholly. */
  beta_slow?: number;
  /** "yarn": of the attention factor. */
  mscale?: number;
  /** "yarn": of the attention factor. */
  mscale_all_dim?: number;
  /** "yarn": whether the bounds are whole pairs. */
  truncate?: boolean;
  /** "factors": each pair's divisor, as a GGUF file holds it. */
  freq_factors?: number[];
}

/** A model's sizes and special ids, `model.config`; the names and units are those of transformers' `Phi3Config`. */
export interface ModelConfig {
  /** The architecture that the files name. */
  model_type: "phi3" | "llama" | "mistral" | "qwen2" | "qwen3" | "smollm3";
  /** Numbers in the vector of a position. */
  hidden_size: number;
  /** Numbers in the vector inside an MLP. */
  intermediate_size: number;
  /** Blocks of the stack. */
  num_hidden_layers: number;
  /** Query heads of a block. */
  num_attention_heads: number;
  /** Key and value heads of a block; each serves num_attention_heads / num_key_value_heads query heads. */
  num_key_value_heads: number;
  /** Numbers in a head's query, key or value. */
  head_dim: number;
  /** Rows of the embeddings and of the head: ids run from 0 to one less. */
  vocab_size: number;
  /** Positions of the context: prompt and continuation together. */
  max_position_embeddings: number;
  /** Is added to the mean square under the root of a norm. */
  rms_norm_eps: number;
  /** The activation of the MLP: "silu". */
  hidden_act: string;
  /** Whether the projections to queries, keys and values have biases. */
  attention_bias: boolean;
  /** Whether the MLP's projections have biases: false of every model that loads here. */
  mlp_bias: boolean;
  /** How positions are turned into angles. */
  rope_parameters: RopeParameters;
  /** Keys that a query sees, counting its own; null: all before it. */
  sliding_window: number | null;
  /** Of each layer, whether the window holds there; absent: it holds in all. */
  layer_types?: ("full_attention" | "sliding_attention")[];
  /** Of each layer, 0 where queries and keys are not rotated; absent: they are in all. */
  no_rope_layers?: number[];
  /** Whether the head is the embeddings' matrix. */
  tie_word_embeddings: boolean;
  /** The id that begins a text; null where the model has none. */
  bos_token_id: number | null;
  /** The ids that end a text. */
  eos_token_id: number[];
  /** The id that fills up rows; null where the model has none. */
  pad_token_id: number | null;
}

/** What an architecture computes, as data: all that the forward pass knows of a model besides its weights. */
export interface Architecture
  extends Pick<
    ModelConfig,
    | "hidden_size"
    | "intermediate_size"
    | "num_hidden_layers"
    | "num_attention_heads"
    | "num_key_value_heads"
    | "head_dim"
    | "vocab_size"
    | "max_position_embeddings"
    | "rms_norm_eps"
  > {
  rotary: {
    /** Of each head's numbers, the first ones, that are rotated. */
    dims: number;
    /** (dims / 2): radians a position of pair (i, i + dims / 2), float32. */
    frequencies: number[];
    /** Multiplies cosines and sines. */
    factor: number;
    /** In texts of more than `from` positions these frequencies are taken at every position. */
    long?: { frequencies: number[]; from: number };
  };
  /** Of each layer: keys that a query sees, counting its own; 0: all before it. */
  windows: number[];
  /** Layers whose queries and keys are not rotated. */
  unrotated: number[];
}

/** What a weight is to the forward pass; phi3.cc says its shape. */
export type WeightRole =
  | "embed_tokens"
  | "input_layernorm"
  | "qkv_proj"
  | "qkv_bias"
  | "q_norm"
  | "k_norm"
  | "o_proj"
  | "post_attention_layernorm"
  | "gate_up_proj"
  | "down_proj"
  | "norm"
  | "lm_head";

/** A matrix of floating-point numbers in a file that is read beside a weight. */
export interface StoredMatrix {
  /** F32, F16 or BF16. */
  type: WeightType;
  /** Rows, columns. */
  shape: number[];
  /** Index into {@link OpenOptions.files}. */
  file: number;
  /** Bytes from the file's start. */
  offset: number;
}

/** How a weight's numbers in its file become those that the device gets; native/model/convert.h computes it. */
export interface Conversion {
  /** What the file holds. */
  stored: WeightType | "F64" | "F8_E4M3";
  /** Number (row, col) is multiplied by the scale at (row / block[0], col / block[1]). */
  scales?: StoredMatrix & { block: number[] };
  /** Rows from `first` on gain factor · b (rows, rank) · a (rank, columns): a LoRA adapter. */
  added?: { first: number; a: StoredMatrix; b: StoredMatrix; factor: number }[];
}

/** One tensor of a weight file. */
export interface WeightPart {
  /** The file's own, for messages (`model.layers.0.self_attn.qkv_proj.weight`, `blk.0.attn_q.weight`). */
  name: string;
  /** What the device gets: the file's own format, unless `conversion` says how it becomes another. */
  type: WeightType;
  conversion?: Conversion;
  /** Outermost first. */
  shape: number[];
  /** Index into {@link OpenOptions.files}. */
  file: number;
  /** Bytes from the file's start. */
  offset: number;
  /** Its rows are those of so many heads, in each of which the numbers that rotate together are neighbours. */
  interleaved_heads?: number;
}

/** A weight of the model: the rows of its parts, in their order. */
export interface WeightEntry {
  role: WeightRole;
  /** -1 outside the layers. */
  layer: number;
  parts: WeightPart[];
}

/** Set once from JavaScript, read between layers by the native thread. */
export interface AbortFlag {
  abort(): void;
  readonly aborted: boolean;
}

export interface OpenOptions {
  architecture: Architecture;
  files: string[];
  /** A model without `lm_head` uses `embed_tokens` in its place. */
  weights: WeightEntry[];
  device: "cpu" | "cuda";
  /** Of weights, keys and values on a GPU, never "auto" there; the CPU computes in float32 whatever this says. */
  dtype: "auto" | Dtype;
  /** Of the CPU's keys and values; default: "float32". */
  kv_dtype?: KvDtype;
  /** CPU threads; default: as many as physical cores that the process may use. */
  threads?: number;
  /** Of prompts' products on the CPU; default: "float32". A processor that cannot do the other rejects with a sentence. */
  compute?: Compute;
  /** Bytes of weights placed so far, of all; called on the JavaScript thread, at most some tens of times a second. */
  onProgress?: (placed: number, total: number) => void;
  abort?: AbortFlag;
}

/** A float32 array in the device's memory, row-major. Its memory is known to the garbage collector. */
export interface NativeTensor {
  readonly dims: number[];
  readonly nbytes: number;
  /** Copies `count` elements from element `start` on. Throws after `dispose`. */
  read(start: number, count: number): Float32Array;
  dispose(): void;
}

/** Keys and values of one sequence. */
export interface NativeCache {
  /** Positions held. */
  readonly length: number;
  /** Positions that fit: the model's context. */
  readonly capacity: number;
  /** Bytes committed. */
  readonly nbytes: number;
  /** Forgets every position from `length` on. */
  truncate(length: number): void;
  dispose(): void;
}

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

/** Positions of a text: a rising list, or from one on, up to, without, another; default: all. */
export interface NativePositions {
  rows?: Int32Array;
  from?: number;
  to?: number;
}

/** Numbers of an intermediate that change at some positions; native/seam/tensor.h, RowEdit, says how. */
export interface NativeEdit extends NativePositions {
  /** A name as in {@link ForwardOptions.taps}; attention weights cannot be edited. */
  at: string;
  op: "add" | "multiply" | "set" | "project_out";
  /** Columns [first, last). */
  first: number;
  last: number;
  scale: number;
  /** (1, last - first), or a row for each of the positions. */
  value?: NativeTensor;
}

/** A function that is given an intermediate; until it calls `done`, with what takes its place or nothing, the pass waits. */
export interface NativeHook extends NativePositions {
  at: string;
  /** `numbers` (rows, n), the first row at `position`; `done(null)` makes the pass fail. */
  call: (numbers: Float32Array, rows: number, position: number, done: (changed?: Float32Array | null) => void) => void;
}

/** Edges of attention, from queries to keys, that count as never seen. */
export interface NativeKnockOut {
  layer: number;
  heads: Int32Array;
  queries: NativePositions;
  keys: NativePositions;
}

/** What may be changed in a pass. */
export type NativeChange = NativeEdit | NativeHook | NativeKnockOut;

/** A pass that ends early, without a cache. */
export interface PartialForward extends Omit<ForwardOptions, "cache"> {
  /** Layers that are run, from the first on. */
  layers: number;
}

/** An intermediate of which only a part is kept. */
export interface TapRequest {
  name: string;
  /** Rows of the pass, rising; default: all. */
  rows?: Int32Array;
  /** Heads of attention weights, rising; default: all. */
  heads?: Int32Array;
}

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

/** A module that may be called by itself: a weight's role, or the gate of the MLP. */
export type NativeModule = Exclude<WeightRole, "embed_tokens" | "qkv_bias"> | "swiglu";

export interface ForwardResult {
  /** (T, hidden), after the final norm. */
  last_hidden_state: NativeTensor;
  taps: Record<string, NativeTensor>;
}

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

export interface GreedyResult {
  /** The new tokens, the one that ended it included; those made before the abort when aborted. */
  tokens: Int32Array;
  /** From the start of the work to the first token, in milliseconds. */
  prompt_ms: number;
  /** Of each later token, in milliseconds: one fewer than `tokens`. */
  token_ms: Float64Array;
  aborted: boolean;
}

/** What one part of the forward pass cost in one layer; -1: outside the layers. */
export interface ProfileEntry {
  part: "embed" | "qkv" | "attention" | "output" | "gate_up" | "down" | "head" | "argmax";
  layer: number;
  calls: number;
  /** Of weights that were read, or of keys and values. */
  bytes: number;
  seconds: number;
}

/** What `stopProfile` gives. */
export interface ProfileResult {
  /** By part in the order of a pass, then by layer. */
  stages: ProfileEntry[];
  /**
   * Where the device records a token's pass and replays it when nothing is timed: how many such passes ran stage by stage
   * instead, and the seconds of these, and of as many when they are replayed, measured afterwards. Else null.
   */
  replays: { passes: number; staged: number; replayed: number } | null;
}

export interface NativeModel {
  /** The model itself, of which this is a view that edits every pass. */
  readonly original?: NativeModel;
  readonly device: "cpu" | "cuda";
  readonly dtype: Dtype;
  createCache(): NativeCache;
  forward(options: PartialForward): Promise<Pick<ForwardResult, "taps">>;
  forward(options: ForwardOptions): Promise<ForwardResult>;
  /** Logits (rows, vocab) of `rows` rows of a (…, hidden) tensor from row `start` on. */
  lmHead(hidden: NativeTensor, start: number, rows: number): Promise<NativeTensor>;
  /** One module's output (rows, n) of `rows` rows of a tensor from row `start` on; `layer` is -1 outside the layers. */
  apply(module: NativeModule, layer: number, input: NativeTensor, start: number, rows: number): Promise<NativeTensor>;
  /** (T, hidden): the embeddings of ids. */
  embed(ids: Int32Array): Promise<NativeTensor>;
  /** Norms, projects and summarises, in chunks. Rejects, naming the row, where a score is not finite. */
  summarise(options: SummaryOptions): Promise<Summary>;
  /** A tensor with these numbers; their count must be the product of `dims`. */
  upload(data: Float32Array, dims: number[]): NativeTensor;
  generateGreedy(options: GreedyOptions): Promise<GreedyResult>;
  /** The texts' results; all go through one pass a token, and those that have ended leave. */
  generateGreedyBatch(options: GreedyBatchOptions): Promise<GreedyResult[]>;
  /** Logits (sequences, vocab) behind a token more of each sequence, by one pass. */
  step(options: StepOptions): Promise<NativeTensor>;
  /** `to`, which holds a beginning of what `from` holds, then holds its first `length` positions. */
  copyCache(options: { to: NativeCache; from: NativeCache; length: number; abort?: AbortFlag }): Promise<void>;
  /** Times what is asked for from now on. */
  startProfile(): Promise<void>;
  /** The times since `startProfile`. */
  stopProfile(): Promise<ProfileResult>;
  /** Bytes a second that the device's memory is read with; the first call measures it, in about 0.2 s. */
  stream(): Promise<number>;
  /** Bytes now held on the device. */
  memory(): { weights: number; cache: number; workspace: number };
  /** Waits for the work under way, then frees everything. Calls after it reject with a sentence. */
  dispose(): Promise<void>;
}

/** The CPU's code paths, by the instructions that they use; `PHI3LAB_CPU` chooses one. */
export type CpuPath = "portable" | "avx2" | "avxvnni" | "avx512" | "avx512vnni" | "neon" | "neondotprod";

export interface CpuInfo {
  /** The code path in use, and all that this processor could take. */
  path: CpuPath;
  paths: CpuPath[];
  threads: number;
}

export interface CudaInfo {
  /** Whether this build has the CUDA backend. */
  built: boolean;
  /** The CUDA version that the driver supports, as 13000; 0: no driver, or not asked for (not built). */
  driver_version: number;
  /** The CUDA version of this build, as 13000; 0: not built. */
  runtime_version: number;
  /** A sentence for what is missing; empty where there is a device. */
  problem: string;
  devices: {
    index: number;
    name: string;
    /** Bytes. */
    memory_total: number;
    memory_free: number;
    /** As "9.0". */
    capability: string;
  }[];
}

export interface Addon {
  cpu(): CpuInfo;
  cuda(): CudaInfo;
  open(options: OpenOptions): Promise<NativeModel>;
  AbortFlag: new () => AbortFlag;
  /** What is called where a device has too little memory, before the work is tried once more; it calls `done` in the end. */
  onOutOfMemory(collect: (done: () => void) => void): void;
}

/** Where set-up builds the addon, seen from `src/` and from `dist/src/`. */
const places = ["..", "../.."].map((up) => join(__dirname, up, "build-addon", "Release", "phi3lab.node"));
let loaded: Addon | undefined;

/**
 * The addon, loaded at the first call. `PHI3LAB_ADDON` names another file.
 *
 * @throws Error when it is not built, with the command that builds it, or does not load.
 */
export function addon(): Addon {
  if (loaded) return loaded;
  const named = process.env.PHI3LAB_ADDON;
  const file = named ?? places.find((path) => existsSync(path));
  if (file === undefined || !existsSync(file))
    throw new Error(
      named === undefined
        ? "The native half of phi3lab is not built: run `node scripts/setup.mjs` in a checkout, or `npx phi3lab build` where it is installed"
        : `There is no addon at ${named}, which PHI3LAB_ADDON names`,
    );
  try {
    loaded = require(file) as Addon;
  } catch (error) {
    throw new Error(`The native half of phi3lab does not load from ${file}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  loaded.onOutOfMemory(collectGarbage);
  return loaded;
}

/** Frees the results that nobody holds any more: their finalizers run in the event loop's next turns. */
function collectGarbage(done: () => void): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  setImmediate(() => setImmediate(done));
}
