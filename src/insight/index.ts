/** Looking inside: intermediates of a pass, the logit lens, how likely a text is. */
export { ActivationCache, type DecomposeOptions, type Stream, type StreamOptions } from "./activation_cache";
export type { AttributeOptions } from "./attribute";
export type { CompareOptions } from "./compare";
export type { HeadScoresOptions } from "./head_scores";
export { type DirectionOptions, direction } from "./direction";
export {
  type AblateOptions,
  ablate,
  edit,
  hook,
  knock_out,
  type PatchOptions,
  patch,
  project_out,
  type SteerOptions,
  steer,
} from "./edits";
export type {
  Ablated,
  Edit,
  EditOp,
  EditPositions,
  EditSpec,
  HookEdit,
  HookFunction,
  HookInfo,
  KnockOutEdit,
  PositionRange,
  ValueEdit,
} from "./edit_types";
export type { StoredTensor } from "./edit_json";
export { type TokenText, tokenTexts } from "./label";
export { type Alternative, type LogProbsOptions, type TokenScore, TokenScores } from "./log_probs";
export { LensResult, type LogitLensOptions, type WatchedToken } from "./logit_lens";
export { compare, InsightModel } from "./model_methods";
export type { NearestOptions } from "./nearest";
export type { PatchGridOptions } from "./patch_grid";
export type { TreeOptions } from "./tree";
export type { LayerPart, NameChoice, TapName } from "./names";
export type { Positions } from "./positions";
export type { Prompt, TokenChoice } from "./prompt";
export type { CacheChoice, RunWithCacheOptions } from "./run_with_cache";
export type {
  Attribution,
  CacheMemory,
  Comparison,
  ContinuationTree,
  Cost,
  Grid,
  HeadScore,
  HeadScoreKind,
  HeadScores,
  NamedToken,
  Neighbour,
  TreeNode,
} from "./results";
