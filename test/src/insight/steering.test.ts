/** SmolLM2 steered, beside transformers with a hook on the same block (test/golden/make_edits.py FILE.gguf). */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  ablate,
  AutoModelForCausalLM,
  DynamicCache,
  direction,
  knock_out,
  patch,
  type Phi3ForCausalLM,
  steer,
  type Tensor,
} from "../../../src";
import { needSmollm } from "../tokenizer/models";
import { near, nearKept } from "./golden";
import { eachPlace } from "./places";

interface Golden {
  positive: string[];
  negative: string[];
  layer: number;
  prompt: string;
  ids: number[];
  direction: number[];
  steered: { scale: number; tokens: number[]; gap: number; text: string; log_probs: Record<string, number> }[];
}
const golden = JSON.parse(readFileSync(join(__dirname, "..", "..", "golden", "edits_smollm2.json"), "utf8")) as Golden;

eachPlace("SmolLM2 under edits", ({ device, dtype }) => {
  let model: Phi3ForCausalLM;
  let mood: Tensor;
  before(async function () {
    this.timeout(60_000);
    model = await AutoModelForCausalLM.from_pretrained(await needSmollm(this), { device, dtype });
    mood = await direction(model, golden.positive, golden.negative, { layer: golden.layer });
  });
  after(() => model?.dispose());

  it("has the direction between texts that transformers finds", () => {
    nearKept(mood, golden.direction, "direction");
  });

  it("says, steered, for 32 tokens what transformers says with a hook, cached or not, and as probable", async () => {
    const tokenizer = await model.core.tokenizer();
    for (const { scale, tokens, text, log_probs, gap } of golden.steered) {
      const edits = [steer(golden.layer, mood, { scale })];
      const words = Object.keys(log_probs);
      const scored = await model.with_edits(edits).logit_lens(golden.prompt, { watch: words, layers: [29] });
      const found = scored.watch.map(({ log_prob }) => log_prob[0]?.[0] as number);
      near(found, Object.values(log_probs), 2e-4, `scale ${scale}`);
      if (gap < 5e-3) continue; // rounding decides
      const options = { max_new_tokens: tokens.length, eos_token_id: [] as number[] };
      for (const use_cache of [true, false]) {
        const all = await model.generate(golden.ids, { ...options, edits, use_cache });
        const made = Array.from(all.data, Number).slice(golden.ids.length);
        assert.deepEqual(made, tokens, `scale ${scale}`);
        assert.equal(tokenizer.decode(made), text);
      }
    }
  });

  it("computes the same through the cache as at once, to 1e-5, under several edits", async () => {
    const edits = [
      steer(golden.layer, mood, { scale: -1 }),
      ablate({ layer: 23, heads: [4] }),
      ablate({ layer: 5, part: "mlp" }, { positions: [2, 7] }),
      knock_out({ layer: 20, heads: [0, 5], from: { from: 4 }, to: 0 }),
    ];
    const whole = (await model(golden.ids, { edits })).logits;
    const past_key_values = new DynamicCache();
    for (const [i, id] of golden.ids.entries()) {
      const { logits } = await model([id], { past_key_values, edits });
      const expected = Array.from(whole.slice(0, i).data as Float32Array);
      const most = Math.max(...expected.map(Math.abs));
      near(Array.from(logits.data as Float32Array), expected, 1e-5 * most, `position ${i}`);
    }
  });

  it("loses 'Paris' with the one head that moves it, and says 'Rome' when Italy's vector stands in France's place", async () => {
    const [france, italy] = ["The capital of France is", "The capital of Italy is"];
    const against = async (view: Phi3ForCausalLM): Promise<number> => {
      const { watch } = await view.logit_lens(france, { watch: [" Paris", " London"], layers: [29] });
      const [paris, london] = watch.map(({ log_prob }) => log_prob[0]?.[0] as number) as [number, number];
      return paris - london;
    };
    const [whole, without] = [
      await against(model),
      await against(model.with_edits([ablate({ layer: 23, heads: [4] })])),
    ];
    near([whole, without - whole], [4.13, -3.85], 0.02, "head 4 of layer 23");
    const blind = model.with_edits([knock_out({ layer: 23, heads: [4], from: "last", to: 3 })]);
    assert.ok((await against(blind)) < whole - 3, "its edge to the word alone does most of it");
    const cache = await model.run_with_cache(italy);
    for (const [layer, word] of [
      [10, " Rome"],
      [26, " Paris"],
    ] as const) {
      const view = model.with_edits([patch(cache, { at: `model.layers.${layer}`, positions: 3 })]);
      const { watch } = await view.logit_lens(france, { watch: [word], layers: [29] });
      assert.equal(watch[0]?.rank[0]?.[0], 1, `${word} after patching block ${layer}`);
    }
  });
});
