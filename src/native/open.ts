/** What a model is opened from: its architecture, and where in its files each weight lies. */
import type { WeightType } from "../weights/formats";
import type { Architecture } from "./config";
import type { Compute, Dtype, KvDtype } from "./devices";
import type { AbortFlag } from "./handles";

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
