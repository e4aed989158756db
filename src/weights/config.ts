/**
 * Reads a folder's config.json and generation_config.json. The names and defaults are transformers' (`Phi3Config`,
 * `LlamaConfig`); what of it the forward pass computes is architecture.ts' to say.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ModelConfig, RopeParameters } from "../native";
import { refuseLfsPointer, WeightsError } from "./error";
import { Fields } from "./fields";

type Json = Record<string, unknown>;

/**
 * Reads the configuration of a model's folder.
 *
 * @throws WeightsError when there is none, or none that the forward pass can follow.
 * @example const config = await readConfig("/models/Phi-3-mini-4k-instruct");
 */
export async function readConfig(folder: string): Promise<ModelConfig> {
  const { fields, json } = await configFields(folder);
  const generation = (await readJson(join(folder, "generation_config.json"))) ?? {};
  return normalise(fields, json, generation);
}

/** A folder's config.json, to be taken field by field. */
export async function configFields(folder: string): Promise<{ fields: Fields; json: Json }> {
  const file = join(folder, "config.json");
  const json = await readJson(file);
  if (!json) throw new WeightsError(file, `${folder} has no config.json: it is no model's folder.`);
  return { fields: new Fields(file, (key) => json[key]), json };
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

function normalise(fields: Fields, json: Json, generation: Json): ModelConfig {
  const model_type = fields.modelType("model_type", "describes a model of type");
  const phi3 = model_type === "phi3";
  const hidden_size = fields.count("hidden_size");
  const num_attention_heads = fields.count("num_attention_heads");
  return {
    model_type,
    hidden_size,
    intermediate_size: fields.count("intermediate_size"),
    num_hidden_layers: fields.count("num_hidden_layers"),
    num_attention_heads,
    num_key_value_heads: fields.count("num_key_value_heads", num_attention_heads),
    head_dim: fields.count("head_dim", hidden_size / num_attention_heads),
    vocab_size: fields.count("vocab_size"),
    max_position_embeddings: fields.count("max_position_embeddings", phi3 ? 4096 : 2048),
    rms_norm_eps: fields.positive("rms_norm_eps", phi3 ? 1e-5 : 1e-6),
    hidden_act: typeof json.hidden_act === "string" ? json.hidden_act : "silu",
    attention_bias: json.attention_bias === true,
    mlp_bias: json.mlp_bias === true,
    rope_parameters: ropeParameters(fields, json),
    sliding_window: phi3 && json.sliding_window != null ? fields.count("sliding_window") : null,
    tie_word_embeddings: json.tie_word_embeddings === true,
    bos_token_id: ids(generation.bos_token_id ?? json.bos_token_id)[0] ?? null,
    eos_token_id: ids(generation.eos_token_id, json.eos_token_id),
    pad_token_id: ids(json.pad_token_id ?? generation.pad_token_id)[0] ?? null,
  };
}

/** transformers 5 writes `rope_parameters`; older ones `rope_theta`, `rope_scaling` and `partial_rotary_factor`. */
function ropeParameters(fields: Fields, json: Json): RopeParameters {
  const given: Json = { ...json, ...fields.object("rope_scaling"), ...fields.object("rope_parameters") };
  const rope = new Fields(fields.file, (key) => given[key]);
  return {
    rope_type: String(given.rope_type ?? given.type ?? "default"),
    rope_theta: rope.positive("rope_theta", 10_000),
    partial_rotary_factor: rope.positive("partial_rotary_factor", 1),
  };
}
