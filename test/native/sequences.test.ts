/** Several sequences in one pass: each is what it is alone, whatever goes beside it, and the weights are read once. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { addon, type GreedyOptions, type NativeModel } from "../../src/native";
import { type OpenWeights, openWeights } from "../../src/weights";
import { atEach, exactPlaces, open, type Place } from "./places";

const golden = join(__dirname, "..", "golden");
const models = ["tiny/multi_head", "tiny/grouped", "tiny/window", "family/phi3_128k", "family/smollm3"];

/** Prompts of many lengths; the texts end at different times. */
function textsOf(vocab: number, count: number): Pick<GreedyOptions, "ids" | "max_new_tokens">[] {
  return Array.from({ length: count }, (_, i) => ({
    ids: Int32Array.from({ length: 1 + ((11 * i) % 13) }, (_, k) => (7 * k + 13 * i + 5) % vocab),
    max_new_tokens: 1 + ((5 * i) % 17),
  }));
}

for (const name of models)
  describe(`several sequences of ${name} in one pass`, function () {
    this.timeout(60_000);
    let weights: OpenWeights;
    before(async () => {
      weights = await openWeights(join(golden, name));
    });

    atEach(exactPlaces, "give what each gives alone", (place: Place) => {
      let model: NativeModel;
      before(async () => {
        model = await open(weights, place);
      });
      after(() => model?.dispose());

      it(`give the tokens that each gives alone, ${place.name}`, async () => {
        const texts = textsOf(weights.config.vocab_size, 11);
        // What the third text says second ends every text that comes to it.
        const common = { min_new_tokens: 2, length: 13 };
        const [, , free] = await model.generateGreedyBatch({ ...common, texts, eos_token_id: [] });
        const eos_token_id = [free?.tokens[2] ?? 0];
        const together = await model.generateGreedyBatch({ ...common, texts, eos_token_id });
        for (const [i, text] of texts.entries()) {
          const alone = await model.generateGreedy({ ...common, ...text, eos_token_id, use_cache: true });
          assert.deepEqual([...(together[i]?.tokens ?? [])], [...alone.tokens], `text ${i}`);
          assert.equal(together[i]?.token_ms.length, alone.tokens.length - 1);
          assert.equal(together[i]?.aborted, false);
        }
      });

      it(`leave each cache what it is alone, which may have held a beginning, ${place.name}`, async () => {
        const texts = textsOf(weights.config.vocab_size, 5).map((text, i) => ({ ...text, max_new_tokens: 3 + i }));
        const caches = texts.map(() => model.createCache());
        const [, , { ids: third }] = texts as [unknown, unknown, { ids: Int32Array }];
        await model.forward({ ids: third.slice(0, 2), cache: caches[2], length: 13 });
        const all = { min_new_tokens: 0, eos_token_id: [], length: 13 };
        const results = await model.generateGreedyBatch({
          ...all,
          texts: texts.map((text, i) => ({ ...text, cache: caches[i] })),
        });
        for (const [i, { ids, max_new_tokens }] of texts.entries()) {
          assert.equal(caches[i]?.length, ids.length + max_new_tokens - 1);
          const tokens = results[i]?.tokens as Int32Array;
          const further = { ...all, max_new_tokens: 4, use_cache: true, length: 13 };
          const more = await model.generateGreedy({
            ...further,
            ids: Int32Array.from([...ids, ...tokens]),
            cache: caches[i],
          });
          const alone = await model.generateGreedy({ ...further, ids: Int32Array.from([...ids, ...tokens]) });
          assert.deepEqual(more.tokens, alone.tokens);
        }
      });

      it(`give the logits of a pass alone, ${place.name}`, async () => {
        const vocab = weights.config.vocab_size;
        const texts = textsOf(vocab, 6);
        const caches = texts.map(() => model.createCache());
        for (const [i, { ids }] of texts.entries()) await model.forward({ ids, cache: caches[i], length: 30 });
        const ids = Int32Array.from(texts, (_, i) => 3 + i);
        const logits = await model.step({ caches, ids, length: 30 });
        assert.deepEqual(logits.dims, [6, vocab]);
        for (const [i, text] of texts.entries()) {
          assert.equal(caches[i]?.length, text.ids.length + 1);
          const whole = await model.forward({ ids: Int32Array.from([...text.ids, ids[i] as number]), length: 30 });
          const head = await model.lmHead(whole.last_hidden_state, text.ids.length, 1);
          const expected = head.read(0, vocab);
          const largest = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
          logits.read(i * vocab, vocab).forEach((x, k) => {
            assert.ok(Math.abs(x - (expected[k] as number)) <= 1e-5 * largest, `text ${i}, id ${k}`);
          });
        }
      });

      it(`go on from positions that were copied from another cache, ${place.name}`, async () => {
        const vocab = weights.config.vocab_size;
        const ids = Int32Array.from(
          { length: 90 % weights.config.max_position_embeddings },
          (_, i) => (3 * i + 1) % vocab,
        );
        const [whole, begun, none] = [model.createCache(), model.createCache(), model.createCache()];
        await model.forward({ ids, cache: whole });
        await model.forward({ ids: ids.slice(0, 5), cache: begun, length: ids.length });
        await model.copyCache({ from: whole, to: begun, length: ids.length - 1 });
        await model.copyCache({ from: whole, to: none, length: ids.length - 1 });
        whole.truncate(ids.length - 1);
        const caches = [whole, begun, none];
        const last = ids.at(-1) as number;
        const logits = await model.step({ caches, ids: Int32Array.from(caches, () => last) });
        const [first, ...others] = caches.map((_, i) => [...logits.read(i * vocab, vocab)]);
        const largest = Math.max(...(first as number[]).map(Math.abs));
        for (const other of others)
          other.forEach((x, k) => {
            assert.ok(Math.abs(x - (first?.[k] as number)) <= 1e-5 * largest, `id ${k}`);
          });
        assert.deepEqual(
          caches.map(({ length }) => length),
          caches.map(() => ids.length),
        );
      });
    });
  });

describe("several sequences in one pass", function () {
  this.timeout(60_000);
  let model: NativeModel;
  before(async () => {
    model = await addon().open({ ...(await openWeights(join(golden, "tiny/grouped"))), device: "cpu", dtype: "auto" });
  });
  after(() => model?.dispose());
  const all = { min_new_tokens: 0, eos_token_id: [] };
  const ids = Int32Array.of(5, 6, 7);

  it("read the weights once a token, however many they are", async () => {
    await model.startProfile();
    await model.generateGreedyBatch({
      ...all,
      texts: Array.from({ length: 9 }, (_, i) => ({ ids, max_new_tokens: i < 4 ? 6 : 11 })),
    });
    const { stages } = await model.stopProfile();
    const calls = stages.find(({ part, layer }) => part === "gate_up" && layer === 0)?.calls;
    assert.equal(calls, 9 + 10, "the prompts', and one for each token behind the first");
  });

  it("are more than fit a pass, in turns", async () => {
    const texts = Array.from({ length: 70 }, (_, i) => ({ ids: Int32Array.of(i), max_new_tokens: 3 }));
    const results = await model.generateGreedyBatch({ ...all, texts });
    const caches = texts.map(() => model.createCache());
    for (const [i, text] of texts.entries()) {
      const alone = await model.generateGreedy({ ...all, ...text, use_cache: true });
      assert.deepEqual(results[i]?.tokens, alone.tokens);
      await model.forward({ ids: text.ids, cache: caches[i] });
    }
    const logits = await model.step({ caches, ids: Int32Array.from(results, ({ tokens }) => tokens[0] as number) });
    const vocab = logits.dims[1] as number;
    results.forEach(({ tokens }, i) => {
      const row = logits.read(i * vocab, vocab);
      assert.equal(row.indexOf(Math.max(...row)), tokens[1]);
    });
  });

  it("stop at once when they are aborted, and keep what they had", async () => {
    const abort = new (addon().AbortFlag)();
    const caches = [model.createCache(), model.createCache()];
    const texts = caches.map((cache) => ({ ids, max_new_tokens: 50, cache }));
    const running = model.generateGreedyBatch({ ...all, texts, abort });
    abort.abort();
    for (const { aborted } of await running.catch(() => [])) assert.ok(aborted);
    for (const { length } of caches) assert.ok(length <= ids.length + 49);
    const [again] = await model.generateGreedyBatch({ ...all, texts: [{ ids, max_new_tokens: 4 }] });
    assert.equal(again?.tokens.length, 4);
  });

  it("are refused with a sentence where they do not fit together", async () => {
    const [one, other] = [model.createCache(), model.createCache()];
    const step = (caches: unknown, tokens: number[]) =>
      model.step({ caches: caches as never, ids: Int32Array.from(tokens) });
    await assert.rejects(step([one, one], [1, 2]), /Expected a cache of its own for each sequence/);
    await assert.rejects(step([one, other], [1]), /Expected a token for each of 2 caches but received 1/);
    await assert.rejects(step([one, undefined], [1, 2]), /Expected a NativeCache for caches\[1\]/);
    await assert.rejects(step([one, other], [1, -4]), /Expected token ids from 0 to/);
    await assert.rejects(
      model.copyCache({ from: one, to: other, length: 2 }),
      /Expected from 0 to 0 positions but received 2/,
    );
    await assert.rejects(model.copyCache({ from: one, to: one, length: 0 }), /Expected two caches/);
    assert.equal(one.length, 0);
  });
});
