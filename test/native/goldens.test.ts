/** The native forward pass against transformers' float32 on tiny random models; see test/golden/make_tiny.py. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { NativeModel } from "../../src/native";
import { type OpenWeights, openWeights } from "../../src/weights";
import { readGolden } from "../golden/safetensors";
import { atEach, exactPlaces, open, type Place } from "./places";

const tiny = join(__dirname, "..", "golden", "tiny");

/** The greatest difference, as a share of the greatest value. */
function distance(a: Float32Array, b: Float32Array): number {
  assert.equal(a.length, b.length);
  let [most, difference] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    most = Math.max(most, Math.abs(b[i] as number));
    difference = Math.max(difference, Math.abs((a[i] as number) - (b[i] as number)));
    assert.ok(!Number.isNaN(a[i]), `element ${i} is NaN`);
  }
  return difference / most;
}

function goldens(name: string, place: Place): void {
  describe(`the tiny model "${name}" ${place.name}`, () => {
    const folder = join(tiny, name);
    const golden = JSON.parse(readFileSync(join(folder, "golden.json"), "utf8")) as {
      prompt: number[];
      tokens: number[];
    };
    const taps = readGolden(join(folder, "taps.safetensors"));
    const ids = Int32Array.from(golden.prompt);
    let model: NativeModel;
    let opened: OpenWeights;

    before(async () => {
      opened = await openWeights(folder);
      model = await open(opened, place);
    });
    after(() => model.dispose());

    it("gives every intermediate within 1e-5 of transformers' in float32", async () => {
      const names = [...taps.keys()].filter((tap) => tap !== "logits");
      const result = await model.forward({ ids, taps: names });
      for (const tap of names) {
        const [mine, theirs] = [result.taps[tap], taps.get(tap)];
        assert.ok(mine && theirs, tap);
        assert.deepEqual(mine.dims, theirs.shape, tap);
        const found = distance(mine.read(0, mine.nbytes / 4), theirs.data);
        assert.ok(found <= 1e-5, `${tap} differs by ${found} of its greatest value`);
      }
    });

    it("gives the logits of every position within 1e-5 without anyone listening", async () => {
      const { last_hidden_state } = await model.forward({ ids });
      const logits = await model.lmHead(last_hidden_state, 0, ids.length);
      const found = distance(logits.read(0, logits.nbytes / 4), taps.get("logits")?.data as Float32Array);
      assert.ok(found <= 1e-5, `the logits differ by ${found} of the greatest`);
    });

    for (const [how, options] of [
      ["with the cache", { use_cache: true }],
      ["without the cache", { use_cache: false }],
      ["with the prompt in pieces of 1", { use_cache: true, chunk: 1 }],
      ["with the prompt in pieces of 7", { use_cache: true, chunk: 7 }],
      ["with the prompt in pieces of 64", { use_cache: true, chunk: 64 }],
    ] as const)
      it(`continues with transformers' 30 tokens ${how}`, async () => {
        const { tokens } = await model.generateGreedy({
          ids,
          max_new_tokens: 30,
          min_new_tokens: 0,
          eos_token_id: [],
          ...options,
        });
        assert.deepEqual(Array.from(tokens), golden.tokens);
      });

    it("chooses no id that ends a text before the least number of tokens, however many such ids there are", async () => {
      for (const count of [1, 3, 2]) {
        const eos_token_id = [...new Set(golden.tokens)].slice(0, count);
        const { tokens } = await model.generateGreedy({
          ids,
          max_new_tokens: 20,
          min_new_tokens: 20,
          eos_token_id,
          use_cache: true,
        });
        assert.equal(tokens.length, 20);
        assert.deepEqual(
          eos_token_id.filter((id) => tokens.includes(id)),
          [],
        );
      }
    });

    it("gives the same when a pass continues a cache", async () => {
      const cache = model.createCache();
      await model.forward({ ids: ids.slice(0, 5), cache });
      const { last_hidden_state } = await model.forward({ ids: ids.slice(5), cache });
      assert.equal(cache.length, ids.length);
      const logits = await model.lmHead(last_hidden_state, 0, ids.length - 5);
      const all = taps.get("logits")?.data as Float32Array;
      const theirs = all.slice(5 * opened.config.vocab_size);
      assert.ok(distance(logits.read(0, logits.nbytes / 4), theirs) <= 1e-5);
      cache.dispose();
    });
  });
}

atEach(exactPlaces, "the tiny models agree with transformers", (place) => {
  for (const name of readdirSync(tiny)) goldens(name, place);
});
