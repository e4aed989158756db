/** What transformers found inside SmolLM2 (test/golden/make_insight.py), and how far from it numbers may be. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { AutoModelForCausalLM, type Phi3ForCausalLM, Tensor } from "../../../src";
import { needSmollm } from "../tokenizer/models";

interface Rows<T> {
  ids: T;
  log_probs: T;
}

export interface Golden {
  ids: number[];
  /** Every 37th number of each module's output. */
  modules: Record<string, number[]>;
  intermediates: Record<string, number[]>;
  /** Of layer 18: (heads * T, T). */
  attentions: number[][];
  lens: Rows<number[][][]> & {
    entropy: number[][];
    kl: number[][];
    watch: { id: number; rank: number[][]; log_prob: number[][] }[];
  };
  scored: {
    text: string;
    ids: number[];
    top_ids: number[][];
    log_probs: number[][];
    entropy: number[];
    token_log_probs: number[];
    ranks: number[];
    total: number;
  };
  prose_perplexity: number;
  generated: (Rows<number[]> & { entropy: number })[];
}

const folder = join(__dirname, "..", "..", "golden");
export const golden = JSON.parse(readFileSync(join(folder, "insight.json"), "utf8")) as Golden;
export const prose = (JSON.parse(readFileSync(join(folder, "prose.json"), "utf8")) as { ids: number[] }).ids;
const stride = 37;

/** The model; skips where its file is not. */
export async function smollmModel(context: Mocha.Context): Promise<Phi3ForCausalLM> {
  return AutoModelForCausalLM.from_pretrained(await needSmollm(context), { device: "cpu" });
}

/** The script's numbers in [-1, 1]. */
export function planted(...dims: number[]): Tensor {
  const size = dims.reduce((product, dim) => product * dim, 1);
  return new Tensor(
    "float32",
    Float32Array.from({ length: size }, (_, i) => Math.fround(((i * 7919 + 31) % 211) - 105) / 105),
    dims,
  );
}

/** Within `tolerance` of the greatest number, at every number that the script kept. */
export function nearKept(actual: Tensor, expected: readonly number[], name: string, tolerance = 1e-5): void {
  const kept = Array.from(actual.data as Float32Array).filter((_, i) => i % stride === 0);
  assert.equal(kept.length, expected.length, name);
  near(kept, expected, tolerance * Math.max(...expected.map(Math.abs)), name);
}

/** Every number within `tolerance`. */
export function near(actual: readonly number[], expected: readonly number[], tolerance: number, name: string): void {
  assert.equal(actual.length, expected.length, name);
  const worst = Math.max(...actual.map((value, i) => Math.abs(value - (expected[i] as number))));
  assert.ok(worst <= tolerance, `${name}: ${worst} from the reference, of ${tolerance} allowed`);
}
