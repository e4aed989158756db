/** A loaded model: what can be asked of it. */
import type { Dtype } from "./devices";
import type { GreedyBatchOptions, GreedyOptions, GreedyResult, StepOptions } from "./generation";
import type { AbortFlag, NativeCache, NativeTensor } from "./handles";
import type { ForwardOptions, ForwardResult, NativeModule, PartialForward, Summary, SummaryOptions } from "./passes";
import type { ProfileResult } from "./profile";

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
