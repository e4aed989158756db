/** What ends: calls that are told to stop, results that nobody holds, a model that is disposed. */
import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { AutoModelForCausalLM, type Phi3ForCausalLM, tensor } from "../../src";
import { setHost } from "../../src/host";
import { close, floats, folder, golden, prompt, tokens } from "./multi_head";

describe("a model", function () {
  this.timeout(60_000);
  let model: Phi3ForCausalLM;
  before(async () => {
    model = await AutoModelForCausalLM.from_pretrained(folder, { device: "cpu" });
  });
  after(() => model.dispose());
  afterEach(() => setHost(undefined));

  describe("stops when it is told to", () => {
    const right = async (): Promise<void> => {
      const ids = await model.generate({ input_ids: prompt, max_new_tokens: 30, eos_token_id: [] });
      assert.deepEqual((ids.tolist() as bigint[][])[0]?.map(Number), [...prompt, ...tokens]);
      close(floats((await model(prompt)).logits), golden("logits"));
    };

    it("by a signal amid generation, and the next call is right", async () => {
      for (const extra of [{}, { use_cache: false }, { repetition_penalty: 1.1 }]) {
        const controller = new AbortController();
        let count = 0;
        const put = (): void => {
          if (++count === 4) controller.abort();
        };
        const streamer = { put, end: () => undefined };
        await assert.rejects(
          model.generate({
            input_ids: prompt,
            max_new_tokens: 110,
            eos_token_id: [],
            streamer,
            signal: controller.signal,
            ...extra,
          }),
          { name: "AbortError" },
        );
        assert.ok(count < 110, `${count} tokens came after all`);
        await right();
      }
    });

    it("by a signal that was given before, without any work", async () => {
      const signal = AbortSignal.abort();
      await assert.rejects(model(prompt, { signal }), { name: "AbortError" });
      await assert.rejects(model.generate({ input_ids: prompt, signal }), { name: "AbortError" });
      await right();
    });

    it("by the notebook's interrupt", async () => {
      const controller = new AbortController();
      setHost({ signal: controller.signal, display: () => undefined });
      const streamer = { put: () => controller.abort(), end: () => undefined };
      await assert.rejects(model.generate({ input_ids: prompt, streamer }), { name: "AbortError" });
      setHost(undefined);
      await right();
    });

    it("and a cache of an aborted call still continues what it holds", async () => {
      const { past_key_values } = await model(prompt.slice(0, 5), { use_cache: true });
      const signal = AbortSignal.abort();
      await assert.rejects(model(prompt.slice(5), { past_key_values, signal }), { name: "AbortError" });
      const { logits } = await model(prompt.slice(5), { past_key_values });
      close(floats(logits), golden("logits").subarray(5 * 211));
      past_key_values?.dispose();
    });
  });

  describe("frees its memory", () => {
    it("of results that nobody holds, without being told", async () => {
      setFlagsFromString("--expose-gc");
      const gc = runInNewContext("gc") as () => void;
      const ids = Array.from({ length: 128 }, (_, i) => i);
      // Each tensor's memory is known to the collector from its making to its finalizer, which frees it.
      const before = process.memoryUsage().external;
      for (let i = 0; i < 400; i++) await model.model(ids, { output_attentions: true });
      // 400 results hold 325 MB: three layers' attention of 4 heads by 128 by 128, and the vectors. Finalizers run in
      // turns of the event loop that the engine chooses, some time after the collection.
      let held = Number.POSITIVE_INFINITY;
      for (let turn = 0; turn < 100 && held > 10e6; turn++) {
        gc();
        await new Promise((resolve) => setTimeout(resolve, 50));
        held = process.memoryUsage().external - before;
      }
      assert.ok(held <= 10e6, `${Math.round(held / 1e6)} MB of 325 are still held`);
    });

    it("of a disposed model, whose later calls are sentences", async () => {
      const other = await AutoModelForCausalLM.from_pretrained(folder, { device: "cpu" });
      const { logits } = await other(prompt);
      const hidden = tensor([Array(48).fill(0.5)]);
      const under = other(prompt);
      const sampled = other.generate({ input_ids: prompt, do_sample: true, top_k: 1, max_new_tokens: 5 });
      await other.dispose();
      assert.deepEqual((await under).logits.dims, [1, prompt.length, 211]);
      assert.deepEqual((await sampled).dims, [1, prompt.length + 5]);
      assert.throws(() => logits.data, /The tensor was disposed, or the model that it belongs to/);
      await other.dispose();
      await assert.rejects(async () => other(prompt), /disposed/);
      await assert.rejects(async () => other.lm_head(hidden), /disposed/);
      await assert.rejects(async () => other.generate({ input_ids: prompt }), /disposed/);
      await assert.rejects(async () => other.generate({ input_ids: prompt, do_sample: true }), /disposed/);
      assert.match(String(other), /^Phi3ForCausalLM/);
    });
  });
});
