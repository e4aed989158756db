/**
 * The tokenizers of the model families: each has the parts of the real tokenizer.json (read from the published files) over
 * a small vocabulary, and says what a GGUF file made from it says.
 */
import { preTokenizer } from "../../../../src/tokenizer/gguf_pre";
import type { GgufField } from "../../weights/files";
import { llamaJson } from "../models";
import { merges as learned } from "./goldens.json";

type Json = Record<string, unknown>;
type Added = { id: number; content: string; special: boolean; lstrip: boolean; rstrip: boolean } & Json;

export interface Layout {
  /** tokenizer.json. */
  json: () => Promise<Json>;
  /** tokenizer_config.json. */
  config?: Json;
  /** How its GGUF file names it; absent where no GGUF file can say what its tokenizer.json says. */
  gguf?: { architecture: string; model: "gpt2" | "llama"; pre?: string; fields?: GgufField[] };
}

const merges = learned.split("\n").map((merge) => merge.split(" "));
/** Words that are tokens and cannot be merged together: `ignore_merges` shows on them. */
const whole = ["ĠcamelCase", "HTTPServer", "2024", "XMLHttp", "Ġcapital", "it's", "ĊĊĊ"];

/** GPT-2's alphabet, by bytes. */
const alphabet = Array.from({ length: 256 }, (_, byte) => byte);
const printable = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte !== 173);
const spare = alphabet.filter((byte) => !printable(byte));
const letters = alphabet.map((byte) => String.fromCharCode(printable(byte) ? byte : 256 + spare.indexOf(byte)));
const byteTokens = [...new Set([...letters, ...merges.map((merge) => merge.join("")), ...whole])];

function added(names: string[], first: number, flags: (name: string) => Json = () => ({})): Added[] {
  const common = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  return names.map((content, i) => ({ id: first + i, content, ...common, ...flags(content) }) as Added);
}

function template(bos?: Added): Json {
  const before = bos ? [{ SpecialToken: { id: bos.content, type_id: 0 } }] : [];
  const text = (id: string) => ({ Sequence: { id, type_id: 0 } });
  return {
    type: "TemplateProcessing",
    single: [...before, text("A")],
    pair: [...before, text("A"), ...before, text("B")],
    special_tokens: bos ? { [bos.content]: { id: bos.content, ids: [bos.id], tokens: [bos.content] } } : {},
  };
}

const bytes = (trim_offsets: boolean, use_regex = false, add_prefix_space = false) => ({
  type: "ByteLevel",
  add_prefix_space,
  trim_offsets,
  use_regex,
});
const cut = (Regex: string, how: Json = { behavior: "Isolated", invert: false }) => ({
  type: "Split",
  pattern: { Regex },
  ...how,
});
const sequence = (...pretokenizers: Json[]) => ({ type: "Sequence", pretokenizers });

function byteLevel(names: string[], parts: Json, flags?: (name: string) => Json, ignore_merges = false): Json {
  const model = {
    type: "BPE",
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges,
    vocab: Object.fromEntries(byteTokens.map((token, id) => [token, id])),
    merges,
  };
  return {
    version: "1.0",
    added_tokens: added(names, byteTokens.length, flags),
    normalizer: null,
    post_processor: bytes(false),
    decoder: bytes(true, true, true),
    ...parts,
    model,
  };
}

const cl100k =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const o200k =
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|" +
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|" +
  "\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const tekken =
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|" +
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|" +
  "\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const qwen =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const removed = { behavior: "Removed", invert: true };

const llama3Names = ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|eom_id|>", "<|im_start|>", "<|im_end|>"];
const chatml = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
const thoughts = ["<think>", "</think>", "<|tool_call|>"];
const shown = (name: string) => ({ special: !thoughts.includes(name) });
const bosOf = (names: string[]) => added(names, byteTokens.length)[0] as Added;

/** SentencePiece over the real Llama 2 vocabulary. */
async function sentencePiece(parts: Json, more: string[] = []): Promise<Json> {
  const json = await llamaJson();
  const { vocab, merges: ranked } = json.model;
  return {
    ...json,
    added_tokens: [...added(["<unk>", "<s>", "</s>"], 0), ...added(more, Object.keys(vocab).length)],
    post_processor: template(added(["<unk>", "<s>"], 0)[1]),
    ...parts,
    model: { ...json.model, merges: ranked.map((merge) => merge.split(" ")) },
  };
}
const metaspace = (split: boolean) => ({
  normalizer: null,
  pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split },
});

const phi4Names = [...chatml, "<|user|>", "<|end|>", "<s>"];
const phi4MiniNames = ["<|endoftext|>", "<|endofprompt|>", "<|assistant|>", "<|end|>", "<|user|>", "<|tool_call|>"];
const phi4MiniFlags = (name: string) => ({ ...shown(name), rstrip: !/^<\|endof/.test(name) });
const nemoNames = ["<unk>", "<s>", "</s>", "[INST]", "[/INST]"];

const deepSeekNames = ["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<|im_end|>"];
/** Its letters are a list of many ranges (gguf_pre.ts): what is tested of them is how they are cut. */
const deepSeek = (...words: string[]) => ({
  pre_tokenizer: sequence(...words.map((word) => cut(word)), { type: "Digits", individual_digits: true }, bytes(true)),
  post_processor: template(bosOf(deepSeekNames)),
});
const seed =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\r\n]+|\\s*[\r\n]+|\\s+(?!\\S)|\\s+";

export const layouts: Record<string, Layout> = {
  "Llama 3": {
    json: async () =>
      byteLevel(
        llama3Names,
        {
          pre_tokenizer: sequence(cut(cl100k), bytes(true)),
          post_processor: { type: "Sequence", processors: [bytes(false, true, true), template(bosOf(llama3Names))] },
        },
        undefined,
        true,
      ),
    config: { bos_token: "<|begin_of_text|>", eos_token: "<|eot_id|>", clean_up_tokenization_spaces: true },
    gguf: { architecture: "llama", model: "gpt2", pre: "llama-bpe" },
  },
  SmolLM3: {
    json: async () =>
      byteLevel([...llama3Names, ...thoughts], { pre_tokenizer: sequence(cut(cl100k), bytes(true)) }, shown, true),
    gguf: { architecture: "smollm3", model: "gpt2", pre: "smaug-bpe" },
  },
  "Phi-4": {
    json: async () =>
      byteLevel(phi4Names, { pre_tokenizer: sequence(cut(cl100k, removed), bytes(true)) }, () => ({
        lstrip: true,
        rstrip: true,
      })),
    gguf: { architecture: "phi3", model: "gpt2", pre: "dbrx" },
  },
  "Phi-4-mini": {
    json: async () =>
      byteLevel(phi4MiniNames, { pre_tokenizer: sequence(cut(o200k, removed), bytes(true)) }, phi4MiniFlags),
    gguf: { architecture: "phi3", model: "gpt2", pre: "gpt-4o" },
  },
  "Qwen2, Qwen2.5 and Qwen3": {
    json: async () =>
      byteLevel(
        [...chatml, ...thoughts],
        { normalizer: { type: "NFC" }, pre_tokenizer: sequence(cut(qwen), bytes(false)), decoder: bytes(false) },
        shown,
      ),
    config: { add_bos_token: false, eos_token: "<|im_end|>" },
    gguf: {
      architecture: "qwen2",
      model: "gpt2",
      pre: "qwen2",
      fields: [["tokenizer.ggml.add_bos_token", 7, false]],
    },
  },
  "Mistral Nemo": {
    json: async () =>
      byteLevel(
        nemoNames,
        {
          pre_tokenizer: sequence(cut(tekken), bytes(true)),
          post_processor: template({ ...(added(nemoNames, byteTokens.length)[1] as Added) }),
        },
        undefined,
        true,
      ),
    config: { add_bos_token: true, add_eos_token: false, bos_token: "<s>", eos_token: "</s>" },
    gguf: { architecture: "llama", model: "gpt2", pre: "tekken" },
  },
  "DeepSeek LLM": {
    json: async () =>
      byteLevel(deepSeekNames, deepSeek(...(preTokenizer("deepseek-llm", "llama", [])?.words ?? []).slice(0, -1))),
    gguf: {
      architecture: "llama",
      model: "gpt2",
      pre: "deepseek-llm",
      fields: [["tokenizer.ggml.add_bos_token", 7, true]],
    },
  },
  "DeepSeek Coder": {
    json: async () => byteLevel(deepSeekNames, deepSeek("[\r\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", "[一-龥ࠀ-一가-퟿]+")),
    gguf: {
      architecture: "llama",
      model: "gpt2",
      pre: "deepseek-coder",
      fields: [["tokenizer.ggml.add_bos_token", 7, true]],
    },
  },
  "Seed Coder": {
    json: async () => byteLevel(chatml, { pre_tokenizer: sequence(cut(seed), bytes(true)) }),
    gguf: { architecture: "llama", model: "gpt2", pre: "seed-coder" },
  },
  SmolLM2: {
    json: async () =>
      byteLevel(chatml, {
        pre_tokenizer: sequence({ type: "Digits", individual_digits: true }, bytes(true, true)),
        post_processor: null,
      }),
    gguf: {
      architecture: "llama",
      model: "gpt2",
      pre: "smollm",
      // It says nothing about byte-level text: the spaces of its words stay as they are.
      fields: [["tokenizer.ggml.add_space_prefix", 7, true]],
    },
  },
  "GPT-2": {
    json: async () => byteLevel(chatml, { pre_tokenizer: bytes(true, true) }),
    gguf: { architecture: "llama", model: "gpt2", pre: "gpt-2" },
  },
  "Llama 2, TinyLlama and Mistral 7B": {
    json: () => sentencePiece({}),
    config: { add_bos_token: true, add_eos_token: false, bos_token: "<s>", eos_token: "</s>" },
    gguf: { architecture: "llama", model: "llama" },
  },
  "Mistral 7B v0.3": {
    json: () => sentencePiece(metaspace(false), ["[INST]", "[/INST]", "[TOOL_CALLS]"]),
    gguf: { architecture: "llama", model: "llama" },
  },
  "Metaspace words": { json: () => sentencePiece(metaspace(true)) },
};

/** The metadata that llama.cpp's converter writes for a layout. */
export async function ggufFields({ json: read, gguf }: Layout): Promise<GgufField[]> {
  const json = await read();
  const { architecture, model, pre, fields = [] } = gguf as NonNullable<Layout["gguf"]>;
  const special = json.added_tokens as Added[];
  const { vocab, merges: pairs } = json.model as { vocab: Record<string, number>; merges: [string, string][] };
  const tokens = Object.entries(vocab)
    .sort((a, b) => a[1] - b[1])
    .map(([token]) => token);
  for (const { id, content } of special) tokens[id] = content;
  const byId = new Map(special.map((token) => [token.id, token]));
  const type = (id: number, token: string) => {
    const known = byId.get(id);
    if (known) return token === "<unk>" ? 2 : known.special ? 3 : 4;
    return /^<0x..>$/.test(token) ? 6 : 1;
  };
  const named = (key: string, ...names: string[]): GgufField[] => {
    const id = special.find(({ content }) => names.includes(content))?.id;
    return id === undefined ? [] : [[`tokenizer.ggml.${key}`, 4, id]];
  };
  const ranks = new Map<string, number>();
  for (const [i, [left, right]] of pairs.entries()) if (!ranks.has(left + right)) ranks.set(left + right, i);
  const words: GgufField[] =
    model === "gpt2"
      ? [["tokenizer.ggml.merges", 9, [8, pairs.map((pair) => pair.join(" "))]]]
      : [["tokenizer.ggml.scores", 9, [6, tokens.map((token) => -(ranks.get(token) ?? 1e9))]]];
  return [
    ["general.architecture", 8, architecture],
    [`${architecture}.context_length`, 4, 4096],
    ["tokenizer.ggml.model", 8, model],
    ...(pre === undefined ? [] : ([["tokenizer.ggml.pre", 8, pre]] as GgufField[])),
    ["tokenizer.ggml.tokens", 9, [8, tokens]],
    ["tokenizer.ggml.token_type", 9, [5, tokens.map((token, i) => type(i, token))]],
    ...words,
    ...named("bos_token_id", "<|begin_of_text|>", "<｜begin▁of▁sentence｜>", "<s>", "<|endoftext|>"),
    ...named("eos_token_id", "<|eot_id|>", "<｜end▁of▁sentence｜>", "</s>", "<|im_end|>", "<|end|>"),
    ...fields,
  ];
}
