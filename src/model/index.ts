/** Models: loading, the forward pass and its two halves. */
export { AutoModelForCausalLM, type ModelLoadOptions } from "./auto";
export { type MemoryUse, Phi3ForCausalLM } from "./causal_lm";
export type { IdsInput } from "./inputs";
export { type ForwardOptions, LmHead, Phi3Model } from "./modules";
export { type BaseModelOutput, type CausalLMOutput, DynamicCache } from "./outputs";
