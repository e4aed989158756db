/** Which of a folder's files hold a model's weights, whether it lies on this disk or on the hub. */
import { stat } from "node:fs/promises";

const indexFile = "model.safetensors.index.json";
const single = "model.safetensors";
/** Diffusers' way of saying that a file holds float16 numbers; some language models have it, too. */
const half = "model.fp16.safetensors";

/** Files that hold the weights, or the index that names them. */
export type WeightFiles = { index: string } | { files: string[] };

/**
 * The weight files among a folder's names: one file, shards by their index, or shards without one (an index is left out
 * where there is one shard, and by tools that split files themselves).
 *
 * @returns undefined where there are none.
 */
export function weightFiles(names: readonly string[]): WeightFiles | undefined {
  if (names.includes(single)) return { files: [single] };
  if (names.includes(indexFile)) return { index: indexFile };
  const shard = names.map((name) => /^model-\d{5}-of-(\d{5})\.safetensors$/.exec(name)).find((match) => match !== null);
  if (shard) return { files: partNames("model", shard[1] as string, ".safetensors") };
  return names.includes(half) ? { files: [half] } : undefined;
}

/** The number of a part or of all parts, as their names have it. */
export const fiveDigits = (number: number): string => String(number).padStart(5, "0");

/** The names of all parts of a model that is split: `stem-00001-of-00003.gguf` and so on, in their order. */
export function partNames(stem: string, count: string, extension: string): string[] {
  return Array.from({ length: Number(count) }, (_, i) => `${stem}-${fiveDigits(i + 1)}-of-${count}${extension}`);
}

/** Whether there is something of this name; whether it is a file is said by whoever opens it. */
export async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

/**
 * What to do about a folder without weights in safetensors: the end of a sentence that says so.
 *
 * @param where The folder or the hub's id, for the command.
 */
export function insteadOf(names: readonly string[], where: string): string {
  const ggufs = names.filter((name) => name.endsWith(".gguf"));
  if (ggufs.length > 0) return `expected the path of ${ggufs[0]} instead`;
  if (names.some((name) => /^pytorch_model.*\.bin$/.test(name)))
    return `it holds PyTorch's pickled pytorch_model.bin, which is never read here; convert it: python -c "from transformers import AutoModelForCausalLM as M; M.from_pretrained('${where}').save_pretrained('converted')"`;
  return "expected a model's weights in safetensors, or a .gguf file";
}
