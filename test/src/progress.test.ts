/** Progress bars read as tqdm's and are drawn where the process runs: notebook, terminal or log. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { type DisplayOptions, type MimeBundle, setHost } from "../../src/host";
import { formatProgress, type ProgressState, progressBar } from "../../src/progress";
import { referencePython } from "./reference";

/** A terminal that understands what the bars say to it: the lines as a reader sees them. */
class Screen {
  readonly isTTY = true;
  readonly columns = 60;
  readonly lines = [""];
  writes = 0;
  #row = 0;

  write(text: string): void {
    this.writes++;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape sequences are what is tested.
    for (const [, up, clear, other] of text.matchAll(/\x1b\[(\d+)A|(\x1b\[2K)|([^\x1b])/g)) {
      if (up !== undefined) this.#row -= Number(up);
      else if (clear !== undefined) this.lines[this.#row] = "";
      else if (other === "\n") this.lines[++this.#row] ??= "";
      else if (other !== "\r") this.lines[this.#row] = `${this.lines[this.#row] ?? ""}${other ?? ""}`;
    }
  }
}

describe("a progress bar", () => {
  afterEach(() => setHost(undefined));

  it("reads to the letter as tqdm's in 600 states", function () {
    const python = referencePython(this, "tqdm");
    const states: ProgressState[] = [];
    // Python rounds a half to the even digit, JavaScript up: numbers without halves in their third digit.
    const plain = (n: number) => (n % 5 === 0 ? n + 1 : n);
    for (let i = 0; i < 600; i++) {
      const unit = i % 2 === 0 ? "B" : "it";
      const total = plain(Math.floor(10 ** (Math.random() * (unit === "B" ? 11 : 4))));
      const done = i % 5 === 0 ? total : Math.min(total, plain(Math.floor(Math.random() * total)));
      const initial = i % 3 === 0 ? Math.floor(Math.random() * done) : 0;
      states.push({ label: "config.json", done, total, initial, unit, seconds: 10 ** (Math.random() * 6 - 2) });
    }
    const code = `import json, sys
from tqdm import tqdm
for s in json.load(sys.stdin):
    scale = s["unit"] == "B"
    print(tqdm.format_meter(s["done"], s["total"], s["seconds"], prefix=s["label"], unit=s["unit"], unit_scale=scale, initial=s["initial"]))`;
    const lines = execFileSync(python, ["-c", code], { input: JSON.stringify(states), encoding: "utf8" }).split("\n");
    for (const [i, state] of states.entries()) {
      if ((200 * state.done) % state.total === 0 && (100 * state.done) % state.total !== 0) continue;
      assert.equal(formatProgress(state), lines[i]);
    }
  });

  it("is one output of the notebook, drawn in place at most ten times a second, its end left standing", () => {
    const shown: { data: MimeBundle; options: DisplayOptions }[] = [];
    setHost({ display: (data, options = {}) => shown.push({ data, options }) });
    const { now } = performance;
    let time = 1000;
    performance.now = () => time;
    let bar: ReturnType<typeof progressBar>;
    try {
      bar = progressBar({ label: "a<b>.json", total: 1000, unit: "B" });
      for (let i = 2; i <= 1000; i += 2) {
        time += 1; // half a second in all
        bar.update(i);
      }
      bar.close();
    } finally {
      performance.now = now;
    }
    assert.equal(shown.length, 7, "the first, one at each tenth of a second, and the end");
    assert.equal(new Set(shown.map(({ options }) => options.display_id)).size, 1);
    assert.deepEqual(
      shown.map(({ options }) => options.update),
      [false, ...shown.slice(1).map(() => true)],
    );
    const last = shown.at(-1)?.data;
    assert.match(
      String(last?.["text/plain"]),
      /^a<b>\.json: 100%\|██████████\| 1\.00k\/1\.00k \[00:00<00:00, .+B\/s\]$/,
    );
    assert.match(String(last?.["text/html"]), /<progress value="1\.0000" max="1"/);
    assert.doesNotMatch(String(last?.["text/html"]), /<b>/);
    const count = shown.length;
    bar.close();
    bar.update(5);
    assert.equal(shown.length, count);
  });

  it("stands in its line of a terminal, under those that still run", () => {
    const out = new Screen();
    const shards = progressBar({ label: "Downloading shards", total: 2, out });
    for (const [i, label] of ["one", "two"].entries()) {
      const bar = progressBar({ label, total: 10, unit: "B", out });
      bar.update(10);
      bar.close();
      shards.update(i + 1);
    }
    shards.close();
    const next = progressBar({ label: "config.json", total: 967, unit: "B", out });
    next.update(967);
    next.close();
    const starts = out.lines.map((line) => line.slice(0, line.indexOf("|")));
    assert.ok(
      out.lines.every((line) => line.length < out.columns),
      "a line wraps",
    );
    assert.deepEqual(starts, ["Downloading shards: 100%", "one: 100%", "two: 100%", "config.json: 100%", ""]);
  });

  it("keeps the time that it took", async () => {
    const bar = progressBar({ label: "x", total: 10, out: new Screen() });
    bar.update(10);
    bar.close();
    const line = String(bar);
    await sleep(30);
    assert.equal(String(bar), line);
  });

  it("is one quiet line in a log", () => {
    const written: string[] = [];
    const out = { write: (text: string) => written.push(text) };
    const bar = progressBar({ label: "config.json", total: 967, unit: "B", out });
    for (let i = 0; i < 967; i++) bar.update(i + 1);
    bar.close();
    assert.equal(written.length, 1);
    assert.match(String(written[0]), /^config\.json: 100%\|██████████\| 967\/967 \[00:00<00:00, .+\]\n$/);
  });

  it("is silent where HF_HUB_DISABLE_PROGRESS_BARS says so", () => {
    const written: string[] = [];
    process.env.HF_HUB_DISABLE_PROGRESS_BARS = "1";
    try {
      progressBar({ label: "x", total: 1, out: { write: (text: string) => written.push(text) } }).close();
    } finally {
      delete process.env.HF_HUB_DISABLE_PROGRESS_BARS;
    }
    assert.deepEqual(written, []);
  });
});
