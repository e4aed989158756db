/** What the parts of a model share, and how each of them gives its vectors to the native half. */
import { inspect } from "node:util";
import type { GenerationConfig } from "../generation/generation_config";
import type { ModelConfig, NativeModel, NativeTensor } from "../native";
import { refuseWithinHook } from "../insight/hooks";
import { Tensor } from "../tensor";
import type { PreTrainedTokenizer } from "../tokenizer";

/** What the parts of a model share. */
export interface Core {
  native: NativeModel;
  config: ModelConfig;
  /** Defaults of generation. */
  generation_config: GenerationConfig;
  /** The model's own tokenizer, where its files hold one. */
  tokenizer: () => Promise<PreTrainedTokenizer>;
}

/**
 * Runs native work on vectors, (…, width): in place where they lie in the model's memory row after row, else on a copy there,
 * which those of another model are as well.
 *
 * @param name Of the module, for the errors.
 * @throws TypeError or RangeError for what is no tensor, or has no vectors of this width.
 */
export async function onVectors<T>(
  { native }: Core,
  vectors: unknown,
  width: number,
  name: string,
  work: (tensor: NativeTensor, start: number, rows: number) => Promise<T>,
): Promise<T> {
  refuseWithinHook(native);
  if (!(vectors instanceof Tensor))
    throw new TypeError(`Expected a tensor of vectors for ${name} but received ${inspect(vectors, { depth: 0 })}`);
  if (vectors.dims.at(-1) !== width || vectors.size === 0)
    throw new RangeError(`Expected vectors of ${width} numbers for ${name} but received [${vectors.dims.join(", ")}]`);
  const rows = vectors.size / width;
  const range = vectors.nativeRange(native);
  if (range !== undefined && range.start % width === 0) return work(range.native, range.start / width, rows);
  const copy = native.upload(vectors.to("float32").data as Float32Array, [rows, width]);
  try {
    return await work(copy, 0, rows);
  } finally {
    copy.dispose();
  }
}
