/** Calls of a model one behind the other, beside transformers': caches, masks and positions, vectors, chosen logits. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { AutoModelForCausalLM, DynamicCache, type Phi3ForCausalLM, Tensor } from "../../src";

interface Told {
  dims: number[];
  data: number[];
}
const goldens = join(__dirname, "..", "golden");
const golden = JSON.parse(readFileSync(join(goldens, "cache.json"), "utf8")) as {
  prompt: number[];
  padded: number[][];
  mask: number[][];
  more: number[][];
  embeds: Told;
  shifted: Told;
  keep_two: Told;
  keep_some: Told;
  behind: Told;
  length: number;
  vectors: Told;
  from_vectors: number[][];
  beams_from_vectors: number[][];
  turns: { one: number[][]; held: number; text: number[][]; mask: number[][]; two: number[][] };
  filled: number;
  cropped: number;
};
const { prompt, padded, mask, more } = golden;
const embeds = new Tensor("float32", golden.embeds.data, golden.embeds.dims);
const rowsOf = (tensor: Tensor): number[][] => (tensor.tolist() as bigint[][]).map((row) => row.map(Number));

function close(actual: Tensor, expected: Told): void {
  assert.deepEqual(actual.dims, expected.dims);
  const data = actual.data as Float32Array;
  expected.data.forEach((value, i) => {
    assert.ok(Math.abs((data[i] as number) - value) <= 1e-4, `element ${i} is ${data[i]}, not ${value}`);
  });
}

describe("calls one behind the other", function () {
  this.timeout(60_000);
  let model: Phi3ForCausalLM;
  before(async () => {
    model = await AutoModelForCausalLM.from_pretrained(join(goldens, "tiny", "multi_head"), { device: "cpu" });
  });
  after(() => model.dispose());
  const endless = { eos_token_id: null, pad_token_id: 0 };

  it("positions may begin anywhere, as transformers' position_ids", async () => {
    const position_ids = [prompt.map((_, i) => i + 20)];
    close((await model(prompt, { position_ids })).logits, golden.shifted);
    const made = await model.generate({ input_ids: prompt, position_ids, max_new_tokens: 4 });
    assert.deepEqual(rowsOf(made), rowsOf(await model.generate({ input_ids: prompt, max_new_tokens: 4 })));
  });

  it("positions go on from the cache's, and others are an error that names the one that comes next", async () => {
    const { past_key_values } = await model(prompt.slice(0, 4), { position_ids: [[6, 7, 8, 9]], use_cache: true });
    const rest = prompt.slice(4);
    await assert.rejects(
      model(rest, { past_key_values, position_ids: [[4, 5, 6]] }),
      /position_ids that go on from the cache's, from 10 on, but received 4/,
    );
    const { logits } = await model(rest, { past_key_values, position_ids: [[10, 11, 12]] });
    assert.equal(past_key_values?.get_seq_length(), 7);
    close(logits, { dims: [1, 3, 211], data: golden.shifted.data.slice(4 * 211) });
    for (const position_ids of [[[0, 1, 3, 4, 5, 6, 7]], [[3, 2, 1, 0, -1, -2, -3]], [[-1, 0, 1, 2, 3, 4, 5]]])
      await assert.rejects(model(prompt, { position_ids }), /Expected position_ids from 0 on, each one above the last/);
    await assert.rejects(
      model(prompt, { position_ids: [[0, 1]] }),
      /position_ids of shape \[1, 7\] but received \[1, 2\]/,
    );
  });

  it("logits_to_keep computes the last logits, or those of the positions named, and no others", async () => {
    close((await model(prompt, { logits_to_keep: 2 })).logits, golden.keep_two);
    for (const some of [[0, 3, 6], [0, -4, -1], new Tensor("int64", [0, 3, 6], [3])])
      close((await model(prompt, { logits_to_keep: some })).logits, golden.keep_some);
    for (const all of [0, null, 7, 100])
      assert.deepEqual((await model(prompt, { logits_to_keep: all })).logits.dims, [1, 7, 211]);
    for (const wrong of [-1, 1.5, [], [7], [-8], "2"])
      await assert.rejects(model(prompt, { logits_to_keep: wrong as never }), /for logits_to_keep but received/);
  });

  it("a mask spans the cache and the new tokens, of padded rows too", async () => {
    const cut = padded.map((row) => row.length);
    const first = await model(padded, { attention_mask: mask, use_cache: true });
    const cache = first.past_key_values as DynamicCache;
    assert.equal(cache.get_seq_length(), cut[0]);
    const whole = mask.map((row) => [...row, 1, 1, 1]);
    close((await model(more, { attention_mask: whole, past_key_values: cache })).logits, golden.behind);
    assert.equal(cache.get_seq_length(), golden.length);
    cache.crop(7);
    close((await model(more, { past_key_values: cache })).logits, golden.behind);
    cache.crop(-3);
    close(
      (
        await model(more, {
          past_key_values: cache,
          attention_mask: [
            [1, 1, 1],
            [1, 1, 1],
          ],
        })
      ).logits,
      golden.behind,
    );
    cache.crop(7);
    const other = [[...(whole[0] as number[])], [1, ...(whole[1] as number[]).slice(1)]];
    await assert.rejects(
      model(more, { attention_mask: other, past_key_values: cache }),
      /says of the cache's positions what the calls that filled it said, but received 1 at position 0 of row 1/,
    );
    await assert.rejects(
      model(more, {
        attention_mask: [
          [1, 1],
          [1, 1],
        ],
        past_key_values: cache,
      }),
      /attention_mask of shape \[2, 10\], over the cache and the new tokens, but received \[2, 2\]/,
    );
    assert.equal(cache.get_seq_length(), 7);
  });

  it("takes vectors in place of ids, and continues them greedily and by beams as transformers does", async () => {
    close((await model({ inputs_embeds: embeds })).logits, golden.vectors);
    const one = embeds.slice([0, 1]);
    close((await model({ inputs_embeds: one[0] as Tensor })).logits, {
      dims: [1, 5, 211],
      data: golden.vectors.data.slice(0, 5 * 211),
    });
    const options = { max_new_tokens: 6, eos_token_id: null };
    assert.deepEqual(rowsOf(await model.generate({ inputs_embeds: one, ...options })), golden.from_vectors);
    const beams = await model.generate({ inputs_embeds: one, num_beams: 3, ...options });
    assert.deepEqual(rowsOf(beams), golden.beams_from_vectors);
    // The embeddings of ids are what the ids are turned into.
    const { hidden_states } = await model(prompt, { output_hidden_states: true });
    const [of] = hidden_states as [Tensor];
    const known = await model.generate({ inputs_embeds: of, input_ids: prompt, ...options });
    assert.deepEqual(rowsOf(known), rowsOf(await model.generate({ input_ids: prompt, ...options })));
    await assert.rejects(
      model({ inputs_embeds: one, input_ids: prompt }),
      /input_ids or inputs_embeds .* received both/,
    );
    await assert.rejects(model({ inputs_embeds: [[1]] as never }), /Expected a tensor of vectors for inputs_embeds/);
    await assert.rejects(
      model({ inputs_embeds: new Tensor("float32", [1, 2], [1, 1, 2]) }),
      /inputs_embeds of shape \[rows, T, 48\] but received \[1, 1, 2\]/,
    );
  });

  it("generate gives a cache that the next turn goes on from, in batches too, as transformers does", async () => {
    const { turns } = golden;
    for (const extra of [{}, { logits_processor: () => undefined }]) {
      const one = await model.generate({
        input_ids: padded,
        attention_mask: mask,
        max_new_tokens: 4,
        return_dict_in_generate: true,
        ...endless,
        ...extra,
      });
      assert.deepEqual(rowsOf(one.sequences), turns.one);
      assert.equal(one.past_key_values?.get_seq_length(), turns.held);
      const two = await model.generate({
        input_ids: turns.text,
        attention_mask: turns.mask,
        past_key_values: one.past_key_values,
        max_new_tokens: 5,
        ...endless,
        ...extra,
      });
      assert.deepEqual(rowsOf(two), turns.two);
    }
  });

  it("a new DynamicCache() is filled by the call that gets it, and cropped from either end", async () => {
    const cache = new DynamicCache();
    assert.equal(cache.get_seq_length(), 0);
    await model.generate({ input_ids: prompt, past_key_values: cache, max_new_tokens: 3, ...endless });
    assert.equal(cache.get_seq_length(), golden.filled);
    cache.crop(-2);
    assert.equal(cache.get_seq_length(), golden.cropped);
    cache.crop(100);
    assert.equal(cache.get_seq_length(), golden.cropped);
    for (const wrong of [1.5, NaN, "3", undefined])
      assert.throws(() => cache.crop(wrong as number), /Expected an integer for crop but received/);
    assert.equal(cache.get_seq_length(), golden.cropped);
    const rows = new DynamicCache();
    await model(padded, { attention_mask: mask, past_key_values: rows });
    assert.equal(rows.get_seq_length(), 7);
    await assert.rejects(model(prompt, { past_key_values: rows }), /past_key_values of 1 rows but received 2/);
    cache.dispose();
    await assert.rejects(model([1], { past_key_values: cache }), /disposed/);
  });

  it("a cache in use by another call says so, and is as it was after a call that failed", async () => {
    const { past_key_values } = await model(prompt.slice(0, 3), { use_cache: true });
    const cache = past_key_values as DynamicCache;
    const run = () => model.generate({ input_ids: prompt, past_key_values: cache, max_new_tokens: 20, ...endless });
    const [first, second, third] = await Promise.allSettled([run(), run(), model([1], { past_key_values: cache })]);
    assert.equal(first.status, "fulfilled");
    assert.match(
      String((second as PromiseRejectedResult).reason),
      /past_key_values given to generate are in use by another call of generate: await that one first/,
    );
    assert.match(String((third as PromiseRejectedResult).reason), /given to the model are in use by another call/);
    const busy = run().catch((error: Error) => error.message);
    assert.match(String(await busy), /fewer positions than the prompt's 7 but received 26/);
    const running = model(prompt, { past_key_values: cache });
    assert.throws(() => cache.crop(1), /given to crop are in use by another call of the model/);
    await running;

    cache.crop(3);
    for (const extra of [{}, { repetition_penalty: 1.1 }]) {
      const controller = new AbortController();
      let shown = 0;
      const put = () => void (++shown === 3 && controller.abort());
      await assert.rejects(
        model.generate({
          input_ids: prompt,
          past_key_values: cache,
          max_new_tokens: 60,
          streamer: { put, end: () => undefined },
          signal: controller.signal,
          ...endless,
          ...extra,
        }),
        { name: "AbortError" },
      );
      assert.equal(cache.get_seq_length(), 3);
    }
    await assert.rejects(model([9999], { past_key_values: cache }), /token ids/);
    assert.equal(cache.get_seq_length(), 3);
    const whole = await model.generate({ input_ids: prompt, max_new_tokens: 20, ...endless });
    assert.deepEqual(rowsOf(await run()), rowsOf(whole));
  });

  it("refuses another model's cache, and what is none", async () => {
    const other = await AutoModelForCausalLM.from_pretrained(join(goldens, "tiny", "multi_head"), { device: "cpu" });
    const { past_key_values } = await other(prompt, { use_cache: true });
    await assert.rejects(model([1], { past_key_values }), /Expected past_key_values of this model/);
    await assert.rejects(model([1], { past_key_values: [] as never }), /or a new DynamicCache\(\) but received \[\]/);
    await assert.rejects(
      model.generate({ inputs_embeds: embeds, past_key_values: past_key_values as never }),
      /Expected past_key_values of this model|of 2 rows/,
    );
    await other.dispose();
  });
});
