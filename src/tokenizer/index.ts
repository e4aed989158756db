/** Tokenizers: text to ids and back. */
export { AutoTokenizer, type TokenizerLoadOptions } from "./auto";
export { BatchEncoding, type ListEncoding, type TokenizerOptions } from "./batch";
export type { ChatTemplateOptions, Message } from "./chat";
export type { DecodeOptions } from "./decode";
export type { Ids } from "./ids";
export { TokenStream } from "./stream";
export { PreTrainedTokenizer } from "./tokenizer";
