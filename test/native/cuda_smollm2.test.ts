/** SmolLM2 on the GPU: transformers' tokens in float32, and what the 16-bit formats change; see test/golden/make_smollm2.py. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { NativeModel } from "../../src/native";
import { type OpenWeights, openWeights } from "../../src/weights";
import { compare, decoded, prefilled, type Scores } from "./forcing";
import { atEach, exactPlaces, needGpu, open } from "./places";
import { needSmollm2, proseTokens, roundedCopy } from "./smollm2";

interface Case {
  name: string;
  ids?: number[];
  tokens: number[];
}
const cases = JSON.parse(readFileSync(join(__dirname, "..", "golden", "smollm2.json"), "utf8")) as Case[];

const gpuPlaces = exactPlaces.filter(({ gpu }) => gpu);

atEach(gpuPlaces, "SmolLM2 continues texts as transformers does", (place) => {
  describe(`SmolLM2 ${place.name}`, function () {
    this.timeout(300_000);
    let model: NativeModel;
    let opened: OpenWeights;

    before(async function () {
      opened = await openWeights(needSmollm2(this));
      model = await open(opened, place);
    });
    after(() => model?.dispose());

    for (const { name, ids, tokens } of cases) {
      if (ids === undefined) continue;
      it(`continues as transformers does, cached, uncached and in pieces of 1, 7 and 64: ${name}`, async () => {
        for (const how of [{}, { use_cache: false }, { chunk: 1 }, { chunk: 7 }, { chunk: 64 }]) {
          const result = await model.generateGreedy({
            ids: Int32Array.from(ids),
            max_new_tokens: tokens.length,
            min_new_tokens: 0,
            eos_token_id: opened.config.eos_token_id,
            use_cache: true,
            ...how,
          });
          assert.deepEqual(Array.from(result.tokens), tokens, JSON.stringify(how));
        }
      });
    }
  });
});

for (const [type, dtype] of [
  ["BF16", "bfloat16"],
  ["F16", "float16"],
] as const) {
  describe(`SmolLM2 in ${dtype} on the GPU, beside float32 arithmetic on the same weights, over 2,000 tokens of prose`, function () {
    this.timeout(600_000);
    let rounded: ReturnType<typeof roundedCopy>;
    let ids: Int32Array;
    let model: NativeModel;
    let reference: { prompt: Scores; steps: Scores };

    before(async function () {
      needGpu(this);
      const file = needSmollm2(this);
      ids = proseTokens();
      rounded = roundedCopy(await openWeights(file), type);
      const exact = await open(rounded, { gpu: true, dtype: "float32" });
      reference = { prompt: await prefilled(exact, ids), steps: await decoded(exact, ids) };
      await exact.dispose();
      model = await open(rounded, { gpu: true, dtype });
    });
    after(async () => {
      await model?.dispose();
      rounded?.remove();
    });

    it("computes the reference alike as a prompt and token by token", () => {
      // Both are float32 sums in another order: about 1e-5 of a logit.
      const { misses, perplexity } = compare(reference.prompt, reference.steps);
      assert.ok(Math.abs(perplexity - 1) < 1e-4, `a perplexity ${perplexity} times as large`);
      for (const { position, lead } of misses) assert.ok(lead < 1e-3, `position ${position}, led by ${lead}`);
    });

    for (const [what, run, expected] of [
      ["as a prompt", prefilled, () => reference.prompt],
      ["token by token", decoded, () => reference.steps],
    ] as const)
      it(`agrees in 99.5% of the top-1 tokens and in the perplexity to 0.2%, ${what}`, async () => {
        const { agreement, perplexity, misses } = compare(await run(model, ids), expected());
        const found = `${(100 * agreement).toFixed(2)}% agree, perplexity × ${perplexity.toFixed(5)}`;
        console.log(`      ${found}${misses.length > 0 ? "; where they do not:" : ""}`);
        for (const { position, token, expected: best, lead } of misses)
          console.log(`        position ${position}: ${token}, not ${best}, which led by ${lead.toFixed(4)}`);
        assert.ok(agreement >= 0.995, found);
        assert.ok(Math.abs(perplexity - 1) <= 0.002, found);
        // Rounding the weights alone moves leads of up to 0.02; a prompt's activations are rounded in 30 layers besides.
        for (const { position, lead } of misses)
          assert.ok(lead < 0.25, `position ${position} was no near tie: ${lead}`);
      });
  });
}
