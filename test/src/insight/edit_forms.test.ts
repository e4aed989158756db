/** What edits are to their user: plain data, checked with sentences, the same in every call, told by caches; and hooks. */
import assert from "node:assert/strict";
import { inspect } from "node:util";
import { join } from "node:path";
import {
  ablate,
  AutoModelForCausalLM,
  DynamicCache,
  direction,
  type Edit,
  edit,
  hook,
  knock_out,
  patch,
  type Phi3ForCausalLM,
  project_out,
  steer,
  Tensor,
} from "../../../src";
import { eachPlace } from "./places";

const prompt = [5, 77, 130, 9, 201, 64, 33, 150, 8, 91, 12, 180];
const vector = (n: number, of = (i: number) => Math.sin(i)): Tensor =>
  new Tensor(
    "float32",
    Float32Array.from({ length: n }, (_, i) => of(i)),
    [n],
  );
const numbers = (tensor: Tensor): number[] => Array.from(tensor.data as Float32Array);
const ids = (tensor: Tensor): number[] => Array.from(tensor.data, Number);
const far = (a: Tensor, b: Tensor): number =>
  Math.max(...numbers(a).map((x, i) => Math.abs(x - (numbers(b)[i] as number))));

eachPlace("edits", ({ device, dtype }) => {
  const tiny = join(__dirname, "../../golden/tiny/grouped");
  let model: Phi3ForCausalLM;
  before(async function () {
    this.timeout(60_000);
    model = await AutoModelForCausalLM.from_pretrained(tiny, { device, dtype });
  });
  after(() => model?.dispose());

  it("that add zeros change no bit of the same pass with listeners, nor of a generation", async () => {
    const zero = new Tensor("float32", new Float32Array(64), [64]);
    const edits = [steer(1, zero), edit({ at: "model.layers.2.self_attn.o_proj", op: "add", value: zero })];
    const [plain, changed] = [await model.run_with_cache(prompt), await model.run_with_cache(prompt, { edits })];
    for (const name of plain.names) assert.deepEqual(numbers(changed.get(name)), numbers(plain.get(name)), name);
    const options = { max_new_tokens: 12, output_logits: true } as const;
    const without = await model.generate(prompt, { ...options, edits: [] });
    const within = await model.generate(prompt, { ...options, edits: [edits[0] as Edit] });
    assert.deepEqual(within.logits?.map(numbers), without.logits?.map(numbers));
  });

  it("are seen by whoever looks: what is kept of a place is what the edits leave there", async () => {
    const value = vector(64);
    const edits = [edit({ at: "model.layers.1.mlp.down_proj", op: "set", value, positions: [2, -1] })];
    const cache = await model.run_with_cache(prompt, { names: /down_proj$/, edits });
    const kept = cache.get("model.layers.1.mlp.down_proj");
    for (const row of [2, 11]) assert.deepEqual(numbers(kept.slice(0, row)), numbers(value));
    const plain = await model.run_with_cache(prompt, { names: /down_proj$/ });
    assert.deepEqual(numbers(kept.slice(0, 3)), numbers(plain.get("model.layers.1.mlp.down_proj").slice(0, 3)));
  });

  it("are applied in their order at a place", async () => {
    const name = "model.layers.0";
    const [a, b] = [steer(0, vector(64)), edit({ at: name, op: "multiply", scale: 2 })];
    const of = async (edits: Edit[]): Promise<Tensor> =>
      (await model.run_with_cache(prompt, { names: [name], edits })).get(name);
    const plain = await of([]);
    const twice = (x: number, i: number): number => Math.fround(x + Math.fround(Math.sin(i % 64)));
    assert.deepEqual(
      numbers(await of([a, b])),
      numbers(plain).map((x, i) => 2 * twice(x, i)),
    );
    assert.deepEqual(
      numbers(await of([b, a])),
      numbers(plain).map((x, i) => twice(2 * x, i)),
    );
  });

  it("know the prompt's positions and the new ones, with a cache, without, drawn and in beams", async () => {
    const options = { max_new_tokens: 6, eos_token_id: [] as number[] };
    const edits = (positions: "prompt" | "new" | { from: number; to?: number }): Edit[] => [
      steer(
        1,
        vector(64, (i) => Math.cos(i)),
        { scale: 20, positions },
      ),
    ];
    const plain = ids(await model.generate(prompt, options));
    for (const [named, counted] of [
      ["prompt", { from: 0, to: 12 }],
      ["new", { from: 12 }],
    ] as const) {
      const expected = ids(await model.generate(prompt, { ...options, edits: edits(counted) }));
      assert.notDeepEqual(expected, plain, named);
      const past_key_values = new DynamicCache();
      await model(prompt.slice(0, 5), { past_key_values, edits: edits(counted) });
      for (const more of [
        {},
        { use_cache: false },
        { past_key_values },
        { do_sample: true, top_k: 1 },
        { logits_processor: [() => undefined] as never },
      ])
        assert.deepEqual(ids(await model.generate(prompt, { ...options, ...more, edits: edits(named) })), expected);
      const beams = { ...options, num_beams: 3 };
      assert.deepEqual(
        ids(await model.generate(prompt, { ...beams, edits: edits(named) })),
        ids(await model.generate(prompt, { ...beams, edits: edits(counted) })),
      );
    }
  });

  it("of several prompts count each one's own positions, whatever else goes beside it", async () => {
    const edits = [
      steer(1, vector(64, Math.cos), { scale: 20, positions: "new" }),
      ablate({ layer: 2, part: "attention" }, { positions: "last" }),
    ];
    const rows = [prompt, prompt.slice(4)];
    const input_ids = rows.map((row) => [...new Array<number>(12 - row.length).fill(0), ...row]);
    const attention_mask = rows.map((row) => [...new Array<number>(12 - row.length).fill(0), ...row.map(() => 1)]);
    for (const more of [{}, { do_sample: true, top_k: 1 }, { num_beams: 2 }, { use_cache: false }]) {
      const options = { max_new_tokens: 6, eos_token_id: [] as number[], edits, ...more };
      const together = await model.generate({ input_ids, attention_mask, ...options });
      for (const [r, row] of rows.entries())
        assert.deepEqual(ids(together.slice(r)).slice(12 - row.length), ids(await model.generate(row, options)));
    }
  });

  it("of a view are in all that it is asked, and in nothing that the model itself is", async () => {
    const edits = [ablate({ layer: 1, heads: [0, 2] })];
    const view = model.with_edits(edits);
    const { logits } = await view(prompt);
    assert.deepEqual(numbers(logits), numbers((await model(prompt, { edits })).logits));
    assert.ok(far(logits, (await model(prompt)).logits) > 1e-3);
    assert.equal((await view.log_probs(prompt)).total, (await model.log_probs(prompt, { edits })).total);
    assert.notEqual((await view.log_probs(prompt)).total, (await model.log_probs(prompt)).total);
    const lens = { positions: "all", k: 1 } as const;
    assert.deepEqual(
      (await view.logit_lens(prompt, lens)).ids,
      (await model.logit_lens(prompt, { ...lens, edits })).ids,
    );
    const both = await view.with_edits([ablate({ layer: 2, part: "mlp" })])(prompt);
    const listed = await model(prompt, { edits: [...edits, ablate({ layer: 2, part: "mlp" })] });
    assert.deepEqual(numbers(both.logits), numbers(listed.logits));
  });

  it("live on in a cache, which says so", async () => {
    const past_key_values = new DynamicCache();
    await model(prompt.slice(0, 6), { past_key_values });
    assert.equal(past_key_values.edited, false);
    await model(prompt.slice(6, 9), { past_key_values, edits: [ablate({ layer: 0, part: "attention" })] });
    assert.equal(past_key_values.edited, true);
    await model(prompt.slice(9), { past_key_values });
    assert.equal(past_key_values.edited, true);
    past_key_values.crop(0);
    await model(prompt, { past_key_values });
    assert.equal(past_key_values.edited, false);
  });

  it("take heads and neurons away, to zero or to what else is said, and nothing beside them", async () => {
    const { head_dim } = model.config;
    const mean = vector(model.config.num_attention_heads * head_dim);
    const of = async (at: "self_attn.context" | "mlp.activation_fn", edits: Edit[]): Promise<Tensor> => {
      const name = `model.layers.1.${at}` as const;
      return (await model.run_with_cache(prompt, { names: [name], edits })).get(name);
    };
    const [plain, zero] = [
      await of("self_attn.context", []),
      await of("self_attn.context", [ablate({ layer: 1, heads: [1, 2] })]),
    ];
    const means = await of("self_attn.context", [ablate({ layer: 1, heads: [3] }, { to: mean, positions: "last" })]);
    const width = plain.dims[2] as number;
    numbers(plain).forEach((x, i) => {
      const [row, head] = [Math.floor(i / width), Math.floor((i % width) / head_dim)];
      assert.equal(numbers(zero)[i], head === 1 || head === 2 ? 0 : x);
      assert.equal(numbers(means)[i], head === 3 && row === 11 ? numbers(mean)[i % width] : x);
    });
    const neurons = await of("mlp.activation_fn", [ablate({ layer: 1, neurons: [3, 4, 80] })]);
    for (const one of [3, 4, 80]) assert.equal(numbers(neurons.slice(0, 7))[one], 0);
    assert.equal(numbers(neurons).filter((x) => x === 0).length, 36);
  });

  it("carry another run's numbers over: patched everywhere behind a block, one text says what the other does", async () => {
    const other = prompt.map((id) => (id * 3 + 1) % 211);
    const cache = await model.run_with_cache(other);
    const whole = await model(prompt, { edits: [patch(cache, { at: "model.layers.2" })] });
    assert.ok(far(whole.logits, (await model(other)).logits) < 1e-5);
    const context = await model.run_with_cache(other, { names: /context$/ });
    const name = "model.layers.1.self_attn.context";
    const edits = [patch(context, { at: name, positions: [-2, 3], heads: [2] })];
    const found = (await model.run_with_cache(prompt, { names: [name], edits })).get(name);
    const plain = (await model.run_with_cache(prompt, { names: [name] })).get(name);
    const { head_dim } = model.config;
    for (let row = 0; row < 12; row++)
      for (let head = 0; head < 4; head++) {
        const part = (x: Tensor): number[] => numbers(x.slice(0, row)).slice(head * head_dim, (head + 1) * head_dim);
        const from = head === 2 && (row === 10 || row === 3) ? context.get(name) : plain;
        assert.deepEqual(part(found), part(from), `row ${row}, head ${head}`);
      }
  });

  it("take a direction out of every block: nothing along it is left", async () => {
    const along = vector(64);
    const cache = await model.run_with_cache(prompt, { edits: [project_out("all", along)] });
    for (let layer = 0; layer < 3; layer++) {
      const stream = numbers(cache.get(`model.layers.${layer}`).slice(0, 5));
      const dot = stream.reduce((sum, x, i) => sum + x * Math.sin(i), 0);
      assert.ok(Math.abs(dot) < 1e-4 * Math.max(...stream.map(Math.abs)), `layer ${layer}: ${dot}`);
    }
  });

  it("come back from JSON as they went, tensors to the bit", async () => {
    const other = await model.run_with_cache(prompt.map((id) => (id * 3 + 1) % 211));
    const edits = [
      steer(1, vector(64), { scale: -0.5, positions: "new" }),
      ablate({ layer: 0, neurons: [5] }),
      project_out("all", vector(64)),
      patch(other, { at: "model.layers.0", positions: [4, 5] }),
    ];
    const text = JSON.stringify([...edits, knock_out({ layer: 1, heads: [0], from: "all", to: 0 })]);
    const back = (JSON.parse(text) as Edit[]).map((one) => (one.kind === "edit" ? edit(one) : one));
    const again = await model(prompt, { edits: back });
    const first = await model(prompt, { edits: [...edits, knock_out({ layer: 1, heads: [0], from: "all", to: 0 })] });
    assert.deepEqual(numbers(again.logits), numbers(first.logits));
    assert.equal(JSON.stringify(back), text);
  });

  it("say what is wrong with them, in a sentence", async () => {
    const at = "model.layers.1.self_attn.attn_weights" as const;
    const refused: [() => unknown, RegExp][] = [
      [
        () => model(prompt, { edits: [edit({ at, op: "multiply", scale: 0 })] }),
        /^RangeError: Expected a place that can be edited but received model\.layers\.1\.self_attn\.attn_weights: the weights are already used there; knock_out masks attention$/,
      ],
      [
        () => model(prompt, { edits: [steer(3, vector(64))] }),
        /Expected layers from 0 to 2 for an edit but received 3/,
      ],
      [() => model(prompt, { edits: [steer(1, vector(63))] }), /Expected a value of 64 numbers .* but received \[63\]/],
      [
        () =>
          steer(
            1,
            vector(64, () => Number.NaN),
          ),
        /Expected finite numbers .* at model\.layers\.1 but received NaN/,
      ],
      [() => steer(-1, vector(64)), /Expected a layer from 0 on but received -1/],
      [() => steer(1, vector(64), { scale: Number.NaN }), /Expected a finite scale/],
      [
        () =>
          project_out(
            1,
            vector(64, () => 0),
          ),
        /Expected a vector that is not 0/,
      ],
      [() => model(prompt, { edits: [ablate({ layer: 1, heads: [4] })] }), /Expected heads from 0 to 3 but received 4/],
      [() => model(prompt, { edits: [knock_out({ layer: 7, from: "all", to: 0 })] }), /Expected layers from 0 to 2/],
      [
        () => model(prompt, { edits: [knock_out({ layer: 1, heads: [9], from: "all", to: 0 })] }),
        /Expected heads from 0 to 3 but received 9/,
      ],
      [
        () =>
          model(prompt, {
            edits: [ablate({ layer: 1, part: "mlp" }), ablate({ layer: 1, part: "mlp" }, { positions: "last" })],
          }),
        /two of model\.layers\.1\.mlp\.down_proj at position 11: the second would undo the first/,
      ],
      [
        () => model(prompt, { edits: [steer(1, vector(64), { positions: -13 })] }),
        /Expected positions from -12 on .* but received -13/,
      ],
      [
        () => model(prompt, { edits: [steer(1, vector(64), { positions: "some" as never })] }),
        /Expected "all", "last"/,
      ],
      [() => model(prompt, { edits: [{ at: "model.norm" } as never] }), /Expected an edit, as steer, ablate/],
      [() => model(prompt, { edits: steer(1, vector(64)) as never }), /Expected an array of edits/],
      [
        () =>
          model(prompt, { edits: [edit({ at: "model.layers.1.self_attn.o_prj" as never, op: "multiply", scale: 1 })] }),
        /did you mean model\.layers\.1\.self_attn\.o_proj\?/,
      ],
      [() => model.with_edits([steer(9, vector(64))]), /Expected layers from 0 to 2/],
      [() => edit({ at: "model.norm", op: "add" }), /Expected a value for add at model\.norm/],
      [() => edit({ at: "model.norm", op: "rotate" as never }), /Expected add, multiply, set, project_out for op/],
    ];
    for (const [call, sentence] of refused)
      await assert.rejects(
        async () => call(),
        (error: Error) => sentence.test(String(error)) || assert.fail(`${error}`),
      );
  });

  it("of a native call that fits nothing are refused too, and the model goes on", async () => {
    const { native } = model.core;
    const ids = Int32Array.from(prompt);
    const common = { op: "add", first: 0, last: 64, scale: 1 } as const;
    const value = native.upload(new Float32Array(64), [64]);
    for (const [edits, sentence] of [
      [
        [{ ...common, at: "model.layers.9", value }],
        /Expected a place that can be edited but received model\.layers\.9/,
      ],
      [[{ ...common, at: "model.layers.0.self_attn.attn_weights", value }], /Expected a place that can be edited/],
      [[{ ...common, at: "model.layers.0", last: 65, value }], /Expected columns from 0 to 64/],
      [[{ ...common, at: "model.layers.0" }], /Expected a value of 64 numbers/],
      [[{ ...common, at: "model.layers.0", value, rows: Int32Array.of(3, 3) }], /Expected rising positions/],
      [
        [{ ...common, at: "model.layers.0", first: 0, last: 32, value, from: 0, to: 3 }],
        /a value for each of the positions/,
      ],
      [[{ layer: 3, heads: Int32Array.of(0), queries: {}, keys: {} }], /Expected layers from 0 to 2/],
      [[{ layer: 0, heads: Int32Array.of(4), queries: {}, keys: {} }], /Expected heads from 0 to 3/],
    ] as const)
      await assert.rejects(native.forward({ ids, edits }), sentence);
    const { last_hidden_state } = await native.forward({ ids, edits: [{ ...common, at: "model.layers.0", value }] });
    assert.deepEqual(last_hidden_state.dims, [12, 64]);
  });

  it("find the direction between two sets of texts, at a position or over all", async () => {
    const [a, b] = [prompt.slice(0, 5), prompt.slice(5)];
    const name = "model.layers.1";
    const stream = async (text: number[]): Promise<Tensor> => (await model.run_with_cache(text)).get(name).slice(0);
    const last = await direction(model, [a, a], [b], { layer: 1 });
    const [from, to] = [await stream(a), await stream(b)];
    assert.ok(far(last, from.slice(-1).sub(to.slice(-1))) < 1e-5);
    const mean = await direction(model, [a], [b], { layer: 1, position: "mean" });
    assert.ok(far(mean, from.mean(0).sub(to.mean(0))) < 1e-5);
    const unit = await direction(model, [a], [b], { layer: 1, normalise: true });
    assert.ok(Math.abs(numbers(unit).reduce((sum, x) => sum + x * x, 0) - 1) < 1e-5);
    await assert.rejects(direction(model, [], [b], { layer: 1 }), /Expected an array of texts for positive/);
    await assert.rejects(direction(model, [a], [b], { layer: 3 }), /Expected layers from 0 to 2 for direction/);
  });

  it("let a function see and change what passes, at a long prompt's pieces and at each new token", async () => {
    const seen: number[][] = [];
    const double = hook("model.layers.1", async (x, { layer, positions }) => {
      assert.equal(layer, 1);
      assert.deepEqual(x.shape, [1, positions.length, 64]);
      seen.push(positions);
      return x.mul(2);
    });
    const expected = edit({ at: "model.layers.1", op: "multiply", scale: 2 });
    const found = await model(prompt, { edits: [double] });
    assert.ok(far(found.logits, (await model(prompt, { edits: [expected] })).logits) < 1e-4);
    assert.deepEqual(seen.flat(), Array.from(prompt.keys()));
    seen.length = 0;
    const options = { max_new_tokens: 4, eos_token_id: [] as number[] };
    const texts = await model.generate(prompt, { ...options, edits: [double] });
    assert.deepEqual(ids(texts), ids(await model.generate(prompt, { ...options, edits: [expected] })));
    assert.deepEqual(seen, [Array.from(prompt.keys()), [12], [13], [14]]);
    const looked = await model(prompt, { edits: [hook("model.layers.1", () => undefined)] });
    await new Promise((done) => setImmediate(done));
    assert.equal(inspect(Promise.resolve(7)), "Promise { 7 }", "promises are left as they are");
    assert.ok(far(looked.logits, (await model(prompt)).logits) < 1e-5);
  });

  it("fail as their function fails, refuse what would wait for itself, and obey an abort", async () => {
    const oops = new Error("oops");
    const failing = hook("model.norm", () => Promise.reject(oops));
    await assert.rejects(model(prompt, { edits: [failing] }), oops);
    await assert.rejects(model.generate(prompt, { edits: [failing] }), oops);
    const wrong = hook("model.norm", () => new Tensor("float32", new Float32Array(3), [3]));
    await assert.rejects(model(prompt, { edits: [wrong] }), /Expected a tensor \[1, 12, 64\] or nothing .* \[3\]/);
    const asking = hook("model.layers.0", async () => {
      await model(prompt);
      return undefined;
    });
    await assert.rejects(
      model(prompt, { edits: [asking] }),
      /from a hook of its own pass: the model waits for the hook/,
    );
    for (const call of [() => model.model(prompt), () => model.model.norm(vector(64)), () => model.log_probs(prompt)])
      await assert.rejects(
        model(prompt, { edits: [hook("model.layers.0", async () => void (await call()) as undefined)] }),
        /the model waits for the hook/,
      );
    const stop = new AbortController();
    const never = hook("model.layers.0", () => {
      setTimeout(() => stop.abort(), 10);
      return new Promise<undefined>(() => undefined);
    });
    await assert.rejects(model(prompt, { edits: [never], signal: stop.signal }), { name: "AbortError" });
    // Another's call meanwhile only waits.
    const slow = hook("model.layers.0", () => new Promise<undefined>((done) => setTimeout(() => done(undefined), 30)));
    await Promise.all([model(prompt, { edits: [slow] }), model(prompt)]);
  });
});
