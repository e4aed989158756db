/**
 * Turns a GGUF file's metadata into the ModelConfig of the forward pass, for the architectures `llama` and `phi3`.
 * Whatever the forward pass does not compute is refused with a sentence. Key names:
 * https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
import type { ModelConfig } from "../native";
import { checkHeads } from "./config";
import { WeightsError } from "./error";
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
 * @throws {WeightsError} when its architecture or a setting of it is not supported, or a value makes no sense.
 * @example const config = ggufConfig(await readGguf("model.gguf"));
 */
export function ggufConfig(gguf: Gguf): ModelConfig {
  const fields: Metadata = new Metadata(gguf);
  const type = ggufString(gguf, "general.architecture");
  if (type !== "phi3" && type !== "llama") {
    fields.fail(
      `holds a model of the architecture ${JSON.stringify(type) ?? "unknown"}; phi3lab runs "phi3" and "llama"`,
    );
  }
  const hidden = fields.count(`${type}.embedding_length`);
  const heads = fields.count(`${type}.attention.head_count`);
  const headDim = fields.count(`${type}.attention.key_length`, hidden / heads);
  const embedding = gguf.tensors.find(({ name }) => name === "token_embd.weight");
  if (!embedding) fields.fail('holds no tensor "token_embd.weight": it is no complete model');
  const window = gguf.metadata.get(`${type}.attention.sliding_window`);
  const config: ModelConfig = {
    model_type: type,
    hidden_size: hidden,
    intermediate_size: fields.count(`${type}.feed_forward_length`),
    num_hidden_layers: fields.count(`${type}.block_count`),
    num_attention_heads: heads,
    num_key_value_heads: fields.count(`${type}.attention.head_count_kv`, heads),
    head_dim: headDim,
    // The table's own size: the metadata may leave it out.
    vocab_size: embedding.shape[0] as number,
    max_position_embeddings: fields.count(`${type}.context_length`),
    rms_norm_eps: float32(fields.positive(`${type}.attention.layer_norm_rms_epsilon`)),
    rope_theta: fields.positive(`${type}.rope.freq_base`, 10_000),
    sliding_window: type === "phi3" && window ? fields.count(`${type}.attention.sliding_window`) : null,
    tie_word_embeddings: !gguf.tensors.some(({ name }) => name === "output.weight"),
    bos_token_id: ggufTokenId(gguf, "bos_token_id") ?? null,
    eos_token_id: endTokens(gguf, type),
    pad_token_id: ggufTokenId(gguf, "padding_token_id") ?? null,
  };
  checkHeads(config, (what) => fields.fail(what));
  refuseUnsupported(fields, config);
  return config;
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

class Metadata {
  constructor(readonly gguf: Gguf) {}

  fail(what: string): never {
    throw new WeightsError(this.gguf.file, `${this.gguf.file} ${what}.`);
  }

  #number(key: string, fallback: number | undefined, kind: string, valid: (value: number) => boolean): number {
    const value = single(this.gguf.metadata.get(key)) ?? fallback;
    if (typeof value === "number" && valid(value)) return value;
    return this.fail(`has ${key} = ${value === undefined ? "nothing" : String(value)}; expected ${kind}`);
  }

  count(key: string, fallback?: number): number {
    return this.#number(key, fallback, "a whole number from 1 on", (n) => Number.isInteger(n) && n >= 1 && n < 2 ** 31);
  }

  positive(key: string, fallback?: number): number {
    return this.#number(key, fallback, "a number above 0", (n) => Number.isFinite(n) && n > 0);
  }
}

/** Some converters write one value for each layer: equal ones count as one. */
function single(value: GgufValue | undefined): unknown {
  if (typeof value !== "object") return value;
  const numbers = [...new Set(value.numbers())];
  return numbers.length === 1 ? numbers[0] : `[${numbers.slice(0, 4).join(", ")}]`;
}

function refuseUnsupported(fields: Metadata, config: ModelConfig): void {
  const { metadata, tensors } = fields.gguf;
  const key = (name: string) => `${config.model_type}.${name}`;
  const rotated = metadata.get(key("rope.dimension_count")) ?? config.head_dim;
  if (rotated !== config.head_dim) {
    fields.fail(
      `rotates ${String(rotated)} of each head's ${config.head_dim} numbers; phi3lab computes only all so far`,
    );
  }
  const scaling = metadata.get(key("rope.scaling.type")) ?? "none";
  const linear = metadata.get(key("rope.scale_linear")) ?? 1;
  if (scaling !== "none" || linear !== 1 || tensors.some(({ name }) => /^rope_(freqs|factors)/.test(name))) {
    fields.fail("asks for stretched rotary embeddings; phi3lab computes only plain ones so far");
  }
  const values = metadata.get(key("attention.value_length")) ?? config.head_dim;
  if (values !== config.head_dim)
    fields.fail(`has keys of ${config.head_dim} and values of ${String(values)} numbers a head`);
  if (metadata.get(key("expert_count"))) fields.fail("holds a mixture of experts; phi3lab runs dense models");
}
