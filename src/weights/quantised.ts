/**
 * How a configuration says that its weights are quantised: 8-bit floats with scales are read, what packs integers in
 * a library's own way is refused by that library's name.
 */
import type { Fields } from "./fields";

/** What is needed to read weights in 8-bit floats. */
export interface Quantisation {
  /** Rows and columns that share a number of `weight_scale_inv`. */
  block: [rows: number, cols: number];
}

const plain: Quantisation = { block: [128, 128] };
const names: Record<string, string> = {
  gptq: "GPTQ",
  awq: "AWQ",
  bitsandbytes: "bitsandbytes",
  hqq: "HQQ",
  eetq: "EETQ",
};

/** How such a refusal goes on. */
const instead = "which phi3lab does not run; take the model's plain safetensors, or a GGUF file of it";

/**
 * Reads config.json's `quantization_config`: the 8-bit floats of transformers' fp8 and fbgemm_fp8 and of
 * compressed-tensors ("float-quantized") are known.
 *
 * @throws WeightsError for every other method, by its name.
 */
export function readQuantisation(fields: Fields): Quantisation {
  if (fields.value("quantization_config") == null) return plain;
  const config = fields.object("quantization_config");
  const { quant_method: method, weight_block_size: block } = config;
  if (method === "compressed-tensors") checkCompressed(fields, config);
  else if (method !== "fp8" && method !== "fbgemm_fp8") {
    const called = (typeof method === "string" && (names[method] ?? JSON.stringify(method))) || "an unknown method";
    fields.fail(`describes weights quantised by ${called}, ${instead}`);
  }
  if (block == null) return plain;
  if (!Array.isArray(block) || block.length !== 2 || !block.every((size) => Number.isInteger(size) && size >= 1))
    fields.fail(`has weight_block_size = ${JSON.stringify(block)}; expected two whole numbers from 1 on`);
  return { block: block as [number, number] };
}

function checkCompressed(fields: Fields, config: Record<string, unknown>): void {
  const format = config.format ?? "none";
  if (format !== "float-quantized" && format !== "naive-quantized")
    fields.fail(`describes weights quantised by compressed-tensors as ${JSON.stringify(format)}, ${instead}`);
  const sparsity = (config.sparsity_config as { format?: unknown } | null | undefined)?.format ?? "dense";
  if (sparsity !== "dense") fields.fail(`describes sparse weights, as ${JSON.stringify(sparsity)}, ${instead}`);
  if (config.transform_config != null && Object.keys(config.transform_config as object).length > 0)
    fields.fail(`describes weights that compressed-tensors transformed, ${instead}`);
}

/**
 * The library that quantised a checkpoint, told from its tensors' names where no configuration says it.
 *
 * @returns The end of a sentence; undefined for plain weights.
 */
export function quantisedBy(tensors: readonly string[]): string | undefined {
  const holds = (end: RegExp): string | undefined => tensors.find((name) => end.test(name));
  const packed = holds(/\.(qweight|qzeros)$/);
  const bits = holds(/\.weight\.(absmax|quant_map|nested_absmax|quant_state\..+)$|\.SCB$/);
  const found = packed ?? bits;
  if (found === undefined) return undefined;
  const method = bits !== undefined ? "bitsandbytes" : holds(/\.g_idx$/) ? "GPTQ" : "GPTQ or AWQ";
  return `holds the tensor ${JSON.stringify(found)}, of weights quantised by ${method}, ${instead}`;
}
