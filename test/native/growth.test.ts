/** The CPU's cache grows while a text does: what is decoded across its steps, and what an abort amid a prompt leaves. */
import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { addon, type KvDtype, type NativeModel } from "../../src/native";
import { promptOf, syntheticModel } from "./synthetic";

describe("a cache of the CPU", function () {
  this.timeout(120_000);
  const vocab = 997;
  const synthetic = syntheticModel({ hidden: 128, ffn: 256, layers: 3, heads: 4, vocab, context: 2048 });
  const open = (kv_dtype: KvDtype) => addon().open({ ...synthetic, device: "cpu", dtype: "auto", kv_dtype });
  let model: NativeModel;

  before(async () => {
    model = await open("float32");
  });
  after(async () => {
    await model?.dispose();
    synthetic.remove();
  });

  for (const kv_dtype of ["float32", "float16"] as const)
    it(`gives the tokens of a run without it where its memory grows under them, in ${kv_dtype}`, async () => {
      const other = await open(kv_dtype);
      // 128 positions at first, then as many again, then twice as many.
      for (const length of [120, 127, 128, 129, 250, 506, 1018]) {
        const options = { ids: promptOf(length, vocab), max_new_tokens: 12, min_new_tokens: 0, eos_token_id: [] };
        const cached = await other.generateGreedy({ ...options, use_cache: true });
        const uncached = await other.generateGreedy({ ...options, use_cache: false });
        assert.deepEqual(cached.tokens, uncached.tokens, `behind ${length} tokens`);
      }
      await other.dispose();
    });

  it("holds what it held before when a long prompt is aborted amid its pieces, and goes on from there", async () => {
    const ids = promptOf(1600, vocab);
    const last = async (cache: ReturnType<NativeModel["createCache"]>, from: number) => {
      const { last_hidden_state } = await model.forward({ ids: ids.slice(from), cache });
      const { dims } = last_hidden_state;
      return last_hidden_state.read(((dims[0] as number) - 1) * (dims[1] as number), dims[1] as number);
    };
    const whole = model.createCache();
    await model.forward({ ids: ids.slice(0, 5), cache: whole });
    const expected = await last(whole, 5);

    const cache = model.createCache();
    await model.forward({ ids: ids.slice(0, 5), cache });
    const abort = new (addon().AbortFlag)();
    const running = model.forward({ ids: ids.slice(5), cache, abort });
    // A pass takes 512 tokens: the first ones are in the cache while the others are under way.
    while (cache.length === 5) await turn();
    assert.ok(cache.length < ids.length, "the prompt was over too soon to be aborted");
    abort.abort();
    await assert.rejects(running, { name: "AbortError" });
    assert.equal(cache.length, 5);
    assert.deepEqual(await last(cache, 5), expected);
    assert.equal(cache.length, ids.length);
  });
});
