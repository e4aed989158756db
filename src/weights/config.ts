/**
 * Reads a folder's config.json and generation_config.json. The names and defaults are transformers' (`Phi3Config`,
 * `LlamaConfig` and so on); what of it the forward pass computes is architecture.ts' to say.
 */
import { join } from "node:path";
import type { ModelConfig, RopeParameters } from "../native";
import { WeightsError } from "./error";
import { families, type ModelType } from "./families";
import { Fields } from "./fields";
import { readJson } from "./json";

export { readJson };

type Json = Record<string, unknown>;

/**
 * Reads the configuration of a model's folder.
 *
 * @throws WeightsError when there is none, or none that the forward pass can follow.
 * @example const config = await readConfig("/models/Phi-3-mini-4k-instruct");
 */
export async function readConfig(folder: string): Promise<ModelConfig> {
  return (await readFolderConfig(folder)).config;
}

/** The same, and config.json itself, for what else of it is to be taken field by field. */
export async function readFolderConfig(folder: string): Promise<{ config: ModelConfig; fields: Fields }> {
  const file = join(folder, "config.json");
  const json = await readJson(file);
  if (!json) throw new WeightsError(file, `${folder} has no config.json: it is no model's folder.`);
  const generation = (await readJson(join(folder, "generation_config.json"))) ?? {};
  return configOf(file, json, generation);
}

/** The configuration that a config.json and a generation_config.json hold. */
export function configOf(file: string, json: Json, generation: Json): { config: ModelConfig; fields: Fields } {
  const fields = new Fields(file, (key) => json[key]);
  return { config: normalise(fields, json, generation), fields };
}

/** Token ids as configurations have them (one, several, null); negative ones mean none. */
function ids(...values: unknown[]): number[] {
  const valid = values.flat().filter((id): id is number => Number.isInteger(id) && (id as number) >= 0);
  return [...new Set(valid)];
}

function normalise(fields: Fields, json: Json, generation: Json): ModelConfig {
  const model_type = fields.modelType("model_type", "describes a model of type", Object.keys(families) as ModelType[]);
  const { defaults, qkv_bias = false } = families[model_type];
  if (json.attention_bias === true && !qkv_bias)
    fields.fail(
      "asks for attention_bias, a bias of the attention's output among them; phi3lab computes those of q, k, v",
    );
  const hidden_size = fields.count("hidden_size");
  const num_attention_heads = fields.count("num_attention_heads");
  return {
    model_type,
    hidden_size,
    intermediate_size: fields.count("intermediate_size"),
    num_hidden_layers: fields.layers("num_hidden_layers"),
    num_attention_heads,
    num_key_value_heads: fields.count(
      "num_key_value_heads",
      json.num_key_value_heads === null ? num_attention_heads : (defaults.num_key_value_heads ?? num_attention_heads),
    ),
    head_dim: fields.count("head_dim", defaults.head_dim ?? hidden_size / num_attention_heads),
    vocab_size: fields.count("vocab_size"),
    max_position_embeddings: fields.count("max_position_embeddings", defaults.max_position_embeddings),
    rms_norm_eps: fields.positive("rms_norm_eps", defaults.rms_norm_eps),
    hidden_act: typeof json.hidden_act === "string" ? json.hidden_act : "silu",
    attention_bias: qkv_bias,
    mlp_bias: json.mlp_bias === true,
    rope_parameters: ropeParameters(fields, json, model_type),
    ...layers(fields, json, model_type),
    tie_word_embeddings: (json.tie_word_embeddings ?? defaults.tie_word_embeddings) === true,
    bos_token_id: ids(generation.bos_token_id ?? json.bos_token_id)[0] ?? null,
    eos_token_id: ids(generation.eos_token_id, json.eos_token_id),
    pad_token_id: ids(json.pad_token_id ?? generation.pad_token_id)[0] ?? null,
  };
}

/** transformers 5 writes `rope_parameters`; older ones `rope_theta`, `rope_scaling` and `partial_rotary_factor`. */
function ropeParameters(fields: Fields, json: Json, model_type: ModelType): RopeParameters {
  const given: Json = { ...json, ...fields.object("rope_scaling"), ...fields.object("rope_parameters") };
  const rope = new Fields(fields.file, (key) => given[key]);
  const phi3 = model_type === "phi3";
  let rope_type = String(given.rope_type ?? given.type ?? "default");
  // What these were called in Phi-3's first configurations.
  if (phi3 && (rope_type === "su" || rope_type === "yarn")) rope_type = "longrope";
  const base: RopeParameters = {
    rope_type,
    rope_theta: rope.positive("rope_theta", families[model_type].defaults.rope_theta ?? 10_000),
    partial_rotary_factor: rope.positive("partial_rotary_factor", 1),
  };
  if (rope_type === "default") return base;
  const number = (key: string) => rope.numberOrNone(key);
  const stretch: Partial<RopeParameters> = {
    factor: number("factor"),
    // Phi-3's stands beside the others and is 4096 where it does not.
    original_max_position_embeddings: phi3
      ? fields.count("original_max_position_embeddings", 4096)
      : rope.countOrNone("original_max_position_embeddings"),
    attention_factor: number("attention_factor"),
    short_factor: rope.numbersOrNone("short_factor"),
    long_factor: rope.numbersOrNone("long_factor"),
    low_freq_factor: number("low_freq_factor"),
    high_freq_factor: number("high_freq_factor"),
    beta_fast: number("beta_fast"),
    beta_slow: number("beta_slow"),
    mscale: number("mscale"),
    mscale_all_dim: number("mscale_all_dim"),
    truncate: typeof given.truncate === "boolean" ? given.truncate : undefined,
  };
  return {
    ...base,
    ...(Object.fromEntries(Object.entries(stretch).filter(([, v]) => v !== undefined)) as typeof stretch),
  };
}

/** In which layers what holds: windows and rotary embeddings. */
function layers(
  fields: Fields,
  json: Json,
  model_type: ModelType,
): Pick<ModelConfig, "sliding_window" | "layer_types" | "no_rope_layers"> {
  const { windows, defaults, unrotated_every } = families[model_type];
  const count = fields.layers("num_hidden_layers");
  const each = <T>(of: (layer: number) => T): T[] => Array.from({ length: count }, (_, i) => of(i));
  const list = (key: string, fallback: () => unknown[]): unknown[] => {
    const value = json[key] ?? fallback();
    if (Array.isArray(value) && value.length >= count) return value.slice(0, count);
    return fields.fail(`has ${key} = ${JSON.stringify(value)}; expected a list of ${count}, one for each layer`);
  };
  const some: Pick<ModelConfig, "no_rope_layers"> = {};
  if (unrotated_every !== undefined) {
    const every = fields.count("no_rope_layer_interval", unrotated_every);
    const flags = list("no_rope_layers", () => each((i) => ((i + 1) % every === 0 ? 0 : 1)));
    some.no_rope_layers = flags.map((flag) => (flag === 0 || flag === false ? 0 : 1));
  }
  const absent = json.sliding_window === null || (json.sliding_window === undefined && !defaults.sliding_window);
  const used = windows === "all" || (windows === "chosen" && json.use_sliding_window === true);
  if (absent || !used) return { sliding_window: null, ...some };
  const sliding_window = fields.count("sliding_window", defaults.sliding_window);
  if (windows === "all") return { sliding_window, ...some };
  const types = list("layer_types", () => {
    const from = fields.value("max_window_layers") === 0 ? 0 : fields.count("max_window_layers", 28);
    const slides = (i: number) => (some.no_rope_layers ? some.no_rope_layers[i] === 0 : i >= from);
    return each((i) => (slides(i) ? "sliding_attention" : "full_attention"));
  });
  const layer_types = types.map((type) => {
    if (type === "full_attention" || type === "sliding_attention") return type;
    return fields.fail(
      `has a layer of type ${JSON.stringify(type)}; phi3lab computes "full_attention" and "sliding_attention"`,
    );
  });
  return { sliding_window, layer_types, ...some };
}
