/** Tokenizers: text to ids and back. */
export { AutoTokenizer, type TokenizerLoadOptions } from "./auto";
export { BatchEncoding, type ListEncoding, type TokenizerOptions } from "./batch";
export type { ChatTemplateOptions, Message } from "./chat";
export type { Ids } from "./ids";
export { TokenStream } from "./stream";
export { type DecodeOptions, PreTrainedTokenizer } from "./tokenizer";
