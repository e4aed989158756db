/** The CPU under long and broken use: generations aborted a thousand times, models that come and go. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { addon, type NativeModel } from "../../src/native";
import { openWeights } from "../../src/weights";
import { open } from "./places";
import { expectOk, program } from "./programs";
import { needSmollm2 } from "./smollm2";

const tiny = join(__dirname, "..", "golden", "tiny", "grouped");

describe("a tiny model on the CPU whose generations are aborted at random, 1,000 times", function () {
  this.timeout(300_000);
  const golden = JSON.parse(readFileSync(join(tiny, "golden.json"), "utf8")) as { prompt: number[]; tokens: number[] };
  const tokens = golden.tokens.slice(0, 12);
  const ids = Int32Array.from(golden.prompt);
  let model: NativeModel;

  before(async () => {
    model = await open(await openWeights(tiny), { gpu: false, dtype: "auto" });
  });
  after(() => model.dispose());

  const options = { ids, max_new_tokens: tokens.length, min_new_tokens: 0, eos_token_id: [], use_cache: true };

  it("ends each with the first of transformers' tokens, and the next generation has all of them", async () => {
    const whole = await model.generateGreedy(options);
    const time = whole.prompt_ms + whole.token_ms.reduce((sum, ms) => sum + ms, 0);
    const kinds = { before: 0, within: 0, none: 0 }; // by when the abort came; the C++ program aborts at every token
    for (let n = 0; n < 1000; n++) {
      const abort = new (addon().AbortFlag)();
      // Half of them stop at a token, half at any moment: before the first one too, or too late.
      const last = n % 2 === 0 ? Math.floor(Math.random() * tokens.length) : Number.POSITIVE_INFINITY;
      const onToken = (_id: number, index: number): void => {
        if (index >= last) abort.abort();
      };
      const running = model.generateGreedy({ ...options, onToken, abort, use_cache: n % 3 > 0 });
      if (n % 2 > 0) {
        if (n % 8 > 1) await sleep(Math.random() * time);
        abort.abort();
      }
      try {
        const { tokens: got, aborted } = await running;
        assert.deepEqual(Array.from(got), tokens.slice(0, got.length), `generation ${n}`);
        assert.equal(aborted, got.length < tokens.length);
        kinds[aborted ? "within" : "none"]++;
      } catch (error) {
        assert.equal((error as Error).name, "AbortError", String(error));
        kinds.before++;
      }
      if (n % 10 === 0)
        assert.deepEqual(Array.from((await model.generateGreedy(options)).tokens), tokens, `after ${n} aborts`);
    }
    console.log(
      `      aborted before they began ${kinds.before}, in their midst ${kinds.within}, too late ${kinds.none}`,
    );
    assert.equal(kinds.before + kinds.within + kinds.none, 1000);
  });
});

describe("a model on the CPU without JavaScript", function () {
  this.timeout(300_000);

  it("is asked, aborted and shut down from another thread while it works", async () => {
    await expectOk(await program("test/native/session", "session_test"), ["100"], /^done$/);
  });
});

describe("ten models that are loaded and disposed in turn", function () {
  this.timeout(300_000);
  const code = `
    const { addon } = require(${JSON.stringify(join(__dirname, "..", "..", "src", "native", "index.ts"))});
    const { openWeights } = require(${JSON.stringify(join(__dirname, "..", "..", "src", "weights", "index.ts"))});
    (async () => {
      const opened = await openWeights(process.argv[1]);
      const ids = Int32Array.from({ length: 40 }, (_, i) => 500 + 7 * i);
      const resident = [];
      for (let i = 0; i < 10; i++) {
        const model = await addon().open({ ...opened, device: "cpu", dtype: "auto" });
        const options = { ids, max_new_tokens: 8, min_new_tokens: 8, eos_token_id: [], use_cache: true };
        await model.generateGreedy(options);
        await model.dispose();
        globalThis.gc();
        resident.push(process.memoryUsage().rss);
      }
      console.log(JSON.stringify(resident));
    })();`;

  it("leave the process within 20 MiB of what it was after the first, and the last five within 5", function () {
    const args = ["--expose-gc", "--require", require.resolve("tsx/cjs"), "-e", code, needSmollm2(this)];
    const run = spawnSync(process.execPath, args, { encoding: "utf8" });
    assert.equal(run.status, 0, run.stderr);
    const resident = JSON.parse(run.stdout.trim().split("\n").at(-1) as string) as number[];
    const [first = 0] = resident;
    const grown = resident.map((bytes) => ((bytes - first) / 2 ** 20).toFixed(1)).join(", ");
    console.log(`      ${(first / 2 ** 20).toFixed(0)} MiB after the first; beyond it, in MiB: ${grown}`);
    // One model is 97 MB. V8's heap and malloc's arenas, one a thread, wander by a few, and come to rest; what leaks does not.
    assert.ok(Math.max(...resident) - first < 20 * 2 ** 20, `grew by ${grown} MiB`);
    const [from = 0, ...last] = resident.slice(5);
    assert.ok(Math.max(...last) - from < 5 * 2 ** 20, `still grew: ${grown} MiB`);
  });
});
