/** “Heads that copy”: as it is committed, and as it runs on SmolLM2 and on a model of Phi-3's kind. */
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { needSmollm } from "../src/tokenizer/models";
import { checkNoPlaces, committedText, runNotebook, runOnRandom } from "./notebook";
import { startKernel } from "./run";

const notebook = resolve(__dirname, "../../notebooks/heads_that_copy.ipynb");

describe("the notebook “Heads that copy”", function () {
  this.timeout(600_000);

  it("is committed as it ran from top to bottom, without an error, in less than 1 MB", () => {
    const seen = committedText(notebook);
    assert.match(seen, /induction \(what followed the same token before\): L18H6 0\.89/);
    assert.match(seen, /Without them 11\.\d\d, with their means 11\.\d\d\./);
  });

  it("names no layer and no head by a number: they are found from scores", () => checkNoPlaces(notebook));

  it("finds on SmolLM2 the eight heads of 270 that remember the prompt, and the one that these live on", async function () {
    const kernel = await startKernel(await needSmollm(this));
    try {
      const asked = "strongest, copying, losses, removed, means, perplexity, noted, scribe, left";
      const found = await runNotebook(kernel, notebook, asked);
      const { strongest, losses, removed, means, perplexity, noted, scribe, left } = found as {
        strongest: { layer: number; head: number; score: number };
        losses: { first: number; repeated: number };
        removed: { heads: string; loss: number }[];
        means: number;
        perplexity: { whole: number; without: number };
        noted: { head: string; loss: number }[];
        scribe: { layer: number; head: number };
        left: number[];
      };
      const near = (x: number, expected: number, tolerance: number, what: string): void =>
        assert.ok(Math.abs(x - expected) <= tolerance, `${what}: ${x}, not ${expected} ± ${tolerance}`);
      assert.deepEqual([strongest.layer, strongest.head], [18, 6]);
      near(strongest.score, 0.89, 0.02, "the strongest score");
      near(losses.first, 14.57, 0.05, "the first half");
      near(losses.repeated, 2.74, 0.05, "the repetition");
      const without = (heads: string): number => removed.find((row) => row.heads === heads)?.loss as number;
      near(without("the 1 strongest"), 4.54, 0.1, "without the strongest");
      near(without("the 8 strongest"), 11.35, 0.1, "without the eight strongest");
      near(means, 11.15, 0.15, "with their means");
      const others = removed.filter(({ heads }) => heads.includes("others"));
      assert.equal(others.length, 5);
      for (const { heads, loss } of others) near(loss, 2.85, 0.4, heads);
      assert.ok(perplexity.without < perplexity.whole * 1.05, "text that does not repeat itself");
      assert.deepEqual([scribe.layer, scribe.head], [16, 0]);
      assert.equal(noted.length, 5);
      for (const { head, loss } of noted) near(loss, head === "layer 16, head 0" ? 7.93 : 2.75, 0.2, head);
      for (const score of left) assert.ok(score < 0.3, `${left}`);
      const repeated = await kernel.execute(
        `console.log(JSON.stringify([whole, without].map(({ tokens }) => tokens.slice(-5).map(({ log_prob }) => Math.exp(log_prob!)))))`,
      );
      const [before, after] = JSON.parse(repeated.stdout) as [number[], number[]];
      near(before[0] as number, 0.94, 0.02, "the name's second piece");
      assert.ok(
        after.every((p) => p < 0.05),
        `the name without the heads: ${after}`,
      );
    } finally {
      await kernel.stop();
    }
  });

  it("runs with the same cells on a random model with Phi-3's vocabulary and tokenizer", async () => {
    const sizes = { layers: 6, hidden: 64, ffn: 96, heads: 4 };
    const { copying, removed } = await runOnRandom(notebook, sizes, "copying, removed");
    assert.equal((copying as unknown[]).length, 8);
    assert.ok((removed as { loss: number }[]).every(({ loss }) => Number.isFinite(loss)));
  });
});
