/** What one model computed, given to another: copied where it fits, on whichever device each of them is. */
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  AutoModelForCausalLM,
  direction,
  edit,
  patch,
  type Phi3ForCausalLM,
  project_out,
  steer,
  Tensor,
} from "../../../src";
import { eachPlace } from "./places";

const tiny = join(__dirname, "..", "..", "golden", "tiny");
const ids = [5, 17, 3, 99, 42, 8];
const numbers = (tensor: Tensor): number[] => Array.from(tensor.to("float32").data as Float32Array);
/** The same numbers in JavaScript's memory. */
const held = (tensor: Tensor): Tensor => new Tensor("float32", Float32Array.from(numbers(tensor)), tensor.dims);

eachPlace("vectors of another model", ({ device, dtype }) => {
  /** Of the same width, the second on the CPU, and one of another width. */
  let one: Phi3ForCausalLM;
  let other: Phi3ForCausalLM;
  let wide: Phi3ForCausalLM;
  let stream: Tensor;
  before(async () => {
    one = await AutoModelForCausalLM.from_pretrained(join(tiny, "llama"), { device, dtype });
    other = await AutoModelForCausalLM.from_pretrained(join(tiny, "multi_head"), { device: "cpu", dtype: "float32" });
    wide = await AutoModelForCausalLM.from_pretrained(join(tiny, "grouped"), { device, dtype });
    stream = (await one.model(ids)).last_hidden_state;
  });
  after(async () => {
    for (const model of [one, other, wide]) await model?.dispose();
  });

  it("go through a module, the head and nearest as the same numbers do", async () => {
    const layer = other.model.layers[1];
    for (const module of [other.model.norm, layer?.self_attn.qkv_proj, layer?.mlp, other.lm_head]) {
      assert.ok(module);
      for (const part of [stream, stream.slice(0, [1, 4])])
        assert.deepEqual(numbers(await module(part)), numbers(await module(held(part))));
    }
    const vector = stream.slice(0, -1);
    assert.deepEqual(await other.nearest(vector, { k: 3 }), await other.nearest(held(vector), { k: 3 }));
    assert.deepEqual(
      numbers((await other({ inputs_embeds: stream })).logits),
      numbers((await other({ inputs_embeds: held(stream) })).logits),
    );
  });

  it("are the values of edits, in one pass and while it generates, under edits of the first as well", async () => {
    const along = await direction(one, [ids], [ids.toReversed()], { layer: 1 });
    const cache = await one.run_with_cache(ids, { names: ["model.layers.1"] });
    const last = (await one.with_edits([steer(0, along)]).model(ids)).last_hidden_state.slice(0, -1);
    const lists = [
      [[steer(1, last)], [steer(1, held(last))]],
      [[steer(1, along)], [steer(1, held(along))]],
      [[project_out("all", last)], [project_out("all", held(last))]],
      [[patch(cache, { at: "model.layers.1", positions: 2 })], [patch(cache, { at: "model.layers.1", positions: 2 })]],
      [
        [edit({ at: "model.layers.0", op: "set", value: stream.slice(0, [0, 2]), positions: [1, 3] })],
        [edit({ at: "model.layers.0", op: "set", value: held(stream.slice(0, [0, 2])), positions: [1, 3] })],
      ],
    ] as const;
    const plain = numbers((await other(ids)).logits);
    for (const [given, copied] of lists) {
      const made = numbers((await other(ids, { edits: given })).logits);
      assert.deepEqual(made, numbers((await other(ids, { edits: copied })).logits));
      assert.notDeepEqual(made, plain);
      const options = { input_ids: ids, max_new_tokens: 4, eos_token_id: [] };
      assert.deepEqual(
        numbers(await other.generate({ ...options, edits: given })),
        numbers(await other.generate({ ...options, edits: copied })),
      );
    }
  });

  it("of another width are refused with both widths", async () => {
    await assert.rejects(wide.lm_head(stream), /Expected vectors of 64 numbers for lm_head but received \[1, 6, 48\]/);
    await assert.rejects(wide.model.norm(stream), /Expected vectors of 64 numbers for model.norm but received/);
    await assert.rejects(wide.nearest(stream.slice(0, 0)), /Expected a vector of 64 numbers for nearest but received/);
    await assert.rejects(
      wide(ids, { edits: [steer(1, stream.slice(0, 0))] }),
      /Expected a value of 64 numbers for model.layers.1 but received \[48\]/,
    );
  });

  it("stay in an edit when the tensor that they were, or its model, is disposed", async () => {
    const third = await AutoModelForCausalLM.from_pretrained(join(tiny, "llama"), { device, dtype });
    const vectors = (await third.model(ids)).last_hidden_state;
    const edits = [steer(1, vectors.slice(0, -1))];
    const before = numbers((await other(ids, { edits })).logits);
    vectors.dispose();
    await third.dispose();
    assert.deepEqual(numbers((await other(ids, { edits })).logits), before);
    assert.equal(edits[0]?.value?.device, "cpu");
  });
});
