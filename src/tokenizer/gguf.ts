/**
 * Builds a tokenizer from the metadata of a GGUF file: byte-level BPE (`gpt2`, with the pre-tokenizers that Llama and
 * Phi-3 models use) and SentencePiece (`llama`, whose scores become BPE merges). The keys:
 * https://github.com/ggml-org/ggml/blob/master/docs/gguf.md#tokenizer
 */
import { WeightsError } from "../weights/error";
import { ggufString, ggufTokenId } from "../weights/gguf_config";
import { readGgufMetadata } from "../weights/gguf_parts";
import type { Gguf } from "../weights/gguf_types";
import {
  type AddedTokenJson,
  bosEosTemplate,
  gpt2Words,
  type JsonNode,
  split,
  type TokenizerJson,
  type TokenizerSpec,
} from "./spec";

const singleDigits = "\\p{N}";
const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const llama3Words = (digits: string) =>
  `${contractions}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;
const upper = "\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}";
const lower = "\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}";
const gpt4oWords =
  `[^\\r\\n\\p{L}\\p{N}]?[${upper}]*[${lower}]+${contractions}?|[^\\r\\n\\p{L}\\p{N}]?[${upper}]+[${lower}]*${contractions}?|` +
  "\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/** `tokenizer.ggml.pre` → the regular expressions that cut the text, one after another. */
const preTokenizers: Record<string, string[]> = {
  "gpt-2": [gpt2Words],
  default: [gpt2Words],
  smollm: [singleDigits, gpt2Words],
  starcoder: [singleDigits, gpt2Words],
  refact: [singleDigits, gpt2Words],
  "command-r": [singleDigits, gpt2Words],
  "llama-bpe": [llama3Words("\\p{N}{1,3}")],
  llama3: [llama3Words("\\p{N}{1,3}")],
  dbrx: [llama3Words("\\p{N}{1,3}")],
  "smaug-bpe": [llama3Words("\\p{N}{1,3}")],
  qwen2: [llama3Words(singleDigits)],
  "gpt-4o": [gpt4oWords],
};
/** Those that take a word as it stands in the vocabulary before they try merges. */
const wholeWordsFirst = new Set(["llama-bpe", "llama3"]);

/** `tokenizer.ggml.token_type`. */
const TokenType = { normal: 1, unknown: 2, control: 3, userDefined: 4 } as const;

/** The vocabulary, once its parts have been seen to agree. */
interface Vocabulary {
  tokens: string[];
  types: number[];
  added: AddedTokenJson[];
}

/**
 * Reads a tokenizer from a .gguf file.
 *
 * @throws WeightsError when the file is damaged or its tokenizer is of a kind not known here.
 */
export async function readGgufTokenizer(file: string): Promise<TokenizerSpec> {
  const gguf = await readGgufMetadata(file);
  const model = ggufString(gguf, "tokenizer.ggml.model");
  const vocabulary = readVocabulary(gguf);
  let json: TokenizerJson;
  if (model === "gpt2") json = byteLevel(gguf, vocabulary);
  else if (model === "llama") json = sentencePiece(gguf, vocabulary);
  else
    fail(gguf, `has a tokenizer of the kind ${JSON.stringify(model) ?? "unknown"}; phi3lab knows "gpt2" and "llama"`);
  const { tokens } = vocabulary;
  const named = (key: string) => tokens[ggufTokenId(gguf, key) ?? -1];
  const context = gguf.metadata.get(`${ggufString(gguf, "general.architecture")}.context_length`);
  return {
    name_or_path: file,
    json,
    special_tokens: {
      bos: named("bos_token_id"),
      eos: named("eos_token_id"),
      unk: named("unknown_token_id"),
      pad: named("padding_token_id"),
    },
    additional_special_tokens: [],
    chat_template: ggufString(gguf, "tokenizer.chat_template"),
    model_max_length: typeof context === "number" && context > 0 ? context : Infinity,
    clean_up_tokenization_spaces: false,
  };
}

function fail(gguf: Gguf, what: string): never {
  throw new WeightsError(gguf.file, `${gguf.file} ${what}.`);
}

function readVocabulary(gguf: Gguf): Vocabulary {
  const array = (key: string) => {
    const value = gguf.metadata.get(`tokenizer.ggml.${key}`);
    return typeof value === "object" ? value : undefined;
  };
  const tokens = array("tokens")?.strings();
  if (!tokens || tokens.length === 0) fail(gguf, "has no tokenizer: expected strings in tokenizer.ggml.tokens");
  const types = array("token_type")?.numbers() ?? tokens.map(() => TokenType.normal);
  if (types.length !== tokens.length) fail(gguf, `has ${tokens.length} tokens and ${types.length} token types`);
  const added: AddedTokenJson[] = [];
  for (const [id, content] of tokens.entries()) {
    const type = types[id];
    const special = type === TokenType.control || type === TokenType.unknown;
    if ((special || type === TokenType.userDefined) && content !== "") {
      added.push({ id, content, special, normalized: false, single_word: false, lstrip: false, rstrip: false });
    }
  }
  return { tokens, types, added };
}

/** BOS and EOS around the text, where the file asks for them or, if it is silent, where `fallback` does. */
function postProcessor(gguf: Gguf, { added, tokens }: Vocabulary, addBosByDefault: boolean): JsonNode {
  const token = (flag: string, key: string, fallback: boolean) => {
    const id = ggufTokenId(gguf, key);
    const wanted = gguf.metadata.get(`tokenizer.ggml.${flag}`) ?? fallback;
    if (wanted !== true || id === undefined) return undefined;
    const content = tokens[id];
    if (content === undefined) fail(gguf, `names token ${id} as ${key}; its vocabulary has ${tokens.length} tokens`);
    return added.find((candidate) => candidate.id === id) ?? { id, content };
  };
  return bosEosTemplate(
    token("add_bos_token", "bos_token_id", addBosByDefault),
    token("add_eos_token", "eos_token_id", false),
  );
}

function ids(tokens: string[]): Record<string, number> {
  return Object.fromEntries(tokens.map((token, id) => [token, id]));
}

function byteLevel(gguf: Gguf, vocabulary: Vocabulary): TokenizerJson {
  const pre = ggufString(gguf, "tokenizer.ggml.pre") ?? "default";
  const words = Object.hasOwn(preTokenizers, pre) ? preTokenizers[pre] : undefined;
  if (!words) {
    const known = Object.keys(preTokenizers).join(", ");
    fail(gguf, `wants the pre-tokenizer ${JSON.stringify(pre)}; phi3lab knows ${known}`);
  }
  const array = gguf.metadata.get("tokenizer.ggml.merges");
  const merges = typeof array === "object" ? array.strings() : undefined;
  if (!merges) fail(gguf, "has a tokenizer without merges: expected strings in tokenizer.ggml.merges");
  const prefix = gguf.metadata.get("tokenizer.ggml.add_space_prefix") === true;
  const bytes = { type: "ByteLevel", add_prefix_space: prefix, trim_offsets: true, use_regex: false };
  return {
    added_tokens: vocabulary.added,
    normalizer: null,
    pre_tokenizer: { type: "Sequence", pretokenizers: [...words.map(split), bytes] },
    model: {
      type: "BPE",
      vocab: ids(vocabulary.tokens),
      // A space cannot stand inside a part: bytes are spelled by printable letters.
      merges: merges.map((merge) => merge.split(" ", 2)),
      ignore_merges: wholeWordsFirst.has(pre),
    },
    post_processor: postProcessor(gguf, vocabulary, wholeWordsFirst.has(pre)),
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
  };
}

function sentencePiece(gguf: Gguf, vocabulary: Vocabulary): TokenizerJson {
  const { tokens, types, added } = vocabulary;
  const array = gguf.metadata.get("tokenizer.ggml.scores");
  const scores = typeof array === "object" ? array.numbers() : undefined;
  if (scores?.length !== tokens.length)
    fail(gguf, "has a tokenizer without a score for each token in tokenizer.ggml.scores");
  if (ggufString(gguf, "general.architecture") === "phi3") stripBehindSpecial(added);
  const prefix = gguf.metadata.get("tokenizer.ggml.add_space_prefix") !== false;
  const toMeta = { type: "Replace", pattern: { String: " " }, content: "▁" };
  return {
    added_tokens: added,
    normalizer: { type: "Sequence", normalizers: [...(prefix ? [{ type: "Prepend", prepend: "▁" }] : []), toMeta] },
    pre_tokenizer: null,
    model: {
      type: "BPE",
      vocab: ids(tokens),
      merges: mergesFromScores(tokens, types, scores),
      unk_token: tokens[ggufTokenId(gguf, "unknown_token_id") ?? 0],
      fuse_unk: true,
      byte_fallback: true,
    },
    post_processor: postProcessor(gguf, vocabulary, true),
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        ...(prefix ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : []),
      ],
    },
  };
}

/** Phi-3's special tokens swallow the white space behind them (its tokenizer.json says so; GGUF has no field for it). */
function stripBehindSpecial(added: AddedTokenJson[]): void {
  const keep = new Set(["<unk>", "<s>", "<|endoftext|>"]);
  for (const token of added) token.rstrip = !keep.has(token.content);
}

/**
 * SentencePiece joins the two neighbours whose union has the best score. As BPE: every cut of a piece into two pieces is
 * a merge, ranked by the piece's score (and among the cuts of one piece, longer left parts first, as transformers
 * converts them).
 */
function mergesFromScores(tokens: string[], types: number[], scores: number[]): [string, string][] {
  const known = new Set(tokens);
  const merges: { left: string; right: string; score: number }[] = [];
  for (const [id, piece] of tokens.entries()) {
    if (types[id] !== TokenType.normal && types[id] !== TokenType.userDefined) continue;
    const score = scores[id] as number;
    for (let cut = 1; cut < piece.length; cut++) {
      const left = piece.slice(0, cut);
      if (!known.has(left)) continue;
      const right = piece.slice(cut);
      if (known.has(right)) merges.push({ left, right, score });
    }
  }
  merges.sort((a, b) => b.score - a.score || b.left.length - a.left.length || b.right.length - a.right.length);
  return merges.map(({ left, right }) => [left, right]);
}
