/**
 * What a tokenizer is made of, whether it was read from tokenizer.json and its companions or from GGUF metadata:
 * tokenizer.json's object plus the settings around it. The tokenizer itself knows no file format.
 */

/** tokenizer.json's own structure, as far as this library touches it. */
export interface TokenizerJson {
  added_tokens: AddedTokenJson[];
  normalizer: JsonNode | null;
  pre_tokenizer: JsonNode | null;
  model: JsonNode & { vocab?: Record<string, number> | unknown[] };
  post_processor: JsonNode | null;
  decoder: JsonNode | null;
}

/** A component of tokenizer.json. */
export type JsonNode = { type?: string } & Record<string, unknown>;

export interface AddedTokenJson {
  id: number;
  content: string;
  single_word?: boolean;
  lstrip?: boolean;
  rstrip?: boolean;
  normalized?: boolean;
  special?: boolean;
}

/** The names under which a tokenizer knows its special tokens. */
export const specialTokenNames = ["bos", "eos", "unk", "sep", "pad", "cls", "mask"] as const;
export type SpecialTokenName = (typeof specialTokenNames)[number];

export interface TokenizerSpec {
  /** Where it came from: an id or a path, for messages. */
  name_or_path: string;
  /** The file that its parts lie in, for messages. */
  file: string;
  json: TokenizerJson;
  special_tokens: Partial<Record<SpecialTokenName, string>>;
  additional_special_tokens: string[];
  /** Those with names that only this model has: `image_token`. */
  model_special_tokens: Record<string, string>;
  padding_side: "left" | "right";
  truncation_side: "left" | "right";
  /** Jinja source; several when the model names them ("default", "tool_use"). */
  chat_template?: string | Record<string, string>;
  /** The most tokens that the model takes; Infinity when nobody says. */
  model_max_length: number;
  /** Whether decoding takes out the spaces before punctuation, as a few old tokenizers want. */
  clean_up_tokenization_spaces: boolean;
}

/** A post-processor that puts BOS before and EOS behind the text, where they are given. Texts are never encoded in pairs. */
export function bosEosTemplate(bos: string | undefined, eos: string | undefined): JsonNode {
  const special = (id: string | undefined) => (id === undefined ? [] : [{ SpecialToken: { id, type_id: 0 } }]);
  return {
    type: "TemplateProcessing",
    single: [...special(bos), { Sequence: { id: "A", type_id: 0 } }, ...special(eos)],
  };
}

/** GPT-2's way to cut text into words. */
export const gpt2Words = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/** A pre-tokenizer that cuts at every match of a regular expression and keeps the matches. */
export function split(regex: string): JsonNode {
  return { type: "Split", pattern: { Regex: regex }, behavior: "Isolated", invert: false };
}
