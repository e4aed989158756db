/** Timings printed as IPython prints them; see test/golden/make_ipython.py. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { formatTime, TimeitResult } from "../../../kernel/magics/format_time";

interface Golden {
  results: { loops: number; repeat: number; precision: number; runs: number[]; text: string }[];
  times: { seconds: number; precision: number; text: string }[];
}
const golden = JSON.parse(readFileSync(join(__dirname, "../../golden/ipython.json"), "utf8")) as Golden;

describe("%timeit's line", () => {
  it("is IPython's to the letter for 1,000 random timings", () => {
    assert.equal(golden.results.length, 1000);
    for (const { loops, repeat, precision, runs, text } of golden.results) {
      const [best, worst] = [Math.min(...runs) / loops, Math.max(...runs) / loops];
      assert.equal(String(new TimeitResult(loops, repeat, best, worst, runs, 0, precision)), text);
    }
  });

  it("writes durations of every size as IPython does", () => {
    for (const { seconds, precision, text } of golden.times) assert.equal(formatTime(seconds, precision), text);
  });
});
