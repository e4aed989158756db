/**
 * Builds a tokenizer from the metadata of a GGUF file: byte-level BPE (`gpt2`, with the pre-tokenizers of gguf_pre.ts)
 * and SentencePiece (`llama`, whose scores become BPE merges). The keys:
 * https://github.com/ggml-org/ggml/blob/master/docs/gguf.md#tokenizer
 */
import { WeightsError } from "../weights/error";
import { ggufString, ggufTokenId } from "../weights/gguf_config";
import { readGgufMetadata } from "../weights/gguf_parts";
import type { Gguf } from "../weights/gguf_types";
import { knownPreTokenizers, preTokenizer } from "./gguf_pre";
import { addedToken, TokenType } from "./gguf_special";
import {
  type AddedTokenJson,
  bosEosTemplate,
  type JsonNode,
  split,
  type TokenizerJson,
  type TokenizerSpec,
} from "./spec";

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
  return ggufTokenizer(await readGgufMetadata(file));
}

/**
 * The tokenizer that a GGUF header describes.
 *
 * @throws WeightsError as {@link readGgufTokenizer}.
 */
export function ggufTokenizer(gguf: Gguf): TokenizerSpec {
  const { file } = gguf;
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
    file,
    json,
    special_tokens: {
      bos: named("bos_token_id"),
      eos: named("eos_token_id"),
      unk: named("unknown_token_id"),
      pad: named("padding_token_id"),
    },
    additional_special_tokens: [],
    model_special_tokens: {},
    padding_side: "left",
    truncation_side: "right",
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
  const named = ["bos_token_id", "eos_token_id", "eot_token_id", "eom_token_id"].map((key) => ggufTokenId(gguf, key));
  const rules = {
    architecture: ggufString(gguf, "general.architecture") ?? "",
    model: ggufString(gguf, "tokenizer.ggml.model") ?? "",
    pre: ggufString(gguf, "tokenizer.ggml.pre") ?? "default",
    named: new Set(named.filter((id) => id !== undefined)),
  };
  const added = tokens
    .map((content, id) => addedToken({ id, content, type: types[id] }, rules))
    .filter((token) => token !== undefined);
  return { tokens, types, added };
}

/** BOS and EOS around the text, where the file asks for them or, if it is silent, where `fallback` does. */
function postProcessor(gguf: Gguf, { tokens }: Vocabulary, addBosByDefault: boolean): JsonNode {
  const token = (flag: string, key: string, fallback: boolean) => {
    const id = ggufTokenId(gguf, key);
    const wanted = gguf.metadata.get(`tokenizer.ggml.${flag}`) ?? fallback;
    if (wanted !== true || id === undefined) return undefined;
    const content = tokens[id];
    if (content === undefined) fail(gguf, `names token ${id} as ${key}; its vocabulary has ${tokens.length} tokens`);
    return content;
  };
  return bosEosTemplate(
    token("add_bos_token", "bos_token_id", addBosByDefault),
    token("add_eos_token", "eos_token_id", false),
  );
}

function ids(tokens: string[]): Record<string, number> {
  return Object.fromEntries(tokens.map((token, id) => [token, id]));
}

function mergesOf(gguf: Gguf): string[][] | undefined {
  const array = gguf.metadata.get("tokenizer.ggml.merges");
  // A space cannot stand inside a part: bytes are spelled by printable letters, SentencePiece's spaces as "▁".
  const merges = typeof array === "object" ? array.strings() : undefined;
  return merges?.map((merge) => merge.split(" ", 2));
}

function byteLevel(gguf: Gguf, vocabulary: Vocabulary): TokenizerJson {
  const name = ggufString(gguf, "tokenizer.ggml.pre") ?? "default";
  const pre = preTokenizer(name, ggufString(gguf, "general.architecture") ?? "", vocabulary.tokens);
  if (!pre) {
    fail(gguf, `wants the pre-tokenizer ${JSON.stringify(name)}; phi3lab knows ${knownPreTokenizers.join(", ")}`);
  }
  const merges = mergesOf(gguf);
  if (!merges) fail(gguf, "has a tokenizer without merges: expected strings in tokenizer.ggml.merges");
  // add_space_prefix is SentencePiece's: here it would put a space before every word.
  const bytes = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
  return {
    added_tokens: vocabulary.added,
    normalizer: pre.normalizer,
    pre_tokenizer: { type: "Sequence", pretokenizers: [...pre.words.map(split), bytes] },
    model: {
      type: "BPE",
      vocab: ids(vocabulary.tokens),
      merges,
      ignore_merges: pre.wholeWordsFirst,
    },
    post_processor: postProcessor(gguf, vocabulary, pre.addBos),
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
  };
}

function sentencePiece(gguf: Gguf, vocabulary: Vocabulary): TokenizerJson {
  const { tokens, types, added } = vocabulary;
  const array = gguf.metadata.get("tokenizer.ggml.scores");
  const scores = typeof array === "object" ? array.numbers() : undefined;
  const merges = mergesOf(gguf);
  if (!merges && scores?.length !== tokens.length)
    fail(gguf, "has a tokenizer without a score for each token in tokenizer.ggml.scores");
  const prefix = gguf.metadata.get("tokenizer.ggml.add_space_prefix") !== false;
  return {
    added_tokens: added,
    ...spaces(prefix, added),
    model: {
      type: "BPE",
      vocab: ids(tokens),
      merges: merges ?? mergesFromScores(tokens, types, scores as number[]),
      unk_token: tokens[ggufTokenId(gguf, "unknown_token_id") ?? 0],
      fuse_unk: true,
      byte_fallback: true,
    },
    // Llama 2 and Mistral put BOS before every text, Phi-3 does not.
    post_processor: postProcessor(gguf, vocabulary, ggufString(gguf, "general.architecture") !== "phi3"),
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

/**
 * Spaces as "▁", and where a prefix is wanted one before each text between special tokens; of Mistral's vocabularies with
 * `[INST]`, only before a text that begins with none, as their tokenizer.json has it.
 */
function spaces(prefix: boolean, added: AddedTokenJson[]): Pick<TokenizerJson, "normalizer" | "pre_tokenizer"> {
  if (added.some(({ content }) => content === "[INST]")) {
    const prepend_scheme = prefix ? "first" : "never";
    return { normalizer: null, pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme, split: false } };
  }
  const toMeta = { type: "Replace", pattern: { String: " " }, content: "▁" };
  const normalizers = [...(prefix ? [{ type: "Prepend", prepend: "▁" }] : []), toMeta];
  return { normalizer: { type: "Sequence", normalizers }, pre_tokenizer: null };
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
