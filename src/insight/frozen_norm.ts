/** The final norm of a part of a stream, held at what it divides the whole stream by: then it is linear. */
import type { Core } from "../model/core";
import type { NativeTensor } from "../native";

/** What an RMS norm divides a vector by, in float64. */
export function rmsOf(vector: Float32Array, eps: number): number {
  let sum = 0;
  for (const value of vector) sum += value * value;
  return Math.sqrt(sum / vector.length + eps);
}

/**
 * Each row behind the final norm as if it were divided by `held[r]`: the norm's own output times its own divisor over that.
 * The caller disposes it.
 */
export async function normedBy(
  { native, config }: Core,
  rows: Float32Array,
  held: readonly number[],
): Promise<NativeTensor> {
  const width = config.hidden_size;
  const input = native.upload(rows, [held.length, width]);
  const output = await native.apply("norm", -1, input, 0, held.length).finally(() => input.dispose());
  const normed = output.read(0, rows.length);
  output.dispose();
  held.forEach((divisor, r) => {
    const factor = rmsOf(rows.subarray(r * width, (r + 1) * width), config.rms_norm_eps) / divisor;
    for (let i = r * width; i < (r + 1) * width; i++) normed[i] = (normed[i] as number) * factor;
  });
  return native.upload(normed, [held.length, width]);
}
