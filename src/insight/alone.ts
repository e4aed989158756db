/** What a part of a projection's input adds by itself: the projection is linear, so that the parts' outputs sum to its own. */
import type { Core } from "../model/core";

/** Vectors that go through a projection at once: a wide MLP's would fill the memory together. */
const most = 512;

/**
 * For each of `parts` equal ranges of the columns of `input`, (rows, columns), the output, (rows, hidden), of its numbers
 * alone.
 */
export async function alone(
  { native, config }: Core,
  { module, layer }: { module: "o_proj" | "down_proj"; layer: number },
  input: Float32Array,
  rows: number,
  parts: number,
): Promise<Float32Array[]> {
  const cols = input.length / rows;
  const width = cols / parts;
  const outputs: Float32Array[] = [];
  const together = Math.max(1, Math.floor(most / rows));
  for (let first = 0; first < parts; first += together) {
    const count = Math.min(together, parts - first);
    const single = new Float32Array(count * rows * cols);
    for (let part = 0; part < count; part++)
      for (let row = 0; row < rows; row++) {
        const from = row * cols + (first + part) * width;
        single.set(input.subarray(from, from + width), part * rows * cols + from);
      }
    const given = native.upload(single, [count * rows, cols]);
    const output = await native.apply(module, layer, given, 0, count * rows).finally(() => given.dispose());
    const size = rows * config.hidden_size;
    for (let part = 0; part < count; part++) outputs.push(output.read(part * size, size));
    output.dispose();
  }
  return outputs;
}
