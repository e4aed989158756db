/** Attribution, scores of heads and patching beside TransformerLens; see test/golden/make_transformer_lens.py. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { AutoModelForCausalLM, type HeadScoreKind, type Phi3ForCausalLM, type Tensor } from "../../../src";
import { near, smollmModel } from "./golden";

interface Found {
  /** Of SmolLM2 alone. */
  head_scores?: { ids: number[]; kinds: Record<string, { queries: number; scores: number[][] }> };
  patching: {
    clean: number[];
    corrupted: number[];
    token: number;
    against: number;
    grids: Record<string, number[][]>;
    clean_difference: number;
    corrupted_difference: number;
  };
  attribution: {
    ids: number[];
    token: number;
    against: number;
    labels: string[];
    direct: number;
    by_layer: number[];
    one: number[];
    heads: number[][];
  };
}

const goldens = join(__dirname, "..", "..", "golden");
const golden = JSON.parse(readFileSync(join(goldens, "transformer_lens.json"), "utf8")) as Record<string, Found>;
const numbers = (tensor: Tensor): number[] => Array.from(tensor.data as Float32Array);

const models: Record<string, (context: Mocha.Context) => Promise<Phi3ForCausalLM>> = {
  tiny: () => AutoModelForCausalLM.from_pretrained(join(goldens, "tiny", "llama"), { device: "cpu" }),
  smollm2: smollmModel,
};

for (const [name, load] of Object.entries(models))
  describe(`what ${name === "tiny" ? "the tiny Llama" : "SmolLM2"} is asked about its parts`, function () {
    this.timeout(240_000);
    let model: Phi3ForCausalLM;
    const { attribution, head_scores, patching } = golden[name] as Found;
    before(async function () {
      model = await load(this);
    });
    after(() => model?.dispose());

    it("attribute divides a difference of scores among layers and heads as TransformerLens' logit_attrs does", async () => {
      const { ids, token, against } = attribution;
      const layers = await model.attribute(ids, { token, against });
      const theirs = attribution.labels.map((label) =>
        label === "embed" ? label : `layer ${label.replace("_attn_out", " attention").replace("_mlp_out", " mlp")}`,
      );
      assert.deepEqual(layers.labels, theirs);
      near(numbers(layers.values), attribution.by_layer, 1e-4, "by layer");
      near([layers.direct, layers.total], [attribution.direct, attribution.direct], 1e-4, "sum");
      near(numbers((await model.attribute(ids, { token })).values), attribution.one, 1e-4, "one token");
      const heads = await model.attribute(ids, { token, against, by: "head", position: -1 });
      const mine = numbers(heads.values).filter((_, i) => heads.labels[i]?.includes("head"));
      near(mine, attribution.heads.flat(), 1e-4, "by head");
      near([heads.direct, heads.total], [attribution.direct, attribution.direct], 1e-4, "sum of heads");
      assert.equal(heads.position, ids.length - 1);
    });

    it("attribute's parts sum to what the head gives at every position, a layer's heads to its attention", async () => {
      const { ids, token } = attribution;
      const logits = (await model(ids)).logits;
      for (const position of [0, 2, ids.length - 1]) {
        const layers = await model.attribute(ids, { token, position });
        const heads = await model.attribute(ids, { token, position, by: "head" });
        const score = Number(logits.slice(0, position, token).item());
        near([layers.total, heads.total, layers.direct], [score, score, score], 2e-4, `position ${position}`);
        for (const [i, label] of layers.labels.entries()) {
          if (!label.endsWith("attention")) continue;
          const own = heads.labels.flatMap((head, h) =>
            head.startsWith(label.replace("attention", "head ")) ? [numbers(heads.values)[h] as number] : [],
          );
          assert.equal(own.length, model.config.num_attention_heads);
          near([own.reduce((a, b) => a + b)], [numbers(layers.values)[i] as number], 1e-4, `${label} at ${position}`);
        }
      }
    });

    it("patch_grid gives what TransformerLens' generic_activation_patch gives, of blocks, their halves and heads", async () => {
      const { clean, corrupted, token, against, grids } = patching;
      for (const [way, expected] of Object.entries(grids)) {
        const over = way === "head" ? "head" : "position";
        const at = way === "head" ? "attention" : (way as "block" | "attention" | "mlp");
        const seen: number[] = [];
        const on_progress = ({ done, total }: { done: number; total: number }) => seen.push(done / total);
        const grid = await model.patch_grid(clean, corrupted, {
          token,
          against,
          over,
          at,
          normalise: false,
          on_progress,
        });
        near(numbers(grid.values), expected.flat(), 1e-4, way);
        assert.deepEqual(grid.values.dims, [expected.length, expected[0]?.length]);
        near([grid.clean, grid.corrupted], [patching.clean_difference, patching.corrupted_difference], 1e-4, way);
        assert.deepEqual([seen.length, seen.at(-1)], [expected[0]?.length, 1]);
      }
      const some = await model.patch_grid(clean, corrupted, { token, against, layers: [1] });
      const share = grids.block?.[1]?.map(
        (value) =>
          (value - patching.corrupted_difference) / (patching.clean_difference - patching.corrupted_difference),
      );
      near(numbers(some.values), share as number[], 1e-3, "normalised");
      assert.deepEqual([some.layers, some.normalised], [[1], true]);
    });

    if (head_scores === undefined) return;
    it("head_scores are TransformerLens' detect_head's, but for the positions that are divided by", async () => {
      const scores = await model.head_scores();
      assert.deepEqual(scores.input_ids, head_scores.ids);
      for (const [kind, { queries, scores: theirs }] of Object.entries(head_scores.kinds)) {
        const share = numbers(scores.scores[kind as HeadScoreKind]).map(
          (score) => (score * queries) / scores.input_ids.length,
        );
        near(share, theirs.flat(), 1e-5, kind);
      }
      const [best] = scores.best("induction", 1);
      assert.equal(best?.score, Math.max(...numbers(scores.scores.induction)));
      const { layer, head } = best as { layer: number; head: number };
      assert.equal(scores.scores.induction.slice(layer, head).item(), best?.score);
    });
  });

describe("head_scores", function () {
  this.timeout(120_000);
  let model: Phi3ForCausalLM;
  before(async () => {
    model = await AutoModelForCausalLM.from_pretrained(join(goldens, "tiny", "llama"), { device: "cpu" });
  });
  after(() => model?.dispose());

  it("are the mean shares of attention that run_with_cache's weights give, of three repeats too", async () => {
    const { scores, input_ids: ids, repeats } = await model.head_scores(undefined, { length: 7, repeats: 3, seed: 5 });
    assert.deepEqual([ids.length, new Set(ids).size, repeats], [21, 7, 3]);
    const weights = await model.run_with_cache(ids, { names: /attn_weights$/ });
    for (const [layer, name] of weights.names.entries())
      for (let head = 0; head < 4; head++) {
        const at = (q: number, key: number): number => Number(weights.get(name).slice(0, head, q, key).item());
        const mean = (from: number, read: (q: number) => number): number => {
          const list = Array.from({ length: 21 - from }, (_, i) => read(from + i));
          return list.reduce((a, b) => a + b) / list.length;
        };
        const back = (q: number, shift: number): number => (q < 14 ? 0 : at(q, q - 14 + shift)) + at(q, q - 7 + shift);
        const expected: Record<string, number> = {
          previous: mean(1, (q) => at(q, q - 1)),
          first: mean(1, (q) => at(q, 0)),
          duplicate: mean(7, (q) => back(q, 0)),
          induction: mean(7, (q) => back(q, 1)),
        };
        for (const [kind, value] of Object.entries(expected))
          near(
            [Number(scores[kind as HeadScoreKind].slice(layer, head).item())],
            [value],
            1e-6,
            `${kind} L${layer}H${head}`,
          );
      }
  });

  it("repeat with the seed, and say what they expected", async () => {
    const a = await model.head_scores(["first"], { seed: 9 });
    assert.deepEqual((await model.head_scores(["first"], { seed: 9 })).input_ids, a.input_ids);
    assert.notDeepEqual((await model.head_scores(["first"], { seed: 8 })).input_ids, a.input_ids);
    assert.throws(() => a.best("induction", 1), /Expected a kind that was asked for but received 'induction'/);
    await assert.rejects(model.head_scores(["copy" as never]), /Expected kinds among .*induction for head_scores/);
    await assert.rejects(model.head_scores([], {}), /Expected kinds/);
    await assert.rejects(
      model.head_scores(undefined, { repeats: 1 }),
      /from 2 to 5 for repeats of head_scores but received 1/,
    );
    await assert.rejects(model.head_scores(undefined, { length: 106 }), /from 1 to 105 for length of head_scores/);
    await assert.rejects(model.head_scores(undefined, { max_bytes: 10 }), /the attention weights of 3 layers/);
  });
});

describe("attribute and patch_grid", () => {
  it("say what they expected", async () => {
    const model = await AutoModelForCausalLM.from_pretrained(join(goldens, "tiny", "llama"), { device: "cpu" });
    const ids = [5, 77, 130];
    await assert.rejects(model.attribute(ids, {} as never), {
      message: "Expected a token for attribute but received none",
    });
    await assert.rejects(model.attribute(ids, { token: 211 }), /Expected ids from 0 to 210 for attribute/);
    await assert.rejects(
      model.attribute(ids, { token: 1, position: 3 }),
      /Expected a position from -3 to 2 but received 3/,
    );
    await assert.rejects(
      model.attribute(ids, { token: 1, by: "neuron" as never }),
      /Expected "layer" or "head" for by/,
    );
    const both = { token: 1, against: 2 };
    await assert.rejects(model.patch_grid(ids, [5, 77], both), /Expected prompts of equally many tokens .* 3 and 2/);
    await assert.rejects(model.patch_grid(ids, ids, both), /received the same one twice/);
    await assert.rejects(model.patch_grid(ids, [5, 77, 1], { token: 1 } as never), /Expected token and against/);
    const head = { ...both, over: "head" as const, at: "mlp" as const };
    await assert.rejects(
      model.patch_grid(ids, [5, 77, 1], head),
      /Expected "attention" for at of patch_grid over heads/,
    );
    const stopped = AbortSignal.abort();
    await assert.rejects(model.patch_grid(ids, [5, 77, 1], { ...both, signal: stopped }), { name: "AbortError" });
    await model.dispose();
  });
});
