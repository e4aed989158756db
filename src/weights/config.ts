/**
 * Turns a folder's config.json and generation_config.json into the ModelConfig of the forward pass. The names and
 * defaults are transformers' (`Phi3Config`, `LlamaConfig`). Whatever the forward pass does not compute (another
 * architecture, stretched or partial rotary embeddings, biases, quantised weights) is refused with a sentence.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ModelConfig } from "../native";
import { refuseLfsPointer, WeightsError } from "./error";

type Json = Record<string, unknown>;

/**
 * Reads the configuration of a model's folder.
 *
 * @throws {WeightsError} when there is none, or none that the forward pass can follow.
 * @example const config = await readConfig("/models/Phi-3-mini-4k-instruct");
 */
export async function readConfig(folder: string): Promise<ModelConfig> {
  const file = join(folder, "config.json");
  const config = await readJson(file);
  if (!config) throw new WeightsError(file, `${folder} has no config.json: it is no model's folder.`);
  const generation = (await readJson(join(folder, "generation_config.json"))) ?? {};
  return normalise(new Fields(file, config), generation);
}

/** The object in a JSON file; undefined when there is no such file. */
export async function readJson(file: string): Promise<Json | undefined> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw new WeightsError(file, `${file} cannot be read (${code}).`);
  }
  refuseLfsPointer(file, text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Answered below, together with JSON that is no object.
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new WeightsError(file, `${file} holds no JSON object: it is damaged or truncated; download it again.`);
  }
  return value as Json;
}

/** Token ids as configurations have them (one, several, null); negative ones mean none. */
function ids(...values: unknown[]): number[] {
  const valid = values.flat().filter((id): id is number => Number.isInteger(id) && (id as number) >= 0);
  return [...new Set(valid)];
}

/** A configuration's fields, each checked as it is taken. */
class Fields {
  constructor(
    readonly file: string,
    readonly json: Json,
  ) {}

  fail(what: string): never {
    throw new WeightsError(this.file, `${this.file} ${what}.`);
  }

  #number(key: string, fallback: number | undefined, kind: string, valid: (value: number) => boolean): number {
    const value = this.json[key] ?? fallback;
    if (typeof value === "number" && valid(value)) return value;
    return this.fail(`has ${key} = ${JSON.stringify(value) ?? "nothing"}; expected ${kind}`);
  }

  /** An integer from 1 on, small enough for the native half's 32 bits. */
  count(key: string, fallback?: number): number {
    return this.#number(key, fallback, "a whole number from 1 on", (n) => Number.isInteger(n) && n >= 1 && n < 2 ** 31);
  }

  positive(key: string, fallback: number): number {
    return this.#number(key, fallback, "a number above 0", (n) => Number.isFinite(n) && n > 0);
  }

  object(key: string): Json {
    const value = this.json[key] ?? {};
    if (typeof value !== "object" || Array.isArray(value))
      this.fail(`has ${key} = ${JSON.stringify(value)}; expected an object`);
    return value as Json;
  }
}

function normalise(fields: Fields, generation: Json): ModelConfig {
  const { json } = fields;
  const type = json.model_type;
  if (type !== "phi3" && type !== "llama") {
    fields.fail(`describes a model of type ${JSON.stringify(type) ?? "unknown"}; phi3lab runs "phi3" and "llama"`);
  }
  const phi3 = type === "phi3";
  const rope = { ...fields.object("rope_scaling"), ...fields.object("rope_parameters") };
  refuseUnsupported(fields, rope);
  const hidden = fields.count("hidden_size");
  const heads = fields.count("num_attention_heads");
  const config: ModelConfig = {
    model_type: type,
    hidden_size: hidden,
    intermediate_size: fields.count("intermediate_size"),
    num_hidden_layers: fields.count("num_hidden_layers"),
    num_attention_heads: heads,
    num_key_value_heads: fields.count("num_key_value_heads", heads),
    head_dim: fields.count("head_dim", hidden / heads),
    vocab_size: fields.count("vocab_size"),
    max_position_embeddings: fields.count("max_position_embeddings", phi3 ? 4096 : 2048),
    rms_norm_eps: fields.positive("rms_norm_eps", phi3 ? 1e-5 : 1e-6),
    rope_theta: new Fields(fields.file, { rope_theta: rope.rope_theta ?? json.rope_theta }).positive(
      "rope_theta",
      10_000,
    ),
    sliding_window: phi3 && json.sliding_window != null ? fields.count("sliding_window") : null,
    tie_word_embeddings: json.tie_word_embeddings === true,
    bos_token_id: ids(generation.bos_token_id ?? json.bos_token_id)[0] ?? null,
    eos_token_id: ids(generation.eos_token_id, json.eos_token_id),
    pad_token_id: ids(json.pad_token_id ?? generation.pad_token_id)[0] ?? null,
  };
  checkHeads(config, (what) => fields.fail(what));
  return config;
}

/** The relations between head counts that attention needs; shared with GGUF's configuration. */
export function checkHeads(config: ModelConfig, fail: (what: string) => never): void {
  const { num_attention_heads: heads, num_key_value_heads: shared, head_dim: size } = config;
  if (heads % shared !== 0) fail(`has ${heads} heads and ${shared} key-value heads; expected a multiple`);
  if (size % 2 !== 0) fail(`has heads of ${size} numbers; expected an even number`);
}

function refuseUnsupported(fields: Fields, rope: Json): void {
  const { json } = fields;
  const ropeType = rope.rope_type ?? rope.type ?? "default";
  if (ropeType !== "default") {
    fields.fail(
      `asks for rotary embeddings stretched by ${JSON.stringify(ropeType)}; phi3lab computes only plain ones so far`,
    );
  }
  const partial = rope.partial_rotary_factor ?? json.partial_rotary_factor ?? 1;
  if (partial !== 1)
    fields.fail(`asks for partial_rotary_factor = ${JSON.stringify(partial)}; phi3lab computes only 1 so far`);
  for (const key of ["attention_bias", "mlp_bias"]) {
    if (json[key] === true) fields.fail(`asks for ${key}; phi3lab's layers have no biases`);
  }
  const activation = json.hidden_act ?? "silu";
  if (activation !== "silu" && activation !== "swish") {
    fields.fail(`asks for the activation ${JSON.stringify(activation)}; phi3lab computes "silu"`);
  }
  if (json.quantization_config != null) {
    const method = fields.object("quantization_config").quant_method;
    fields.fail(
      `describes weights quantised by ${JSON.stringify(method) ?? "an unknown method"}; take the plain weights or a GGUF file`,
    );
  }
}
