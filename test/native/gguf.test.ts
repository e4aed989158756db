/**
 * Every GGUF weight format against what gguf-py reads and transformers computes; see test/golden/make_gguf.py and
 * make_gguf_formats.py.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { NativeModel } from "../../src/native";
import { openWeights, partsOf } from "../../src/weights";
import { readGolden } from "../golden/safetensors";
import { atEach, exactPlaces, open, type Place } from "./places";

interface Golden {
  tokens: number[];
  /** Those that the file's tensors are in; default: the one that it is named for. */
  formats?: string[];
}

function goldens(folder: string, prompt: number[], name: string, golden: Golden, place: Place): void {
  const { tokens, formats = [name] } = golden;
  describe(`a GGUF file in ${[...new Set([name, ...formats])].join(", ")} ${place.name}`, () => {
    let model: NativeModel;
    const ids = Int32Array.from(prompt);

    before(async () => {
      const opened = await openWeights(join(folder, `${name}.gguf`));
      const types = new Set(partsOf(opened.weights).map(({ type, conversion }): string => conversion?.stored ?? type));
      assert.deepEqual(
        formats.filter((format) => !types.has(format)),
        [],
      );
      model = await open(opened, place);
    });
    after(() => model.dispose());

    it("gives transformers' intermediates and logits within 1e-5", async () => {
      const golden = readGolden(join(folder, `${name}.taps.safetensors`));
      const taps = [...golden.keys()].filter((tap) => tap !== "logits");
      const result = await model.forward({ ids, taps });
      const logits = await model.lmHead(result.last_hidden_state, 0, ids.length);
      for (const [tap, { data }] of golden) {
        const mine = tap === "logits" ? logits : result.taps[tap];
        const values = mine?.read(0, data.length) as Float32Array;
        const most = data.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
        const worst = data.reduce((max, value, i) => Math.max(max, Math.abs(value - (values[i] as number))), 0);
        assert.ok(worst <= 1e-5 * most, `${tap} differs by ${worst / most} of its greatest value`);
      }
    });

    it("continues with transformers' tokens, with and without the cache", async () => {
      for (const use_cache of [true, false]) {
        const options = { ids, max_new_tokens: 20, min_new_tokens: 0, eos_token_id: [], use_cache };
        assert.deepEqual(Array.from((await model.generateGreedy(options)).tokens), tokens);
      }
    });
  });
}

atEach(exactPlaces, "GGUF files in every format agree with transformers", (place) => {
  for (const set of ["tiny_gguf", "gguf_formats"]) {
    const folder = join(__dirname, "..", "golden", set);
    const { prompt, ...files } = JSON.parse(readFileSync(join(folder, "golden.json"), "utf8")) as {
      prompt: number[];
    } & Record<string, Golden>;
    for (const [name, golden] of Object.entries(files) as [string, Golden][])
      goldens(folder, prompt, name, golden, place);
  }
});
