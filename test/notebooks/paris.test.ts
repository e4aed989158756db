/** “Where does ‘Paris’ appear?” and “A token's journey”: as they are committed, and as they run on SmolLM2 and Phi-3's kind. */
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { needSmollm } from "../src/tokenizer/models";
import { checkNoPlaces, committedText, runNotebook, runOnRandom } from "./notebook";
import { startKernel } from "./run";

const fileOf = (name: string): string => resolve(__dirname, `../../notebooks/${name}.ipynb`);
const sizes = { layers: 4, hidden: 64, ffn: 96, heads: 4 };

describe("the notebook “Where does ‘Paris’ appear?”", function () {
  this.timeout(600_000);
  const notebook = fileOf("where_does_paris_appear");

  it("is committed as it ran from top to bottom, without an error, in less than 1 MB", () => {
    const seen = committedText(notebook);
    assert.match(seen, /layer 23 attention +\+3\.02/);
    assert.match(seen, /without layer 23, head 4: 0\.28/);
  });

  it("names no layer and no head by a number: they are found from scores", () => checkNoPlaces(notebook));

  it("finds on SmolLM2 the head that moves the fact, and where the fact lay before", async function () {
    const kernel = await startKernel(await needSmollm(this));
    try {
      const asked = `layer, head, ranks: lens.watch[0].rank.map((row) => row.at(-1)), grid: grid.values.tolist(),
        direct: parts.direct, left: await difference(without)`;
      const found = (await runNotebook(kernel, notebook, asked)) as {
        layer: number;
        head: number;
        ranks: number[];
        grid: number[][];
        direct: number;
        left: number;
      };
      assert.deepEqual([found.layer, found.head], [23, 4]);
      assert.deepEqual(found.ranks.slice(-8), [2079, 396, 92, 113, 34, 7, 3, 1]);
      assert.ok(Math.abs(found.direct - 4.126) < 0.01, String(found.direct));
      assert.ok(Math.abs(found.left - 0.28) < 0.02, String(found.left));
      found.grid.forEach(([, , , france, is], block) => {
        const moved = block >= found.layer ? 1 : 0;
        assert.ok(Math.abs((france as number) - (1 - moved)) < 0.06, `block ${block}: ${france} on France`);
        assert.ok(Math.abs((is as number) - moved) < 0.06, `block ${block}: ${is} on the last word`);
      });
    } finally {
      await kernel.stop();
    }
  });

  it("runs with the same cells on a random model with Phi-3's vocabulary and tokenizer", async () => {
    const { blocks } = await runOnRandom(notebook, sizes, "blocks: model.config.num_hidden_layers");
    assert.equal(blocks, 4);
  });
});

describe("the notebook “A token's journey”", function () {
  this.timeout(600_000);
  const notebook = fileOf("a_tokens_journey");

  it("is committed as it ran from top to bottom, without an error, in less than 1 MB", () => {
    assert.match(committedText(notebook), /55 bytes, 52 characters, 17 tokens/);
  });

  it("names no layer and no head by a number", () => checkNoPlaces(notebook));

  it("follows a text through SmolLM2, whose keys and values in 16 bits change no top token", async function () {
    const kernel = await startKernel(await needSmollm(this));
    try {
      const asked = "tokens: ids.length, kept: kept.names.length, blocks: labels.length";
      const found = await runNotebook(kernel, notebook, asked);
      assert.deepEqual(found, { tokens: 17, kept: 11, blocks: 31 });
    } finally {
      await kernel.stop();
    }
  });

  it("runs with the same cells on a random model with Phi-3's vocabulary and tokenizer", async () => {
    const { blocks } = await runOnRandom(notebook, sizes, "blocks: model.config.num_hidden_layers");
    assert.equal(blocks, 4);
  });
});
