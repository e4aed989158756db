/** Looking inside: intermediates of a pass, the logit lens, how likely a text is. */
export { ActivationCache, type DecomposeOptions, type Stream, type StreamOptions } from "./activation_cache";
export { type TokenText, tokenTexts } from "./label";
export { type Alternative, type LogProbsOptions, type TokenScore, TokenScores } from "./log_probs";
export { LensResult, type LogitLensOptions, type WatchedToken } from "./logit_lens";
export { InsightModel } from "./model_methods";
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
  TreeNode,
} from "./results";
