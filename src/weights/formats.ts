/**
 * The formats that weights have in their files, a row each: the one table of JavaScript's side. native/seam/dtype.h has
 * the same rows; a test holds the two equal.
 */

/** By the name that safetensors and GGUF give a format: numbers a block, bytes a block, ggml's number of the type. */
export const weightFormats = {
  F32: { block: 1, bytes: 4, ggml: 0 },
  F16: { block: 1, bytes: 2, ggml: 1 },
  BF16: { block: 1, bytes: 2, ggml: 30 },
  Q4_0: { block: 32, bytes: 18, ggml: 2 },
  Q4_1: { block: 32, bytes: 20, ggml: 3 },
  Q5_0: { block: 32, bytes: 22, ggml: 6 },
  Q5_1: { block: 32, bytes: 24, ggml: 7 },
  Q8_0: { block: 32, bytes: 34, ggml: 8 },
  IQ4_NL: { block: 32, bytes: 18, ggml: 20 },
  Q2_K: { block: 256, bytes: 84, ggml: 10 },
  Q3_K: { block: 256, bytes: 110, ggml: 11 },
  Q4_K: { block: 256, bytes: 144, ggml: 12 },
  Q5_K: { block: 256, bytes: 176, ggml: 13 },
  Q6_K: { block: 256, bytes: 210, ggml: 14 },
  IQ4_XS: { block: 256, bytes: 136, ggml: 23 },
} as const satisfies Record<string, { block: number; bytes: number; ggml: number }>;

/** How a weight's numbers lie in its file. */
export type WeightType = keyof typeof weightFormats;

export const weightTypes = Object.keys(weightFormats) as WeightType[];

/** Those of floating-point numbers, which stand by themselves; the others are quantised, in blocks with scales. */
export const floatTypes: readonly string[] = weightTypes.filter((type) => weightFormats[type].block === 1);

/** Whether a format, of these or of files alone, is a quantised one. */
export const isQuantised = (type: string): type is WeightType =>
  Object.hasOwn(weightFormats, type) && !floatTypes.includes(type);

/**
 * Bytes that a GPU keeps 256 numbers of a quantised format in, where it keeps them as compact as they are
 * (cuda/memory/compact.h): as in the file, but the six-bit scales of Q4_K and Q5_K take a byte each.
 */
const onGpu: Partial<Record<WeightType, number>> = {
  Q4_0: 144,
  Q4_1: 160,
  Q5_0: 176,
  Q5_1: 192,
  Q8_0: 272,
  Q4_K: 148,
  Q5_K: 180,
  Q6_K: 210,
};

/** Bytes of one number of this format on a GPU that computes in numbers of `size` bytes. */
export function gpuBytesPerElement(type: WeightType, size: number): number {
  const compact = onGpu[type];
  return compact === undefined ? size : compact / 256;
}

/** Bytes of one number of this format: a fraction where numbers are packed in blocks. */
export function bytesPerElement(type: WeightType): number {
  const { block, bytes } = weightFormats[type];
  return bytes / block;
}
