/** Reads the float32 tensors of a small safetensors file, for comparing with goldens. */
import { readFileSync } from "node:fs";

export interface GoldenTensor {
  shape: number[];
  data: Float32Array;
}

export function readGolden(path: string): Map<string, GoldenTensor> {
  const file = readFileSync(path);
  const length = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString("utf8", 8, 8 + length)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors = new Map<string, GoldenTensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    if (entry.dtype !== "F32") throw new Error(`${name} is ${entry.dtype}, not F32`);
    const [start, end] = entry.data_offsets;
    const bytes = file.subarray(8 + length + start, 8 + length + end);
    tensors.set(name, { shape: entry.shape, data: new Float32Array(Uint8Array.from(bytes).buffer) });
  }
  return tensors;
}
