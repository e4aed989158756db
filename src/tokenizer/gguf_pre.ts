/**
 * How byte-level vocabularies cut text into words before they merge: llama.cpp's names (`tokenizer.ggml.pre`) and what
 * the tokenizer.json of the models behind each name says. The regular expressions are those files' own, not the ones
 * that llama.cpp runs in their place.
 */
import { gpt2Words, type JsonNode } from "./spec";

/** What a GGUF file says about a byte-level tokenizer by one name. */
export interface PreTokenizer {
  /** The regular expressions that cut the text, one after another. */
  words: string[];
  /** What happens to the text before. */
  normalizer: JsonNode | null;
  /** Whether a word that is a token is taken as it is before merges are tried (`ignore_merges`). */
  wholeWordsFirst: boolean;
  /** Whether BOS is put before the text where the file does not say. */
  addBos: boolean;
}

const digit = "\\p{N}";
const threeDigits = "\\p{N}{1,3}";
const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const blanks = "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const llama3Words = (digits: string) =>
  `${contractions}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${blanks}`;
const upper = "\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}";
const lower = "\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}";
/** Words by their case, an upper letter beginning a new one. */
const casedWords = (suffix: string, digits: string) =>
  `[^\\r\\n\\p{L}\\p{N}]?[${upper}]*[${lower}]+${suffix}|[^\\r\\n\\p{L}\\p{N}]?[${upper}]+[${lower}]*${suffix}|` +
  `${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${blanks}`;

const plain = { normalizer: null, wholeWordsFirst: false, addBos: false };
const gpt2: PreTokenizer = { ...plain, words: [gpt2Words] };
const digits: PreTokenizer = { ...plain, words: [digit, gpt2Words] };
const llama3: PreTokenizer = { ...plain, words: [llama3Words(threeDigits)], wholeWordsFirst: true, addBos: true };
const qwen2: PreTokenizer = { ...plain, words: [llama3Words(digit)], normalizer: { type: "NFC" } };

/** Names of one row mean the same. */
const rows: [names: string, meaning: PreTokenizer][] = [
  ["gpt-2 mellum a.x-4.0 trillion", gpt2],
  ["smollm starcoder refact command-r minerva-7b", digits],
  ["llama-bpe llama3 llama-v3 falcon3 pixtral midm-2.0", llama3],
  // Llama 3's without its BOS: Smaug, SmolLM3.
  ["smaug-bpe", { ...llama3, addBos: false }],
  // cl100k_base's: Phi-4.
  ["dbrx", { ...plain, words: [llama3Words(threeDigits)] }],
  ["qwen2 deepseek-r1-qwen megrez kormo f2llmv2", qwen2],
  // Mistral Nemo.
  ["tekken", { ...plain, words: [casedWords("", digit)], wholeWordsFirst: true, addBos: true }],
  // o200k_base's: Phi-4-mini.
  ["gpt-4o", { ...plain, words: [casedWords(`${contractions}?`, threeDigits)] }],
];
const meanings = new Map(rows.flatMap(([names, meaning]) => names.split(" ").map((name) => [name, meaning] as const)));

/** Every name that {@link preTokenizer} knows. */
export const knownPreTokenizers: string[] = [...meanings.keys(), "default"];

/**
 * What a name means; undefined when it is none of those known here. "default" is what converters wrote, or left out,
 * before there were names: the model's own is told by its architecture or its vocabulary, else it is GPT-2's.
 */
export function preTokenizer(name: string, architecture: string, tokens: readonly string[]): PreTokenizer | undefined {
  if (name !== "default") return meanings.get(name);
  if (/^qwen[23]$/.test(architecture)) return qwen2;
  return tokens.includes("<|begin_of_text|>") ? llama3 : gpt2;
}
