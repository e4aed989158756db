/**
 * The C++ addon: the one file that loads it, and its types. Everything else in `src/` speaks to these; `native/addon/` is
 * their other side.
 *
 * All work on a model runs on that model's own native thread, in the order of the calls; the promises resolve on the
 * JavaScript thread. Every failure, an abort included, is an ordinary rejected `Error`.
 */
export { addon } from "./addon";
export type { Architecture, ModelConfig, RopeParameters } from "./config";
export type { Compute, CpuInfo, CpuPath, CudaInfo, Dtype, KvDtype } from "./devices";
export type { NativeChange, NativeEdit, NativeHook, NativeKnockOut, NativePositions } from "./edits";
export type { GreedyBatchOptions, GreedyOptions, GreedyResult, StepOptions } from "./generation";
export type { AbortFlag, NativeCache, NativeTensor } from "./handles";
export type { NativeModel } from "./model";
export type { Conversion, OpenOptions, StoredMatrix, WeightEntry, WeightPart, WeightRole } from "./open";
export type {
  ForwardOptions,
  ForwardResult,
  NativeModule,
  PartialForward,
  Summary,
  SummaryOptions,
  TapRequest,
} from "./passes";
export type { ProfileEntry, ProfileResult } from "./profile";
