/** Models: loading, the forward pass and its two halves. */
export { AutoModelForCausalLM, type ModelLoadOptions } from "./auto";
export { Phi3ForCausalLM } from "./causal_lm";
export type { IdsInput } from "./inputs";
export { MemoryUse } from "./memory";
export { type ForwardOptions, LmHead, Phi3Model } from "./modules";
export { type BaseModelOutput, type CausalLMOutput, DynamicCache } from "./outputs";
export {
  type PlotProfileOptions,
  Profile,
  type ProfileLayer,
  type ProfileOptions,
  type ProfileReplay,
  type ProfileStage,
} from "./profile";
export type { DtypeOption } from "./device_choice";
