/** Models: loading, the forward pass and its two halves. */
export { AutoModelForCausalLM, type ModelLoadOptions } from "./auto";
export { Phi3ForCausalLM } from "./causal_lm";
export type { EmbedsInput, IdsInput } from "./inputs";
export { MemoryUse } from "./memory";
export type { CausalLMOptions, ForwardOptions } from "./forward_options";
export { Attention, DecoderLayer, Embedding, Mlp, Module } from "./layers";
export { LmHead, type LmHeadOptions, Phi3Model } from "./modules";
export { DynamicCache } from "./cache";
export type { BaseModelOutput, CausalLMOutput } from "./outputs";
export {
  type PlotProfileOptions,
  Profile,
  type ProfileLayer,
  type ProfileOptions,
  type ProfileReplay,
  type ProfileStage,
} from "./profile";
export type { DtypeOption } from "./device_choice";
