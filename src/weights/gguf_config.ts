/**
 * Reads a GGUF file's metadata as a configuration in transformers' words; what of it the forward pass computes is
 * architecture.ts' to say. Key names: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
import type { ModelConfig } from "../native";
import { families, ggufFamilies, type ModelType } from "./families";
import { Fields } from "./fields";
import { ggufRope } from "./gguf_rope";
import type { GgufModel } from "./gguf_parts";
import type { Gguf, GgufValue } from "./gguf_types";

/** The string under a metadata key; undefined when it is absent or something else. */
export function ggufString(gguf: Gguf, key: string): string | undefined {
  const value = gguf.metadata.get(key);
  return typeof value === "string" ? value : undefined;
}

/** A token id under a metadata key; undefined when it is absent or no id. */
export function ggufTokenId(gguf: Gguf, key: string): number | undefined {
  const value = gguf.metadata.get(`tokenizer.ggml.${key}`);
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value < 2 ** 31 ? value : undefined;
}

/**
 * The configuration that a GGUF header describes.
 *
 * @throws WeightsError when its architecture or a setting of it is not supported, or a value makes no sense.
 * @example const config = await ggufConfig(await readGguf("model.gguf"));
 */
export async function ggufConfig(gguf: Gguf | GgufModel): Promise<ModelConfig> {
  const { metadata, tensors } = gguf;
  const fields: Fields = new Fields(gguf.file, (key) => single(metadata.get(key)));
  const holds = "holds a model of the architecture";
  const model_type = fields.modelType("general.architecture", holds, ggufFamilies);
  const key = (name: string): string => `${model_type}.${name}`;
  const hidden_size = fields.count(key("embedding_length"));
  const num_attention_heads = fields.count(key("attention.head_count"));
  const head_dim = fields.count(key("attention.key_length"), hidden_size / num_attention_heads);
  const embedding = tensors.find(({ name }) => name === "token_embd.weight");
  if (!embedding) return fields.fail('holds no tensor "token_embd.weight": it is no complete model');
  const values = metadata.get(key("attention.value_length")) ?? head_dim;
  if (values !== head_dim) fields.fail(`has keys of ${head_dim} and values of ${String(values)} numbers a head`);
  if (metadata.get(key("expert_count"))) fields.fail("holds a mixture of experts; phi3lab runs dense models");
  const num_hidden_layers = fields.layers(key("block_count"));
  const every = families[model_type].unrotated_every;
  return {
    model_type,
    hidden_size,
    intermediate_size: fields.count(key("feed_forward_length")),
    num_hidden_layers,
    num_attention_heads,
    num_key_value_heads: fields.count(key("attention.head_count_kv"), num_attention_heads),
    head_dim,
    // The table's own size: the metadata may leave it out.
    vocab_size: embedding.shape[0] as number,
    max_position_embeddings: fields.count(key("context_length")),
    rms_norm_eps: float32(fields.positive(key("attention.layer_norm_rms_epsilon"))),
    hidden_act: "silu",
    attention_bias: tensors.some(({ name }) => /^blk\.\d+\.attn_(q|k|v|qkv)\.bias$/.test(name)),
    mlp_bias: tensors.some(({ name }) => /^blk\.\d+\.ffn_\w+\.bias$/.test(name)),
    rope_parameters: await ggufRope(gguf, fields, model_type, head_dim),
    sliding_window: slidingWindow(fields, model_type),
    ...(every && { no_rope_layers: Array.from({ length: num_hidden_layers }, (_, i) => ((i + 1) % every ? 1 : 0)) }),
    tie_word_embeddings: !tensors.some(({ name }) => name === "output.weight"),
    bos_token_id: ggufTokenId(gguf, "bos_token_id") ?? null,
    eos_token_id: endTokens(gguf, model_type),
    pad_token_id: ggufTokenId(gguf, "padding_token_id") ?? null,
  };
}

/** Models whose window converters left out, or still do: told by their sizes, which no other model of theirs has. */
const forgottenWindows: { window: number; type: ModelType; sizes: Record<string, number[]> }[] = [
  // Phi-3-mini-4k and Phi-3-medium-4k.
  { window: 2047, type: "phi3", sizes: { context_length: [4096], block_count: [32, 40] } },
  // Mistral 7B v0.1; later ones have no window and a base of 1,000,000.
  {
    window: 4096,
    type: "llama",
    sizes: {
      context_length: [32768],
      block_count: [32],
      embedding_length: [4096],
      feed_forward_length: [14336],
      "attention.head_count_kv": [8],
      "rope.freq_base": [10_000],
    },
  },
];

/** Keys that a query sees; null: all before it. 0 says that there is no window. */
function slidingWindow(fields: Fields, model_type: ModelType): number | null {
  if (model_type !== "phi3" && model_type !== "llama") return null;
  const given = fields.numberOrNone(`${model_type}.attention.sliding_window`);
  if (given === 0) return null;
  if (given !== undefined) return fields.count(`${model_type}.attention.sliding_window`);
  const meant = forgottenWindows.find(
    ({ type, sizes }) =>
      type === model_type &&
      Object.entries(sizes).every(([key, values]) => values.some((v) => fields.value(`${type}.${key}`) === v)),
  );
  return meant?.window ?? null;
}

/** 1e-5 is stored as the float 0.00000999999974737875; the shortest decimal that means the same float is what was meant. */
function float32(value: number): number {
  for (let digits = 1; digits <= 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === Math.fround(value)) return short;
  }
  return value;
}

/** Every id that ends a text: those that a key names, and those of the generation_config.json that a file leaves out. */
function endTokens(gguf: Gguf, type: ModelType): number[] {
  const found = ["eos_token_id", "eot_token_id", "eom_token_id"].map((key) => ggufTokenId(gguf, key));
  const { ends } = families[type];
  const tokens = ends && gguf.metadata.get("tokenizer.ggml.tokens");
  const names = typeof tokens === "object" ? tokens.strings() : undefined;
  for (const name of ends ?? []) {
    const id = names?.indexOf(name) ?? -1;
    if (id >= 0) found.push(id);
  }
  return [...new Set(found.filter((id): id is number => id !== undefined))];
}

/** Some converters write one value for each layer: equal ones count as one. */
function single(value: GgufValue | undefined): unknown {
  if (typeof value !== "object") return value;
  const numbers = [...new Set(value.numbers())];
  return numbers.length === 1 ? numbers[0] : numbers.slice(0, 4);
}
