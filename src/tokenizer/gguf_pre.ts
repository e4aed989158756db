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
const seedWords = `${contractions}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digit}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|${blanks}`;
const upper = "\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}";
const lower = "\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}";
/** Words by their case, an upper letter beginning a new one. */
const casedWords = (suffix: string, digits: string) =>
  `[^\\r\\n\\p{L}\\p{N}]?[${upper}]*[${lower}]+${suffix}|[^\\r\\n\\p{L}\\p{N}]?[${upper}]+[${lower}]*${suffix}|` +
  `${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${blanks}`;

/** Code points "from-to" or alone, in hexadecimal, as the inside of a character class. */
const ranges = (list: string) =>
  list
    .split(" ")
    .map((range) => range.split("-").map((code) => String.fromCodePoint(Number.parseInt(code, 16))))
    .map((ends) => ends.join("-"))
    .join("");
/** Letters that have a case, as DeepSeek's tokenizer.json lists them: not all that Unicode has today. */
const cased = ranges(
  "41-5a 61-7a b5 c0-d6 d8-f6 f8-1ba 1bc-1bf 1c4-293 295-2af 370-373 376 377 37b-37d 37f 386 388-38a 38c 38e-3a1 3a3-3f5 " +
    "3f7-481 48a-52f 531-556 10a0-10c5 13a0-13f5 13f8-13fd 1c90-1cba 1cbd-1cbf 1d00-1d2b 1d6b-1d77 1d79-1d9a 1e00-1f15 " +
    "1f18-1f1d 1f20-1f45 1f48-1f4d 1f50-1f57 1f59 1f5b 1f5d 1f5f-1f7d 1f80-1fb4 1fb6-1fbc 1fbe 1fc2-1fc4 1fc6-1fcc " +
    "1fd0-1fd3 1fd6-1fdb 1fe0-1fec 1ff2-1ff4 1ff6-1ffc 2102 2107 210a-2113 2115 2119-211d 2124 2126 2128 212a-212d " +
    "212f-2134 2139 213c-213f 2145-2149 214e 2183 2184 2c00-2c7b 2c7e-2ce4 2ceb-2cee 2cf2 2cf3 a640-a66d a680-a69b " +
    "a722-a76f a771-a787 a78b-a78e ab70-abbf fb00-fb06 fb13-fb17 ff21-ff3a ff41-ff5a 10400-1044f 104b0-104d3 104d8-104fb " +
    "10c80-10cb2 10cc0-10cf2 118a0-118df 1e900-1e943",
);
const marks = ranges("21-2f 3a-7e ff01-ff0f ff1a-ff5e 2018-201f 3000-3002");
const eastAsian = `[${ranges("4e00-9fa5 800-4e00 ac00-d7ff")}]+`;

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
  ["seed-coder", { ...plain, words: [seedWords] }],
  ["deepseek-llm", { ...plain, words: ["[\\r\\n]", `\\s?[${cased}]+`, `\\s?[${marks}]+`, "\\s+$", eastAsian, digit] }],
  ["deepseek-coder", { ...plain, words: ["[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", eastAsian, digit] }],
  ["qwen2 deepseek-r1-qwen megrez kormo f2llmv2", qwen2],
  // Mistral Nemo.
  ["tekken", { ...plain, words: [casedWords("", digit)], wholeWordsFirst: true, addBos: true }],
  // o200k_base's: Phi-4-mini.
  ["gpt-4o", { ...plain, words: [casedWords(`${contractions}?`, threeDigits)] }],
];
const meanings = new Map(rows.flatMap(([names, meaning]) => names.split(" ").map((name) => [name, meaning] as const)));

/** Every regular expression of theirs. */
export const knownWords: string[] = rows.flatMap(([, { words }]) => words);

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
