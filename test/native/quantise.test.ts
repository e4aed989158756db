/**
 * Numbers that become another format at load, read back as the embeddings of a model that holds them: Q8_0 beside
 * gguf-py's, Q4_0 beside the best step there is, 16-bit floats beside rounding. See test/golden/make_quantise.py.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AutoModelForCausalLM } from "../../src";
import { addon, type Conversion, type WeightEntry, type WeightRole } from "../../src/native";
import { type OpenWeights, openWeights, partsOf, quantise, quantiseNote } from "../../src/weights";
import { architectureOf } from "../../src/weights/architecture";
import type { WeightType } from "../../src/weights/formats";
import { readGolden } from "../golden/safetensors";
import { compare, decoded, prefilled, type Scores } from "./forcing";
import { needSmollm2, proseTokens, rounding, roundedCopy } from "./smollm2";

const golden = readGolden(join(__dirname, "../golden/quantise/numbers.safetensors"));
const tensor = (name: string): Float32Array => golden.get(name)?.data as Float32Array;
const cols = 64;

/** What a model reads of embeddings (rows, 64) that its file has as float32 and that become `type` at load. */
async function asEmbeddings(numbers: Float32Array, type: WeightType, conversion: Conversion): Promise<Float32Array> {
  const rows = numbers.length / cols;
  const folder = mkdtempSync(join(tmpdir(), "phi3lab-convert-"));
  const file = join(folder, "numbers");
  const ones = new Float32Array(3 * cols * cols).fill(1);
  writeFileSync(file, Buffer.concat([new Uint8Array(numbers.buffer.slice(0)), new Uint8Array(ones.buffer)]));
  const one = (role: WeightRole, layer: number, ...shape: number[]): WeightEntry => {
    return { role, layer, parts: [{ name: role, type: "F32", shape, file: 0, offset: 4 * numbers.length }] };
  };
  const layer = [
    one("input_layernorm", 0, cols),
    one("qkv_proj", 0, 3 * cols, cols),
    one("o_proj", 0, cols, cols),
    one("post_attention_layernorm", 0, cols),
    one("gate_up_proj", 0, 2 * cols, cols),
    one("down_proj", 0, cols, cols),
  ];
  const parts = [{ name: "numbers", type, shape: [rows, cols], file: 0, offset: 0, conversion }];
  const { config } = await openWeights(join(__dirname, "../golden/tiny/multi_head"));
  const sizes = { hidden_size: cols, intermediate_size: cols, num_hidden_layers: 1, num_attention_heads: 2 };
  const shaped = { ...config, ...sizes, num_key_value_heads: 2, head_dim: 32, vocab_size: rows };
  try {
    const model = await addon().open({
      architecture: architectureOf(shaped),
      files: [file],
      weights: [{ role: "embed_tokens", layer: -1, parts }, ...layer, one("norm", -1, cols)],
      device: "cpu",
      dtype: "auto",
    });
    const ids = Int32Array.from({ length: rows }, (_, i) => i);
    const { taps } = await model.forward({ ids, taps: ["model.embed_tokens"] });
    const read = taps["model.embed_tokens"]?.read(0, numbers.length) as Float32Array;
    await model.dispose();
    return read;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const squareError = (a: Float32Array, b: Float32Array, first: number): number => {
  let sum = 0;
  for (let i = first; i < first + 32; i++) sum += ((a[i] as number) - (b[i] as number)) ** 2;
  return sum;
};

/** The least square error of a block in 16 steps, of 4,000 sizes of a step. */
function leastError(x: Float32Array): number {
  let least = Infinity;
  const end = x.reduce((most, one) => (Math.abs(one) > Math.abs(most) ? one : most), 0);
  for (let i = 0; i < 4000; i++) {
    const step = (-end / 8) * (0.7 + (i * 0.6) / 4000);
    let sum = 0;
    for (const one of x) sum += (one - step * Math.max(-8, Math.min(7, Math.round(one / step)))) ** 2;
    least = Math.min(least, sum);
  }
  return least;
}

describe("numbers that are converted at load", function () {
  this.timeout(60_000);
  const stored = { stored: "F32" } as const;

  it("are in Q8_0 those of gguf-py, to the bit", async () => {
    const found = await asEmbeddings(tensor("numbers"), "Q8_0", stored);
    assert.deepEqual(found, tensor("q8_0"));
  });

  it("are in Q4_0 nearer than gguf-py's, and within 3% of the best step of each block", async () => {
    const numbers = tensor("numbers");
    const found = await asEmbeddings(numbers, "Q4_0", stored);
    let [ours, theirs, least] = [0, 0, 0];
    for (let at = 0; at < numbers.length; at += 32) {
      const block = numbers.subarray(at, at + 32);
      const most = block.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
      if (most < 1e-3) continue; // the step is subnormal, or zero, in float16
      const [one, other, best] = [
        squareError(found, numbers, at),
        squareError(tensor("q4_0"), numbers, at),
        leastError(block),
      ];
      assert.ok(one <= other * 1.0001 + 1e-12 * most ** 2, `block ${at / 32}: ${one}, gguf-py's ${other}`);
      ours += one / most ** 2;
      theirs += other / most ** 2;
      least += best / most ** 2;
    }
    console.log(
      `      square error: ${(ours / theirs).toFixed(3)} of gguf-py's, ${(ours / least).toFixed(4)} of the least`,
    );
    assert.ok(ours < 0.9 * theirs && ours < 1.03 * least, `${ours}, ${theirs}, ${least}`);
  });

  it("are in 16-bit floats the nearest, ties to even, subnormal ones and infinities too", async () => {
    const edges = [
      0,
      -0,
      1e-7,
      5.96e-8,
      2.98e-8,
      2.99e-8,
      6.1e-5,
      65504,
      65519,
      -65504,
      1 + 2 ** -11,
      1 + 3 * 2 ** -11,
    ];
    const numbers = Float32Array.from({ length: 128 }, (_, i) => edges[i] ?? (i - 70) * 1.2345678e-5 * 1.9 ** (i % 23));
    for (const [type, wide] of [
      ["F16", (bits: number) => half(bits)],
      ["BF16", (bits: number) => new Float32Array(Uint32Array.of(bits << 16).buffer)[0] as number],
    ] as const) {
      const found = await asEmbeddings(numbers, type, stored);
      assert.deepEqual(
        found,
        Float32Array.from(numbers, (x) => wide(rounding[type](x))),
        type,
      );
    }
    const odd = Float32Array.from({ length: 64 }, (_, i) => [Infinity, -Infinity, Number.NaN][i] ?? i);
    for (const type of ["F16", "BF16"] as const) assert.deepEqual(await asEmbeddings(odd, type, stored), odd, type);
  });

  it("are refused where the format cannot hold them", async () => {
    const numbers = (x: number): Float32Array => new Float32Array(cols).fill(x, 9, 10);
    const cases: [number, WeightType][] = [
      [Number.NaN, "Q8_0"],
      [-Infinity, "Q4_0"],
      [1e38, "Q8_0"],
      [1e6, "Q4_0"],
      [65520, "F16"],
    ];
    for (const [x, type] of cases)
      await assert.rejects(
        asEmbeddings(numbers(x), type, stored),
        new RegExp(`embed_tokens holds numbers that ${type} cannot`),
        `${x} as ${type}`,
      );
    await assert.rejects(asEmbeddings(numbers(1), "Q6_K", stored), /multiple|cannot be converted to Q6_K/);
    const outside = { type: "F32" as const, shape: [1, 1], file: 0, offset: 2 ** 40, block: [1, cols] };
    await assert.rejects(asEmbeddings(numbers(1), "F16", { ...stored, scales: outside }), /lies outside its file/);
    const wrong = { ...outside, offset: 0, block: [1, 1] };
    await assert.rejects(asEmbeddings(numbers(1), "F16", { ...stored, scales: wrong }), /Expected a scale a block/);
  });
});

/** float16 to a number. */
function half(bits: number): number {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction ? Number.NaN : bits & 0x8000 ? -Infinity : Infinity;
  const magnitude = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

describe('models with dtype "q8" and "q4"', function () {
  this.timeout(120_000);
  const folder = join(__dirname, "../golden/tiny/grouped");

  it("hold Q8_0, or Q4_0 with embeddings and head in Q8_0, in as few bytes, and leave norms alone", async () => {
    const { weights } = await openWeights(folder);
    for (const to of ["q8", "q4"] as const) {
      const quantised = quantise(weights, to);
      for (const { role, parts } of quantised)
        for (const { shape, type } of parts) {
          const outer = role === "embed_tokens" || role === "lm_head";
          const expected =
            shape.length === 1 || (shape[1] as number) % 32 !== 0 ? "F32" : to === "q4" && !outer ? "Q4_0" : "Q8_0";
          assert.equal(type, expected, `${role} in ${to}`);
        }
      const bits: Record<string, number> = { F32: 32, Q8_0: 8.5, Q4_0: 4.5 };
      const bytes = partsOf(quantised).reduce(
        (sum, { shape, type }) => sum + (shape.reduce((a, b) => a * b, 1) * (bits[type] as number)) / 8,
        0,
      );
      const model = await AutoModelForCausalLM.from_pretrained(folder, { dtype: to, device: "cpu" });
      assert.equal(model.dtype, "float32");
      // Some paths fill up rows to groups of 16.
      const held = model.memory().weights;
      assert.ok(held >= bytes && held < 1.1 * bytes, `${held} bytes, ${bytes} expected`);
      await model.dispose();
    }
  });

  it("stay near their float32 twin, the 8-bit one nearer", async () => {
    const { prompt } = JSON.parse(readFileSync(join(folder, "golden.json"), "utf8")) as { prompt: number[] };
    const theirs = readGolden(join(folder, "taps.safetensors")).get("logits")?.data as Float32Array;
    const distances: number[] = [];
    for (const dtype of ["q8", "q4"] as const) {
      const model = await AutoModelForCausalLM.from_pretrained(folder, { dtype, device: "cpu" });
      const ours = (await model(prompt)).logits.data as Float32Array;
      let [difference, size] = [0, 0];
      theirs.forEach((x, i) => {
        difference += ((ours[i] as number) - x) ** 2;
        size += x ** 2;
      });
      distances.push(Math.sqrt(difference / size));
      await model.dispose();
    }
    const [eight = 1, four = 1] = distances;
    assert.ok(eight > 0 && eight < 0.1 && four > eight && four < 0.6, String(distances));
  });

  it("are quantised from every float format, 8-bit floats with their scales too", async () => {
    for (const name of ["bf16", "f16", "f64", "fp8_channel"]) {
      const opened = await openWeights(join(folder, "..", name));
      const weights = quantise(opened.weights, "q8").map((entry) => ({ ...entry }));
      const model = await addon().open({ ...opened, weights, device: "cpu", dtype: "auto" });
      const exact = await addon().open({ ...opened, device: "cpu", dtype: "auto" });
      const ids = Int32Array.of(5, 77, 130, 9);
      const [ours, theirs] = await Promise.all([prefilled(model, ids), prefilled(exact, ids)]);
      assert.ok(Math.abs(compare(ours, theirs).perplexity - 1) < 0.1, name);
      await Promise.all([model.dispose(), exact.dispose()]);
    }
  });

  it("leave a quantised file as it is, and say so", async () => {
    const { weights } = await openWeights(join(__dirname, "../golden/tiny_gguf/Q8_0.gguf"));
    assert.deepEqual(
      partsOf(quantise(weights, "q4")).map(({ type }) => type),
      partsOf(weights).map(({ type }) => type),
    );
    assert.match(quantiseNote(weights, "q4") ?? "", /^dtype: "q4" quantises float weights; these are .*Q8_0 and stay/);
    const float = await openWeights(folder);
    assert.equal(quantiseNote(float.weights, "q4"), undefined);
  });

  it("are named among what dtype may be", async () => {
    const load = AutoModelForCausalLM.from_pretrained(folder, { dtype: "q5" as "q4" });
    await assert.rejects(load, /Expected one of .*"q8", "q4" for dtype but received 'q5'/);
  });
});

describe("SmolLM2 quantised at load, beside its float16 twin on the CPU", function () {
  this.timeout(600_000);
  let copy: OpenWeights & { remove(): void };
  let exact: Scores;
  const ids = proseTokens().subarray(0, 500);
  const scores = async (weights: WeightEntry[], run = prefilled, text = ids): Promise<Scores> => {
    const model = await addon().open({ ...copy, weights, device: "cpu", dtype: "auto" });
    try {
      return await run(model, text);
    } finally {
      await model.dispose();
    }
  };

  before(async function () {
    copy = roundedCopy(await openWeights(needSmollm2(this)), "F16");
    exact = await scores(copy.weights);
  });
  after(() => copy?.remove());

  for (const [to, agreement, perplexity] of [
    ["q8", 0.95, 0.005],
    ["q4", 0.6, 0.3],
  ] as const)
    it(`has in ${to} its perplexity to ${100 * perplexity}%, over 500 tokens of prose`, async () => {
      const found = compare(await scores(quantise(copy.weights, to)), exact);
      const said = `${(100 * found.agreement).toFixed(2)}% of the top-1 tokens, perplexity × ${found.perplexity.toFixed(5)}`;
      console.log(`      ${said}`);
      assert.ok(found.agreement >= agreement && Math.abs(found.perplexity - 1) <= perplexity, said);
    });

  it("says the same token by token as in one prompt", async () => {
    const few = ids.subarray(0, 60);
    const weights = quantise(copy.weights, "q4");
    const [one, other] = [await scores(weights, prefilled, few), await scores(weights, decoded, few)];
    assert.deepEqual(one.best, other.best);
  });
});
