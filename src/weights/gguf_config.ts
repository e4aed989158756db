/**
 * Reads a GGUF file's metadata as a configuration in transformers' words; what of it the forward pass computes is
 * architecture.ts' to say. Key names: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
import type { ModelConfig } from "../native";
import { Fields } from "./fields";
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
 * @example const config = ggufConfig(await readGguf("model.gguf"));
 */
export function ggufConfig(gguf: Gguf): ModelConfig {
  const { metadata, tensors } = gguf;
  const fields: Fields = new Fields(gguf.file, (key) => single(metadata.get(key)));
  const model_type = fields.modelType("general.architecture", "holds a model of the architecture");
  const key = (name: string): string => `${model_type}.${name}`;
  const hidden_size = fields.count(key("embedding_length"));
  const num_attention_heads = fields.count(key("attention.head_count"));
  const head_dim = fields.count(key("attention.key_length"), hidden_size / num_attention_heads);
  const embedding = tensors.find(({ name }) => name === "token_embd.weight");
  if (!embedding) return fields.fail('holds no tensor "token_embd.weight": it is no complete model');
  const values = metadata.get(key("attention.value_length")) ?? head_dim;
  if (values !== head_dim) fields.fail(`has keys of ${head_dim} and values of ${String(values)} numbers a head`);
  if (metadata.get(key("expert_count"))) fields.fail("holds a mixture of experts; phi3lab runs dense models");
  const window = metadata.get(key("attention.sliding_window"));
  return {
    model_type,
    hidden_size,
    intermediate_size: fields.count(key("feed_forward_length")),
    num_hidden_layers: fields.count(key("block_count")),
    num_attention_heads,
    num_key_value_heads: fields.count(key("attention.head_count_kv"), num_attention_heads),
    head_dim,
    // The table's own size: the metadata may leave it out.
    vocab_size: embedding.shape[0] as number,
    max_position_embeddings: fields.count(key("context_length")),
    rms_norm_eps: float32(fields.positive(key("attention.layer_norm_rms_epsilon"))),
    hidden_act: "silu",
    attention_bias: tensors.some(({ name }) => /^blk\.\d+\.attn_\w+\.bias$/.test(name)),
    mlp_bias: tensors.some(({ name }) => /^blk\.\d+\.ffn_\w+\.bias$/.test(name)),
    rope_parameters: {
      rope_type: ropeType(gguf, key),
      rope_theta: fields.positive(key("rope.freq_base"), 10_000),
      partial_rotary_factor: fields.count(key("rope.dimension_count"), head_dim) / head_dim,
    },
    sliding_window: model_type === "phi3" && window ? fields.count(key("attention.sliding_window")) : null,
    tie_word_embeddings: !tensors.some(({ name }) => name === "output.weight"),
    bos_token_id: ggufTokenId(gguf, "bos_token_id") ?? null,
    eos_token_id: endTokens(gguf, model_type),
    pad_token_id: ggufTokenId(gguf, "padding_token_id") ?? null,
  };
}

/** "default", or what stretches the rotary embeddings: a type of the metadata, or factors as a tensor. */
function ropeType({ metadata, tensors }: Gguf, key: (name: string) => string): string {
  const scaling = metadata.get(key("rope.scaling.type")) ?? "none";
  if (scaling !== "none") return String(scaling);
  if ((metadata.get(key("rope.scale_linear")) ?? 1) !== 1) return "linear";
  return tensors.find(({ name }) => /^rope_(freqs|factors)/.test(name))?.name ?? "default";
}

/** 1e-5 is stored as the float 0.00000999999974737875; the shortest decimal that means the same float is what was meant. */
function float32(value: number): number {
  for (let digits = 1; digits <= 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === Math.fround(value)) return short;
  }
  return value;
}

/** Every id that ends a text. Phi-3's chat ends at `<|end|>`, which its GGUF files name only in the vocabulary. */
function endTokens(gguf: Gguf, type: string): number[] {
  const found = ["eos_token_id", "eot_token_id", "eom_token_id"].map((key) => ggufTokenId(gguf, key));
  if (type === "phi3") {
    const tokens = gguf.metadata.get("tokenizer.ggml.tokens");
    const names = typeof tokens === "object" ? tokens.strings() : undefined;
    for (const name of ["<|assistant|>", "<|end|>"]) {
      const id = names?.indexOf(name) ?? -1;
      if (id >= 0) found.push(id);
    }
  }
  return [...new Set(found.filter((id): id is number => id !== undefined))];
}

/** Some converters write one value for each layer: equal ones count as one. */
function single(value: GgufValue | undefined): unknown {
  if (typeof value !== "object") return value;
  const numbers = [...new Set(value.numbers())];
  return numbers.length === 1 ? numbers[0] : numbers.slice(0, 4);
}
