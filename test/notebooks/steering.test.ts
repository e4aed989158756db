/** “Steer with one vector”: as it is committed, and as it runs on SmolLM2 and on a model of Phi-3's kind. */
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { needSmollm } from "../src/tokenizer/models";
import { checkNoPlaces, committedText, runNotebook, runOnRandom } from "./notebook";
import { startKernel } from "./run";

const notebook = resolve(__dirname, "../../notebooks/steer_with_one_vector.ipynb");

describe("the notebook “Steer with one vector”", function () {
  this.timeout(600_000);

  it("is committed as it ran from top to bottom, without an error, in less than 1 MB", () => {
    const seen = committedText(notebook);
    assert.match(seen, /How far amazing gains on terrible/);
    assert.match(seen, /with the cache and without it the same: true/);
  });

  it("names no layer and no head by a number: they are found from scores", () => checkNoPlaces(notebook));

  it("turns SmolLM2's mood in a block of the middle: amazing becomes terrible, and too much is noise", async function () {
    const kernel = await startKernel(await needSmollm(this));
    try {
      const found = await runNotebook(
        kernel,
        notebook,
        "best, effect, plain, logs, scales, surprise, fewer, texts, cached, judged, share",
      );
      const { best, effect, plain, logs, scales, surprise, fewer, texts } = found as {
        best: number;
        effect: number[];
        plain: number[];
        logs: Record<string, number[]>;
        scales: number[];
        surprise: number[];
        fewer: number[];
        texts: string[];
      };
      const near = (x: number, expected: number, tolerance: number, what: string): void =>
        assert.ok(Math.abs(x - expected) <= tolerance, `${what}: ${x}, not ${expected} ± ${tolerance}`);
      near(plain[0] as number, -0.718, 0.01, "amazing, left alone");
      near(plain[3] as number, -5.431, 0.02, "terrible, left alone");
      assert.equal(best, 18);
      near(effect[best] as number, 13.4, 0.2, "the chosen block's effect");
      assert.ok((effect[0] as number) < 0.1, "the first block's push does nothing");
      const at = (word: string, scale: number): number => logs[word]?.[scales.indexOf(scale)] as number;
      near(at("terrible", -1.5), -0.87, 0.1, "terrible at -1.5");
      near(at("amazing", 1.5), -0.55, 0.1, "amazing at 1.5");
      assert.ok(at("terrible", -6) < -8 && at("amazing", 6) < -3, "too much of it makes neither likely");
      const text = (scale: number): string => texts[fewer.indexOf(scale)] as string;
      assert.match(text(0), /^ amazing, and the service was great/);
      assert.match(text(-2), /^ terrible/);
      const surprised = (scale: number): number => surprise[fewer.indexOf(scale)] as number;
      near(surprised(0), 0.88, 0.05, "surprise, left alone");
      assert.ok(surprised(-6) > 3 && surprised(6) > 2 && surprised(-1) < 2 && surprised(1) < 1.5, `${surprise}`);
      assert.match(found.cached as string, /The food was terrible/);
      const [loved, lovedWithout, hated, hatedWithout] = (found.judged as Record<string, string>[]).map((row) =>
        Number(row.terrible),
      ) as [number, number, number, number];
      near(loved, -6.08, 0.05, "terrible after a loved evening");
      assert.ok(lovedWithout > loved + 3 && hatedWithout > hated - 0.1 && lovedWithout < hatedWithout - 1);
    } finally {
      await kernel.stop();
    }
  });

  it("runs with the same cells on a random model with Phi-3's vocabulary and tokenizer", async () => {
    const sizes = { layers: 4, hidden: 64, ffn: 96, heads: 4 };
    const { effect, texts } = await runOnRandom(notebook, sizes, "effect, texts");
    assert.equal((effect as number[]).length, 4);
    assert.ok((effect as number[]).every(Number.isFinite));
    assert.equal((texts as string[]).length, 13);
  });
});
