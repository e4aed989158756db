/** plotPatch: what its text, its table and its script are given of a grid. */
import assert from "node:assert/strict";
import { type Grid, plotPatch, type View } from "../../src";
import { jupyterDisplay } from "../../src/host";
import type { PatchData } from "../../src/plots/patch_live";
import { dataOf, filled, grid } from "./plots_results";

const html = (view: View): string =>
  (view as unknown as Record<symbol, () => Record<string, string>>)[jupyterDisplay]?.()["text/html"] as string;
const data = (one: Grid): PatchData => dataOf(html(plotPatch(one))) as PatchData;

describe("plotPatch", () => {
  it("names both prompts' tokens where they differ, and writes no minus before a zero", () => {
    const text = String(plotPatch(grid()));
    assert.match(text, /␣France ← ␣…|␣France ← ␣Italy/);
    assert.doesNotMatch(text, /[-−]0\.00/);
    assert.match(
      text,
      /Clean: "The capital of France is", ␣Paris − ␣Rome \+6\.21\. Corrupted: "The capital of Italy is", −5\.87\./,
    );
  });

  it("keeps the prompts' ids apart where the model's files hold no tokenizer", () => {
    const one = grid();
    const ids = (tokens: Grid["clean_tokens"]) => tokens.map(({ id }) => ({ id, text: `${id}`, label: `${id}` }));
    const text = String(plotPatch({ ...one, clean_tokens: ids(one.clean_tokens) }));
    assert.ok(text.includes(`Clean: "${one.clean_tokens.map(({ id }) => id).join(" ")}"`), text);
  });

  it("gives its script the layers from above, and of each cell its number, its colour and the score that is left", () => {
    const positions = data(grid("position", 30, 5));
    assert.deepEqual(positions.layers.slice(0, 2), ["layer 29", "layer 28"]);
    assert.deepEqual(positions.places.slice(2, 4), ["position 2 (␣of)", "position 3 (␣France ← ␣Italy)"]);
    assert.equal(
      positions.taken[3],
      "Taken from the clean run: the stream after a layer at ␣France; the corrupted prompt has ␣Italy there.",
    );
    // Layer 10, the 20th from above: 0.9 of the way from -5.87 to 6.21.
    assert.deepEqual(
      [positions.does, positions.numbers[19]?.[3], positions.strengths[19]?.[3], positions.scores[19]?.[3]],
      ["restores", "0.90", 0.9, "+5.00"],
    );
    assert.equal(`${positions.score}: ${positions.both}`, "␣Paris − ␣Rome: clean +6.21, corrupted −5.87");
    assert.equal(positions.ends, "restored: pale 0, strong 1.00");

    const heads = data(grid("head", 30, 9));
    assert.equal(heads.places[4], "head 4");
    assert.deepEqual([heads.numbers[6]?.[4], heads.columns[4]], ["0.93", "4"]);
  });

  it("says what a cell is in the picture, and not once more in an image, which shows no tooltips", () => {
    const view = plotPatch(grid("position", 30, 24));
    assert.equal(view.toSVG().match(/<title>/g)?.length, 30 * 24);
    const image = /src="data:image\/svg\+xml;base64,([^"]+)"/.exec(html(view))?.[1] as string;
    assert.doesNotMatch(Buffer.from(image, "base64").toString(), /<title>/);
  });

  it("has two hues where numbers go below 0, and the scores themselves where those were not made shares", () => {
    const values = filled([2, 3], (i) => [2, -4, 0, 1, 3, -0.001][i] as number);
    const view = plotPatch({ ...grid("position", 2, 3), values, normalised: false }, { title: "Mine" });
    const given = dataOf(html(view)) as PatchData;
    assert.equal(given.title, "Mine");
    assert.deepEqual(given.numbers, [
      ["+1.00", "+3.00", "+0.00"],
      ["+2.00", "−4.00", "+0.00"],
    ]);
    assert.deepEqual(given.strengths[1], [0.5, -1, 0]);
    assert.equal(given.ends, "␣Paris − ␣Rome: strong orange −4.00, pale 0, strong blue 4.00");
    assert.deepEqual([given.does, given.scores[1]?.[1]], ["gives", "−4.00"]);
    assert.match(String(view), /^Mine\n[\s\S]+layer 1 +\+░ \+1\.00/);
    assert.match(html(view), /Every cell as a table[\s\S]+>−4\.00<\/td>/);
  });
});
