/** The tiny model of golden/tiny/multi_head: its prompt, what follows greedily, and the intermediates that transformers has. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Tensor } from "../../src";
import { readGolden } from "../golden/safetensors";

export const folder = join(__dirname, "..", "golden", "tiny", "multi_head");
export const { prompt, tokens } = JSON.parse(readFileSync(join(folder, "golden.json"), "utf8")) as {
  prompt: number[];
  tokens: number[];
};
const taps = readGolden(join(folder, "taps.safetensors"));
export const golden = (name: string): Float32Array => taps.get(name)?.data as Float32Array;
export const floats = (one: Tensor): Float32Array => one.data as Float32Array;

export function close(actual: ArrayLike<number>, expected: ArrayLike<number>, what = "values", limit = 1e-4): void {
  assert.equal(actual.length, expected.length, what);
  for (let i = 0; i < expected.length; i++)
    assert.ok(
      Math.abs((actual[i] as number) - (expected[i] as number)) <= limit,
      `${what}: element ${i} is ${actual[i]}, not ${expected[i]}`,
    );
}
