/** `compute: "bfloat16"`, the CPU's quicker arithmetic for prompts: how far it is from float32, and what stays exact. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { addon, type NativeModel } from "../../src/native";
import { type OpenWeights, openWeights } from "../../src/weights";
import { compare, decoded, prefilled } from "./forcing";
import { withEnv } from "./places";
import { needSmollm2, proseTokens } from "./smollm2";

const open = (weights: OpenWeights, compute: "float32" | "bfloat16"): Promise<NativeModel> =>
  addon().open({ ...weights, device: "cpu", dtype: "auto", compute });

describe('compute: "bfloat16" on the CPU, with SmolLM2 beside float32', function () {
  this.timeout(600_000);
  let ids: Int32Array;
  let exact: NativeModel;
  let rounded: NativeModel;

  before(async function () {
    const weights = await openWeights(needSmollm2(this));
    try {
      rounded = await open(weights, "bfloat16");
    } catch (error) {
      assert.match((error as Error).message, /AVX-512 BF16/);
      console.log(`      skipped: ${(error as Error).message}`);
      this.skip();
    }
    exact = await open(weights, "float32");
    ids = proseTokens();
  });
  after(async () => {
    await rounded?.dispose();
    await exact?.dispose();
  });

  it("agrees in 98.5% of the top-1 tokens of a prompt of 2,000 and in the perplexity to 0.3%", async () => {
    const { agreement, perplexity, misses } = compare(await prefilled(rounded, ids), await prefilled(exact, ids));
    const leads = misses.map(({ lead }) => lead).sort((a, b) => b - a);
    const found = `${(100 * agreement).toFixed(2)}% agree, perplexity × ${perplexity.toFixed(5)}, largest lead lost ${leads[0]?.toFixed(3)}`;
    console.log(`      ${found}`);
    assert.ok(agreement >= 0.985, found);
    assert.ok(Math.abs(perplexity - 1) <= 0.003, found);
    assert.ok((leads[0] ?? 0) < 0.25, `${found}: no near tie`);
  });

  it("computes a decoded token, and a prompt of less than 24 tokens, as float32 does, to the bit", async () => {
    const some = ids.slice(0, 60);
    assert.deepEqual(await decoded(rounded, some), await decoded(exact, some));
    const short = ids.slice(0, 23);
    assert.deepEqual(await prefilled(rounded, short), await prefilled(exact, short));
  });
});

describe('compute: "bfloat16"', () => {
  it("is refused with a sentence where the path in use has no such instruction", async () => {
    const weights = await openWeights(join(__dirname, "..", "golden", "tiny", "grouped"));
    await withEnv({ PHI3LAB_CPU: "portable" }, () =>
      assert.rejects(open(weights, "bfloat16"), /AVX-512 BF16 .* works on the path portable; float32/),
    );
  });
});
