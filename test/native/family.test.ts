/**
 * Every architecture and kind of rotary embeddings against transformers' float32 on tiny random models, at lengths on both
 * sides of each switch; see test/golden/make_family.py.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { modelTree } from "../../src/model/tree";
import type { NativeModel } from "../../src/native";
import { openWeights } from "../../src/weights";
import { readGolden } from "../golden/safetensors";
import { atEach, exactPlaces, open, type Place } from "./places";

const family = join(__dirname, "..", "golden", "family");

interface Golden {
  prompt: number[];
  short: number;
  tokens: number[];
  tree: string;
}

const read = <T>(folder: string): T => JSON.parse(readFileSync(join(folder, "golden.json"), "utf8")) as T;

/** The greatest difference from the last of `theirs`, as many as are mine, as a share of the greatest of all of them. */
function distance(mine: Float32Array, theirs: ArrayLike<number>): number {
  const first = theirs.length - mine.length;
  assert.ok(first >= 0);
  const most = Array.from(theirs).reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  let difference = 0;
  for (let i = 0; i < mine.length; i++) {
    difference = Math.max(difference, Math.abs((mine[i] as number) - (theirs[first + i] as number)));
    assert.ok(!Number.isNaN(mine[i]), `element ${i} is NaN`);
  }
  return difference / most;
}

function goldens(name: string, file: string, place: Place): void {
  const folder = join(family, name);
  const { prompt, short, tokens } = read<Golden>(folder);
  const all = readGolden(join(folder, "taps.safetensors"));
  const options = { min_new_tokens: 0, eos_token_id: [] };
  const ids = (length: number): Int32Array => Int32Array.from(prompt.slice(0, length));

  describe(`the tiny model "${name}" from ${file === "" ? "safetensors" : "GGUF"} ${place.name}`, () => {
    let model: NativeModel;

    before(async () => {
      model = await open(await openWeights(join(folder, file)), place);
    });
    after(() => model.dispose());

    const near = (found: Float32Array, key: string): void => {
      const off = distance(found, all.get(key)?.data as Float32Array);
      assert.ok(off <= 1e-5, `${key} differs by ${off} of its greatest value`);
    };
    const logitsOf = async (
      hidden: Awaited<ReturnType<NativeModel["forward"]>>,
      rows: number,
    ): Promise<Float32Array> => {
      const scores = await model.lmHead(hidden.last_hidden_state, 0, rows);
      return scores.read(0, scores.nbytes / 4);
    };

    for (const length of [short, prompt.length]) {
      it(`gives every intermediate of ${length} tokens within 1e-5 of transformers'`, async () => {
        const prefix = `${length}/`;
        const taps = [...all.keys()]
          .filter((key) => key.startsWith(prefix) && !key.endsWith("logits"))
          .map((key) => key.slice(prefix.length));
        assert.ok(taps.length > 10);
        const result = await model.forward({ ids: ids(length), taps });
        for (const tap of taps) {
          const mine = result.taps[tap];
          assert.deepEqual(mine?.dims, all.get(prefix + tap)?.shape, tap);
          near(mine?.read(0, mine.nbytes / 4) as Float32Array, prefix + tap);
        }
      });

      it(`gives the logits of ${length} tokens within 1e-5 without anyone listening`, async () => {
        near(await logitsOf(await model.forward({ ids: ids(length) }), length), `${length}/logits`);
      });
    }

    it("gives the same over a cache of a shorter text, also one on the other side of a switch, and over a cropped one", async () => {
      const cache = model.createCache();
      const run = async (from: number, to: number): Promise<void> => {
        const result = await model.forward({ ids: ids(to).slice(from), cache });
        assert.equal(cache.length, to);
        near(await logitsOf(result, to - from), `${to}/logits`);
      };
      await model.forward({ ids: ids(2), cache });
      await run(2, short);
      await run(short, prompt.length);
      cache.truncate(short - 1);
      await run(short - 1, short);
      for (let n = short; n + 1 < prompt.length; n++) await model.forward({ ids: ids(n + 1).slice(n), cache });
      await run(prompt.length - 1, prompt.length);
      cache.dispose();
    });

    for (const [how, more] of [
      ["with the cache", { use_cache: true }],
      ["without the cache", { use_cache: false }],
      ["with the prompt in pieces of 1", { use_cache: true, chunk: 1 }],
      ["with the prompt in pieces of 3", { use_cache: true, chunk: 3 }],
    ] as const)
      it(`continues with transformers' ${tokens.length} tokens ${how}`, async () => {
        for (const known of [0, 6]) {
          const start = Int32Array.from([...ids(short), ...tokens.slice(0, known)]);
          const left = tokens.slice(known);
          const result = await model.generateGreedy({ ids: start, max_new_tokens: left.length, ...options, ...more });
          assert.deepEqual(Array.from(result.tokens), left);
        }
      });

    it("continues with the same tokens from a cache of a beginning, turn after turn, and leaves the text in it", async () => {
      const cache = model.createCache();
      await model.forward({ ids: ids(2), cache });
      // Turns of 3 tokens, the first of which begin before a switch; each but the first finds all but its last token held.
      for (let known = 0; known < tokens.length; known += 3) {
        const start = Int32Array.from([...ids(short), ...tokens.slice(0, known)]);
        const wanted = tokens.slice(known, known + 3);
        const common = { ids: start, cache, use_cache: true, ...options };
        const result = await model.generateGreedy({ ...common, max_new_tokens: wanted.length });
        assert.deepEqual(Array.from(result.tokens), wanted);
        assert.equal(cache.length, start.length + wanted.length - 1);
      }
      const held = cache.length;
      await assert.rejects(
        model.generateGreedy({ ids: ids(held), cache, use_cache: true, max_new_tokens: 1, ...options }),
        /fewer positions than the prompt's/,
      );
      cache.truncate(short);
      const again = {
        ids: Int32Array.from([...ids(short), ...tokens.slice(0, 4)]),
        cache,
        use_cache: true,
        ...options,
      };
      const result = await model.generateGreedy({ ...again, max_new_tokens: tokens.length - 4 });
      assert.deepEqual(Array.from(result.tokens), tokens.slice(4));
      cache.dispose();
    });

    it("gives the same of a prompt's embeddings as of its ids", async () => {
      const taps = ["model.embed_tokens"];
      for (const length of [short, prompt.length]) {
        const cache = model.createCache();
        const known = await model.forward({ ids: ids(length), taps });
        const embeds = known.taps["model.embed_tokens"];
        const unknown = await model.forward({ ids: new Int32Array(0), embeds, cache });
        const [a, b] = [await logitsOf(known, length), await logitsOf(unknown, length)];
        assert.deepEqual(a, b);
        assert.equal(cache.length, length);
      }
      const wide = model.upload(new Float32Array(7), [1, 7]);
      await assert.rejects(model.forward({ ids: ids(1), embeds: wide }), /\[forward\] Expected hidden states of/);
    });
  });
}

/** What each folder holds: a model in safetensors, in GGUF, or both. */
const models = readdirSync(family).filter((name) => existsSync(join(family, name, "taps.safetensors")));

atEach(exactPlaces, "the family agrees with transformers", (place) => {
  for (const name of models) {
    if (existsSync(join(family, name, "model.safetensors"))) goldens(name, "", place);
    if (existsSync(join(family, name, "model.gguf"))) goldens(name, "model.gguf", place);
  }

  it(`a Phi-3-4k whose GGUF file forgot its window has one of 2,047 ${place.name}`, async function () {
    this.timeout(60_000);
    const { logits, difference } = read<{ logits: number[]; difference: number }>(join(family, "phi3_4k"));
    assert.ok(difference > 1e-3); // what computing without would be off
    const opened = await openWeights(join(family, "phi3_4k", "model.gguf"));
    assert.equal(opened.config.sliding_window, 2047);
    const model = await open(opened, place);
    const ids = Int32Array.from({ length: 2060 }, (_, i) => ((7 * i * i + 3 * i) % 28) + 3);
    const { last_hidden_state } = await model.forward({ ids });
    const scores = await model.lmHead(last_hidden_state, ids.length - 1, 1);
    assert.ok(distance(scores.read(0, logits.length), logits) <= 1e-5);
    await model.dispose();
  });
});

describe("a model prints its layers", () => {
  const others = models.filter((name) => existsSync(join(family, name, "config.json")) && !name.startsWith("phi"));
  for (const name of others)
    it(`as transformers 5 does: ${name}`, async () => {
      const { config } = await openWeights(join(family, name));
      assert.equal(modelTree(config), read<Golden>(join(family, name)).tree);
    });
});
