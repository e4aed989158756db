/** SmolLM2 on the CPU with float16 keys and values, beside float32 ones. */
import assert from "node:assert/strict";
import { addon, type NativeModel } from "../../src/native";
import { type OpenWeights, openWeights } from "../../src/weights";
import { usually } from "../length";
import { compare, decoded, prefilled } from "./forcing";
import { needSmollm2, proseTokens } from "./smollm2";

describe("SmolLM2 on the CPU with float16 keys and values, beside float32 ones", function () {
  this.timeout(600_000);
  let opened: OpenWeights;
  let half: NativeModel;
  let exact: NativeModel;

  before(async function () {
    opened = await openWeights(needSmollm2(this));
    half = await addon().open({ ...opened, device: "cpu", dtype: "auto", kv_dtype: "float16" });
    exact = await addon().open({ ...opened, device: "cpu", dtype: "auto" });
  });
  after(async () => {
    await half?.dispose();
    await exact?.dispose();
  });

  // A token at a time is the same arithmetic on the same keys and values: fewer of them will do.
  for (const [what, run, tokens] of [
    ["as a prompt", prefilled, usually(800, 2000)],
    ["token by token", decoded, usually(200, 300)],
  ] as const)
    it(`agrees in 99.5% of the top-1 tokens and in the perplexity to 0.2%: ${tokens} tokens of prose ${what}`, async () => {
      const ids = proseTokens().subarray(0, tokens);
      const { agreement, perplexity, misses } = compare(await run(half, ids), await run(exact, ids));
      const found = `${(100 * agreement).toFixed(2)}% agree, perplexity × ${perplexity.toFixed(6)}`;
      console.log(`      ${found}`);
      assert.ok(agreement >= 0.995, found);
      assert.ok(Math.abs(perplexity - 1) <= 0.002, found);
      for (const { position, lead } of misses) assert.ok(lead < 0.05, `position ${position} was no near tie: ${lead}`);
    });

  it("holds them in half the memory", async () => {
    const ids = proseTokens().subarray(0, 200);
    const bytes = [];
    for (const model of [half, exact]) {
      const cache = model.createCache();
      await model.forward({ ids, cache });
      assert.equal(model.memory().cache, cache.nbytes);
      bytes.push(cache.nbytes);
      cache.dispose();
    }
    const { num_hidden_layers, num_key_value_heads, head_dim } = opened.config;
    // Committed are 128 positions, then 128 more.
    const numbers = 256 * 2 * num_hidden_layers * num_key_value_heads * head_dim;
    assert.deepEqual(bytes, [2 * numbers, 4 * numbers]);
  });

  it("continues a text alike with the cache, without it and in pieces", async () => {
    const ids = proseTokens().subarray(0, 150);
    const texts = [];
    for (const how of [{}, { use_cache: false }, { chunk: 1 }, { chunk: 7 }, { chunk: 64 }]) {
      const options = { max_new_tokens: 12, min_new_tokens: 0, eos_token_id: [], use_cache: true, ...how };
      texts.push(Array.from((await half.generateGreedy({ ids, ...options })).tokens));
    }
    for (const text of texts) assert.deepEqual(text, texts[0]);
  });
});
