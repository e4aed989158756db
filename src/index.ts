/**
 * phi3lab: Phi-3 in TypeScript, for cells of a notebook and for programs. Loads models and tokenizers, runs the forward
 * pass and its halves, generates, and draws what happens inside. Names follow transformers and transformers.js.
 *
 * Every example of this reference is a cell of a notebook that begins with this one. Behind `// =>` stands what a cell
 * shows, behind `// prints` what it prints: here with SmolLM2-135M-Instruct, on the CPU.
 *
 * @example
 * import { AutoModelForCausalLM, AutoTokenizer, defaultModel, devices, HubError, pipeline, TextStreamer } from "phi3lab";
 * import { DynamicCache, GenerationConfig, type LogitsProcessor, type StoppingCriterion } from "phi3lab";
 * import { arange, cat, compare, cos_sim, eye, full, ones, randn, stack, where, zeros } from "phi3lab";
 * import { ablate, direction, edit, hook, knock_out, patch, project_out, steer, tokenTexts } from "phi3lab";
 * import { plotAttention, plotAttribution, plotCompare, plotEmbeddings, plotHeads, plotLens, plotLines } from "phi3lab";
 * import { plotMemory, plotPatch, plotRanks, plotTokens, plotTree, watch } from "phi3lab";
 * import { plotDistributions, plotNextToken, plotTimings, registerMagic, Tensor, tensor, tokenLabel } from "phi3lab";
 *
 * const id = await defaultModel();
 * const tokenizer = await AutoTokenizer.from_pretrained(id);
 * const model = await AutoModelForCausalLM.from_pretrained(id);
 * const prompt = "The capital of France is";
 * const { input_ids } = tokenizer(prompt);
 * const { logits } = await model(input_ids);
 *
 * @module
 */
export { type CpuDevice, type CudaDevice, type DeviceOption, Devices, devices } from "./devices";
export * from "./generation";
export type { DisplayOptions, MimeBundle } from "./host";
export { type DefaultModelOptions, defaultModel, HubError, type ProgressInfo } from "./hub";
export {
  type CapturedRun,
  type HistoryCell,
  type Magic,
  type MagicContext,
  type MagicInput,
  type MagicOption,
  registerMagic,
  type SessionVariable,
  type TypecheckMode,
} from "./magic";
export * from "./insight";
export * from "./model";
export type { Compute, CpuPath, Dtype, KvDtype, ModelConfig, RopeParameters } from "./native";
export {
  type ChatOutput,
  type PipelineOptions,
  type PipelineParts,
  pipeline,
  type TextGenerationPipeline,
  type TextOutput,
} from "./pipeline";
export * from "./plots";
export * from "./tensor";
export * from "./tokenizer";
