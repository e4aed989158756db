/**
 * phi3lab: Phi-3 in TypeScript. Loads models and tokenizers, runs the forward pass and its halves, generates, and draws
 * what happens inside.
 *
 * @example
 * import { AutoModelForCausalLM, AutoTokenizer, pipeline, plotNextToken } from "phi3lab";
 */
export { type CpuDevice, type CudaDevice, Devices, devices } from "./devices";
export * from "./generation";
export { defaultModel, HubError, type ProgressInfo } from "./hub";
export * from "./model";
export { type PipelineOptions, type PipelineParts, pipeline, type TextGenerationPipeline } from "./pipeline";
export * from "./plots";
export { type DataType, type NestedArray, type SliceArgument, Tensor, tensor } from "./tensor";
export * from "./tokenizer";
