/** A model's modules, called by themselves, beside transformers'; and a pass of which a part is kept. */
import assert from "node:assert/strict";
import type { Module, Phi3ForCausalLM, TapName } from "../../../src";
import { AutoModelForCausalLM, DynamicCache, type Tensor } from "../../../src";
import { join } from "node:path";
import { golden, near, nearKept, planted, prose, smollmModel } from "./golden";

const numbers = (tensor: Tensor): number[] => Array.from(tensor.data as Float32Array);
const equal = (a: Tensor, b: Tensor, name: string): void => {
  assert.deepEqual(a.dims, b.dims, name);
  assert.deepEqual(numbers(a), numbers(b), name);
};

describe("the modules of a model", function () {
  this.timeout(120_000);
  let model: Phi3ForCausalLM;
  before(async function () {
    model = await smollmModel(this);
  });
  after(() => model?.dispose());

  it("give of vectors what transformers' modules of the same names give, to 1e-5", async () => {
    const layer = model.model.layers[3];
    assert.ok(layer);
    const { self_attn: attention, mlp } = layer;
    const called: Record<string, Module> = {
      norm: model.model.norm,
      input_layernorm: layer.input_layernorm,
      post_attention_layernorm: layer.post_attention_layernorm,
      "self_attn.q_proj": attention.q_proj,
      "self_attn.k_proj": attention.k_proj,
      "self_attn.v_proj": attention.v_proj,
      "self_attn.o_proj": attention.o_proj,
      "mlp.gate_proj": mlp.gate_proj,
      "mlp.up_proj": mlp.up_proj,
      "mlp.down_proj": mlp.down_proj,
    };
    const of = (name: string): number[] => golden.modules[name] as number[];
    for (const [name, module] of Object.entries(called))
      nearKept(await module(planted(3, name === "mlp.down_proj" ? 1536 : 576)), of(name), name);
    nearKept(await mlp(planted(3, 576)), of("mlp"), "mlp");
    nearKept(await model.lm_head(planted(3, 576)), of("lm_head"), "lm_head");
    nearKept(await model.model.embed_tokens([504, 7042, 0]), of("embed_tokens"), "embed_tokens");
  });

  it("keep the leading dimensions of what they get, on the device or not, whole or a part", async () => {
    const { norm, layers } = model.model;
    const flat = planted(6, 576);
    const whole = await norm(flat);
    equal(await norm(flat.reshape(2, 3, 576)), whole.reshape(2, 3, 576), "(2, 3, 576)");
    equal(await norm(flat.slice([2, 4])), whole.slice([2, 4]), "rows of JavaScript's");
    const { last_hidden_state } = await model.model(golden.ids);
    const whole2 = await layers[0]?.self_attn.qkv_proj(last_hidden_state);
    const part = await layers[0]?.self_attn.qkv_proj(last_hidden_state.slice(0, [1, 3]));
    assert.deepEqual(part?.shape, [2, 960]);
    near(numbers(part as Tensor), numbers((whole2 as Tensor).slice(0, [1, 3])), 1e-5, "rows of the device's");
  });

  it("give the head's scores of named tokens alone", async () => {
    const { last_hidden_state } = await model.model(golden.ids);
    const all = await model.lm_head(last_hidden_state);
    const some = await model.lm_head(last_hidden_state, { tokens: [7042, 4528] });
    assert.deepEqual(some.shape, [1, 5, 2]);
    near(numbers(some.slice(0, null, 0)), numbers(all.slice(0, null, 7042)), 0, "Paris");
    near(numbers(some.slice(0, null, 1)), numbers(all.slice(0, null, 4528)), 0, "London");
  });

  it("say what they expected of vectors of another width, of what is no tensor, and of ids that are not there", async () => {
    const o_proj = model.model.layers[3]?.self_attn.o_proj as Module;
    const message = "Expected vectors of 576 numbers for model.layers.3.self_attn.o_proj but received [1, 5, 48]";
    await assert.rejects(o_proj(planted(1, 5, 48)), { message });
    await assert.rejects(o_proj([1] as never), /Expected a tensor of vectors for model.layers.3.self_attn.o_proj/);
    await assert.rejects(model.model.embed_tokens([99999]), /Expected token ids from 0 to 49151 but received 99999/);
    const { last_hidden_state } = await model.model(golden.ids);
    await assert.rejects(model.lm_head(last_hidden_state, { tokens: [] }), /Expected ids for tokens of lm_head/);
  });

  it("print as PyTorch prints them", () => {
    assert.equal(String(model.model.norm), "LlamaRMSNorm((576,), eps=1e-05)");
    const { mlp, self_attn } = model.model.layers[0] as NonNullable<(typeof model.model.layers)[0]>;
    assert.equal(String(mlp.down_proj), "Linear(in_features=1536, out_features=576, bias=False)");
    assert.equal(String(self_attn.k_proj), "Linear(in_features=576, out_features=192, bias=False)");
    assert.equal(String(mlp.activation_fn), "SiLU()");
    assert.equal(String(model.model.embed_tokens), "Embedding(49152, 576)");
  });
});

describe("run_with_cache", function () {
  this.timeout(120_000);
  let model: Phi3ForCausalLM;
  before(async function () {
    model = await smollmModel(this);
  });
  after(() => model?.dispose());

  it("keeps what transformers' hooks catch: streams to 1e-5, attention weights to 1e-6", async () => {
    const cache = await model.run_with_cache("The capital of France is");
    assert.deepEqual(cache.input_ids, golden.ids);
    for (const [name, expected] of Object.entries(golden.intermediates))
      nearKept(cache.get(name as TapName), expected, name, 2e-5);
    const name = "model.layers.18.self_attn.attn_weights";
    const attentions = (await model.run_with_cache(golden.ids, { names: [name] })).get(name);
    assert.deepEqual(attentions.dims, [1, 9, 5, 5]);
    near(numbers(attentions), golden.attentions.flat(), 1e-6, name);
  });

  it("selects rows and heads bit for bit, also of prompts that are run in several pieces", async () => {
    const ids = prose.slice(0, 700);
    const names = ["model.layers.2", "model.layers.2.self_attn.attn_weights"] as const;
    const whole = await model.run_with_cache(ids, { names, until: 2 });
    const positions = [0, 3, 4, 5, 510, 511, 512, 513, 699];
    const some = await model.run_with_cache(ids, { names, positions, heads: [1, 7], until: 2 });
    const stream = whole.get(names[0]);
    const weights = whole.get(names[1]);
    assert.deepEqual(some.get(names[0]).dims, [1, 9, 576]);
    assert.deepEqual(some.get(names[1]).dims, [1, 2, 9, 700]);
    for (const [i, position] of positions.entries()) {
      equal(some.get(names[0]).slice(0, i), stream.slice(0, position), `stream ${position}`);
      for (const [h, head] of [1, 7].entries())
        equal(some.get(names[1]).slice(0, h, i), weights.slice(0, head, position), `weights ${head}, ${position}`);
    }
    // A row of weights is a distribution over what the position sees, and nothing is ahead of it.
    const row = numbers(weights.slice(0, 4, 300));
    near([row.slice(0, 301).reduce((sum, x) => sum + x, 0)], [1], 1e-5, "sum");
    assert.ok(row.slice(301).every((x) => x === 0));
  });

  it("ends behind the block that until names, with the same numbers, and keeps none behind it", async () => {
    const all = await model.run_with_cache(golden.ids);
    const some = await model.run_with_cache(golden.ids, { until: 4 });
    assert.equal(some.names.at(-1), "model.layers.4");
    for (const name of some.names) equal(some.get(name), all.get(name), name);
    assert.throws(() => some.get("model.layers.5"), /Expected one of 16 names that were kept/);
  });

  it("says before the pass what it takes, to the byte, and refuses more than max_bytes with a sentence", async () => {
    for (const choice of [
      {},
      { names: /attn_weights|context/, heads: [0, 8] },
      { positions: "last", until: 3 },
    ] as const) {
      const cache = await model.run_with_cache(golden.ids, choice);
      assert.equal(model.cache_bytes(5, choice), cache.nbytes);
    }
    assert.equal(model.cache_bytes(1000, { names: /attn_weights$/ }), 30 * 9 * 1000 * 1000 * 4);
    await assert.rejects(model.run_with_cache(prose, { names: /attn_weights$/, max_bytes: 2 ** 31 }), {
      message:
        "Expected at most 2.0 GiB of intermediates but the attention weights of 30 layers at 2,000 tokens take 4.0 GiB: name layers, heads or positions, or raise max_bytes",
    });
  });

  it("goes on from a cache, and leaves it as a call does", async () => {
    const past_key_values = new DynamicCache();
    await model.run_with_cache(golden.ids.slice(0, 3), { past_key_values });
    const name = "model.layers.18.self_attn.attn_weights";
    const cache = await model.run_with_cache(golden.ids.slice(3), { past_key_values, names: [name, "model.norm"] });
    assert.equal(past_key_values.get_seq_length(), 5);
    assert.deepEqual(cache.get(name).dims, [1, 9, 2, 5]);
    const expected = golden.attentions.filter((_, row) => row % 5 >= 3).flat();
    near(numbers(cache.get(name)), expected, 1e-6, name);
    await assert.rejects(
      model.run_with_cache([1], { past_key_values, until: 2 }),
      /Expected no past_key_values with until/,
    );
  });

  it("takes the stream apart into parts, or heads, that sum to it", async () => {
    const names = /embed_tokens|layers\.\d+$|context|o_proj|down_proj/;
    const cache = await model.run_with_cache(golden.ids, { names });
    const { values, labels } = cache.accumulated_resid({ positions: [-1, 2] });
    assert.deepEqual([values.shape, labels.length], [[31, 2, 576], 31]);
    for (const by of ["layer", "head"] as const) {
      const parts = await cache.decompose_resid({ by, positions: [-1, 2] });
      assert.equal(parts.labels.length, by === "layer" ? 61 : 1 + 30 * 10);
      const sum = parts.values.sum(0);
      nearKept(
        sum,
        numbers(values.slice(-1)).filter((_, i) => i % 37 === 0),
        by,
        1e-5,
      );
    }
    assert.equal((await cache.decompose_resid({ by: "head" })).labels[5], "layer 0 head 4");
    assert.ok(cache.names.includes("model.layers.29.mlp.down_proj"));
    equal(values.slice(30, 1), cache.get("model.layers.29").slice(0, 4), "the last stream");
    near(
      numbers(await model.model.norm(values.slice(30, 1))),
      numbers((await model.model(golden.ids))[0].slice(0, 4)),
      1e-4,
      "norm",
    );
  });

  it("changes no number of the pass", async () => {
    const plain = await model.model(golden.ids, { output_hidden_states: true });
    const cache = await model.run_with_cache(golden.ids, { names: /./ });
    equal(cache.get("model.norm"), plain.last_hidden_state, "last");
    equal(cache.get("model.layers.6"), plain.hidden_states?.[7] as Tensor, "between");
  });

  it("says which names, layers, heads and positions it expected", async () => {
    const refused = (options: object, message: RegExp): Promise<void> =>
      assert.rejects(model.run_with_cache(golden.ids, options), message);
    await refused({ names: ["model.layers.3.mlp.down_prj"] }, /did you mean model.layers.3.mlp.down_proj\?/);
    await refused({ layers: [30] }, /Expected layers from 0 to 29 but received 30/);
    await refused({ heads: [9] }, /Expected heads from -9 to 8 but received 9/);
    await refused({ positions: [5] }, /Expected positions from -5 to 4 but received 5/);
    await refused({ names: /nothing/ }, /Expected at least one intermediate/);
    await refused({ layer: [1] }, /did you mean layers\?/);
    await assert.rejects(
      model.run_with_cache([[1], [2]]),
      /Expected one prompt for run_with_cache but received 2 rows/,
    );
  });
});

describe("the modules of a Phi-3 with norms, biases or stacks of its own", () => {
  for (const kind of ["qwen2", "qwen3", "phi3_4k"])
    it(`do in a block of ${kind} what the pass does`, async () => {
      const model = await AutoModelForCausalLM.from_pretrained(join(__dirname, "..", "..", "golden", "family", kind), {
        device: "cpu",
      });
      const cache = await model.run_with_cache([3, 5, 7, 11], { names: /layers\.1\b/, until: 1 });
      const layer = model.model.layers[1];
      assert.ok(layer);
      const at = (part: string): Tensor => cache.get(`model.layers.1.${part}` as TapName);
      const close = (a: Tensor, b: Tensor, name: string): void =>
        near(numbers(a), numbers(b), 1e-5 * Math.max(...numbers(b).map(Math.abs)), name);
      close(await layer.self_attn.qkv_proj(at("input_layernorm")), at("self_attn.qkv_proj"), "qkv_proj");
      close(await layer.self_attn.o_proj(at("self_attn.context")), at("self_attn.o_proj"), "o_proj");
      close(await layer.mlp(at("post_attention_layernorm")), at("mlp.down_proj"), "mlp");
      close(await layer.mlp.activation_fn(at("mlp.gate_up_proj")), at("mlp.activation_fn"), "activation_fn");
      assert.equal(layer.self_attn.q_norm !== undefined, kind === "qwen3");
      await model.dispose();
    });
});
