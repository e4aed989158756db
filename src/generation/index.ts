/** Generation: options, streaming, what it gives. */
export type { GenerateArguments, GenerateOptions, GenerateOutput, GenerationTimings, MoreThanIds } from "./generate";
export { type BaseStreamer, type StreamTokenizer, TextStreamer, type TextStreamerOptions } from "./streamer";
