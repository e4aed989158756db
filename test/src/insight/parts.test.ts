/** What parts of a stream say, and what keys and values take. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { AutoModelForCausalLM, DynamicCache, type Phi3ForCausalLM, type Tensor } from "../../../src";
import { type GoldenTensor, readGolden } from "../../golden/safetensors";
import { near } from "./golden";

const goldens = join(__dirname, "..", "..", "golden");
const tiny = (name: string, options = {}): Promise<Phi3ForCausalLM> =>
  AutoModelForCausalLM.from_pretrained(join(goldens, "tiny", name), { device: "cpu", ...options });
const numbers = (tensor: Tensor): number[] => Array.from(tensor.data as Float32Array);
const prompt = [5, 77, 130, 9, 201, 64];

describe("parts of a stream", function () {
  this.timeout(120_000);

  it("a lens of parts prefers one token to another by as much as attribute says, and ends like the lens of blocks", async () => {
    const model = await tiny("llama");
    const [token, against] = [49, 192];
    const lens = await model.logit_lens(prompt, { at: "parts", watch: [token, against], positions: [1, -1] });
    for (const [p, position] of lens.positions.entries()) {
      const { labels, values } = await model.attribute(prompt, { token, against, position });
      assert.deepEqual(lens.labels, labels);
      const difference = lens.labels.map(
        (_, l) => (lens.watch[0]?.log_prob[l]?.[p] as number) - (lens.watch[1]?.log_prob[l]?.[p] as number),
      );
      near(difference, numbers(values), 1e-4, `position ${position}`);
    }
    assert.match(String(lens), /^Logit lens of 7 parts at 2 positions/);
    const some = await model.logit_lens(prompt, { at: "parts", layers: [-1, 1], k: 3 });
    assert.deepEqual(
      [some.labels, some.layers],
      [
        ["embed", "layer 1 attention", "layer 1 mlp"],
        [-1, 1, 1],
      ],
    );
    await assert.rejects(model.logit_lens(prompt, { at: "heads" as never }), /Expected "block" or "parts" for at/);
    await model.dispose();
  });

  it("neurons of a block sum to what its MLP adds, each to its own column of the projection", async () => {
    const model = await tiny("llama");
    const names = ["model.layers.1.mlp.activation_fn", "model.layers.1.mlp.down_proj"] as const;
    const cache = await model.run_with_cache(prompt, { names });
    const { values, labels } = await cache.decompose_resid({ by: "neuron", layer: 1, positions: [2] });
    assert.deepEqual([values.dims, labels[87]], [[88, 1, 48], "layer 1 neuron 87"]);
    near(numbers(values.sum(0)), numbers(cache.get(names[1]).slice(0, [2, 3])), 1e-5, "sum");
    const file = readGolden(join(goldens, "tiny", "llama", "model.safetensors"));
    const { data } = file.get("model.layers.1.mlp.down_proj.weight") as GoldenTensor;
    const active = Number(cache.get(names[0]).slice(0, 2, 87).item());
    const column = Array.from({ length: 48 }, (_, row) => (data[row * 88 + 87] as number) * active);
    near(numbers(values.slice(87)), column, 1e-6, "column");
    await assert.rejects(
      cache.decompose_resid({ by: "neuron", positions: [2] }),
      /Expected a layer from 0 to 2 for decompose_resid by "neuron"/,
    );
    await assert.rejects(cache.decompose_resid({ by: "neuron", layer: 1 }), /Expected one position .* but received 6/);
    await model.dispose();
  });
});

describe("past_key_values.memory()", () => {
  it("counts positions of all rows, the bytes they need and those set aside, in both types", async () => {
    for (const [kv_dtype, bytes] of [
      ["float32", 4],
      ["float16", 2],
    ] as const) {
      const model = await tiny("llama", { kv_dtype });
      const empty = new DynamicCache();
      assert.deepEqual(empty.memory(), { positions: 0, committed: 0, needed: 0, per_position: 0, by_layer: [] });
      const { past_key_values } = await model([prompt, prompt], { use_cache: true });
      const memory = (past_key_values as DynamicCache).memory();
      const layer = 2 * 2 * 12 * bytes; // keys and values of 2 heads of 12 numbers
      assert.deepEqual([memory.positions, memory.per_position], [12, 3 * layer]);
      assert.deepEqual([memory.needed, memory.by_layer], [12 * 3 * layer, [12 * layer, 12 * layer, 12 * layer]]);
      assert.equal(memory.committed, model.memory().cache);
      assert.ok(memory.committed >= memory.needed);
      await model.dispose();
    }
  });
});
