/**
 * A GGUF file's rotary embeddings in transformers' words: what llama.cpp's converters make of them, read backwards. The
 * divisors of frequencies are tensors, whose numbers are read here.
 */
import type { RopeParameters } from "../native";
import { WeightsError } from "./error";
import type { ModelType } from "./families";
import type { Fields } from "./fields";
import type { GgufModel } from "./gguf_parts";
import type { Gguf } from "./gguf_types";
import { openRegular } from "./regular";

/**
 * @param fields The metadata.
 * @throws WeightsError when they are stretched in a way that is not known, or the file is damaged.
 */
export async function ggufRope(
  gguf: Gguf | GgufModel,
  fields: Fields,
  model_type: ModelType,
  head_dim: number,
): Promise<RopeParameters> {
  const key = (name: string): string => `${model_type}.rope.${name}`;
  const plain: RopeParameters = {
    rope_type: "default",
    rope_theta: fields.positive(key("freq_base"), 10_000),
    partial_rotary_factor: fields.count(key("dimension_count"), head_dim) / head_dim,
  };
  const optional = {
    original_max_position_embeddings: fields.countOrNone(key("scaling.original_context_length")),
    attention_factor: fields.numberOrNone(key("scaling.attn_factor")),
  };
  const [short_factor, long_factor, freq_factors] = await Promise.all(
    ["rope_factors_short", "rope_factors_long", "rope_freqs"].map((name) => floats(gguf, `${name}.weight`)),
  );
  if (short_factor && long_factor) {
    const { original_max_position_embeddings = 4096, attention_factor } = optional;
    const given = { original_max_position_embeddings, ...(attention_factor && { attention_factor }) };
    return { ...plain, rope_type: "longrope", short_factor, long_factor, ...given };
  }
  if (short_factor || long_factor)
    fields.fail(`holds rope_factors_${short_factor ? "short" : "long"}.weight without the other one: it is damaged`);
  if (freq_factors) {
    if (freq_factors.every((factor) => factor === 1)) return plain;
    return { ...plain, rope_type: "factors", freq_factors };
  }
  const type =
    fields.value(key("scaling.type")) ?? (fields.value(key("scale_linear")) === undefined ? "none" : "linear");
  if (type === "none") return plain;
  const factor = fields.positive(
    key(fields.value(key("scaling.factor")) === undefined ? "scale_linear" : "scaling.factor"),
    1,
  );
  if (type === "linear") return { ...plain, rope_type: "linear", factor };
  const betas = {
    beta_fast: fields.numberOrNone(key("scaling.yarn_beta_fast")),
    beta_slow: fields.numberOrNone(key("scaling.yarn_beta_slow")),
  };
  const set = Object.fromEntries(Object.entries({ ...optional, ...betas }).filter(([, value]) => value !== undefined));
  return { ...plain, rope_type: String(type), factor, ...set };
}

/** Bytes of a tensor of factors: one for each pair of a head's numbers. */
const mostFactors = 1e6;

/** The numbers of a tensor in F32; undefined where there is none of this name. */
async function floats(gguf: Gguf | GgufModel, name: string): Promise<number[] | undefined> {
  const tensor = gguf.tensors.find((one) => one.name === name);
  if (!tensor) return undefined;
  const part = "files" in gguf && "file" in tensor ? gguf.files[tensor.file as number] : undefined;
  const file = part ?? gguf.file;
  if (tensor.type !== "F32") throw new WeightsError(file, `${file} holds ${name} as ${tensor.format}; expected F32.`);
  const damaged = (what: string): never => {
    throw new WeightsError(file, `${file} is damaged: ${name} ${what}; download it again.`);
  };
  if (tensor.nbytes > mostFactors) damaged(`has ${tensor.nbytes} bytes`);
  const bytes = Buffer.alloc(tensor.nbytes);
  const handle = (await openRegular(file)) ?? damaged("is not there any more");
  try {
    await handle.read(bytes, 0, bytes.length, tensor.offset);
  } finally {
    await handle.close();
  }
  return Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
}
