/** The edges of what a model may be, and non-finite numbers, beside transformers' float32; see test/golden/make_edges.py. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NativeModel } from "../../src/native";
import { type OpenWeights, openWeights, partsOf } from "../../src/weights";
import { atEach, exactPlaces, open } from "./places";

const goldens = join(__dirname, "..", "golden");
const { full, one, nonfinite } = JSON.parse(readFileSync(join(goldens, "edges", "edges.json"), "utf8")) as {
  full: { prompt: number[]; logits: number[][]; token: number };
  one: { prompt: number[]; tokens: number[] };
  nonfinite: { name: string; index: number; value: string; prompt: number[]; logits: (number | string)[] }[];
};

const options = { min_new_tokens: 0, eos_token_id: [], use_cache: true };

/** Logits of a prompt's last `rows` positions. */
async function logits(model: NativeModel, prompt: number[], rows: number): Promise<Float32Array> {
  const { last_hidden_state } = await model.forward({ ids: Int32Array.from(prompt) });
  const scores = await model.lmHead(last_hidden_state, prompt.length - rows, rows);
  return scores.read(0, scores.nbytes / 4);
}

const number = (written: number | string): number =>
  typeof written === "number" ? written : Number(written.replace("inf", "Infinity"));

/** Non-finite numbers are equal, the others near. */
function alike(mine: Float32Array, theirs: number[]): void {
  const most = Math.max(...theirs.filter(Number.isFinite).map(Math.abs));
  assert.equal(mine.length, theirs.length);
  for (const [i, expected] of theirs.entries()) {
    const near = Number.isFinite(expected) ? Math.abs((mine[i] as number) - expected) <= 1e-5 * most : false;
    assert.ok(near || Object.is(mine[i], expected), `number ${i} is ${mine[i]}, not ${expected}`);
  }
}

atEach(exactPlaces, "models at the edges agree with transformers", (place) => {
  describe(`a model of one head and three words ${place.name}`, () => {
    let model: NativeModel;

    before(async () => {
      model = await open(await openWeights(join(goldens, "edges", "one_head")), place);
    });
    after(() => model.dispose());

    it("gives transformers' logits of a prompt that fills the context, and the token behind it", async () => {
      alike(await logits(model, full.prompt, full.prompt.length), full.logits.flat());
      for (const how of [{}, { use_cache: false }, { chunk: 1 }, { chunk: 7 }]) {
        const ids = Int32Array.from(full.prompt);
        const { tokens } = await model.generateGreedy({ ...options, ids, max_new_tokens: 1, ...how });
        assert.deepEqual(Array.from(tokens), [full.token], JSON.stringify(how));
      }
    });

    it("continues a prompt of one token with transformers' to the end of the context, and not beyond", async () => {
      const ids = Int32Array.from(one.prompt);
      for (const use_cache of [true, false]) {
        const whole = { ...options, ids, max_new_tokens: one.tokens.length, use_cache };
        assert.deepEqual(Array.from((await model.generateGreedy(whole)).tokens), one.tokens);
        await assert.rejects(
          model.generateGreedy({ ...whole, max_new_tokens: one.tokens.length + 1 }),
          /Expected at most 40 tokens, the model's context/,
        );
      }
    });
  });

  describe(`NaN and infinity ${place.name}`, () => {
    const folder = mkdtempSync(join(tmpdir(), "phi3lab-nonfinite-"));
    let opened: OpenWeights;

    before(async () => {
      opened = await openWeights(join(goldens, "tiny", "multi_head"));
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    for (const { name, index, value, prompt, logits: theirs } of nonfinite)
      it(`in a weight reach the scores as transformers has them: ${value} in ${name}`, async () => {
        const weight = partsOf(opened.weights).find((one) => one.name === name);
        assert.ok(weight);
        const bytes = readFileSync(opened.files[0] as string);
        bytes.writeFloatLE(number(value), weight.offset + 4 * index);
        const file = join(folder, "model.safetensors");
        writeFileSync(file, bytes);
        const model = await open({ ...opened, files: [file] }, place);
        alike(await logits(model, prompt, 1), theirs.map(number));
        await model.dispose();
      });
  });
});
