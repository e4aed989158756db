/** Generation: options, streaming, what it gives. */
export { GenerationConfig } from "./generation_config";
export type { ChosenLogProb, LogProb } from "./logprobs";
export type {
  GenerateArguments,
  GenerateOptions,
  GenerationOptions,
  GenerationStep,
  NeutralOptions,
  TokenOptions,
} from "./options";
export type { GenerateOutput, GenerationTimings, MoreThanIds } from "./outputs";
export type { LogitsProcessor } from "./processors";
export type { StoppingCriterion } from "./stopping";
export { type BaseStreamer, type StreamTokenizer, TextStreamer, type TextStreamerOptions } from "./streamer";
