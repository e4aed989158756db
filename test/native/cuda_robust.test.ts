/** The GPU under long and broken use: generations repeated a thousand times, two models at once, work that is aborted. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { addon, type NativeModel } from "../../src/native";
import { openWeights } from "../../src/weights";
import { needGpu, open, pretended } from "./places";
import { phi3Mini, promptOf, syntheticModel } from "./synthetic";

const tiny = join(__dirname, "..", "golden", "tiny");

async function generate(model: NativeModel, ids: Int32Array, max_new_tokens: number): Promise<number[]> {
  const options = { ids, max_new_tokens, min_new_tokens: 0, eos_token_id: [], use_cache: true };
  return Array.from((await model.generateGreedy(options)).tokens);
}

for (const dtype of ["float32", "bfloat16", "float16"] as const)
  describe(`tiny models on the GPU in ${dtype}, again and again`, function () {
    this.timeout(300_000);
    const models: NativeModel[] = [];
    const prompts = [promptOf(12, 211), promptOf(70, 211)];

    before(async function () {
      needGpu(this);
      for (const name of ["grouped", "window"])
        models.push(await open(await openWeights(join(tiny, name)), { gpu: true, dtype }));
    });
    after(() => Promise.all(models.map((model) => model.dispose())));

    it("give the same tokens 1,000 times", async () => {
      const [model] = models as [NativeModel];
      const first = await Promise.all(prompts.map((ids) => generate(model, ids, 30)));
      for (let n = 0; n < 500; n++)
        for (const [i, ids] of prompts.entries())
          assert.deepEqual(await generate(model, ids, 30), first[i], `generation ${2 * n + i}`);
    });

    it("give the same tokens when two of them work at once", async () => {
      const all = () => models.map((model, i) => generate(model, prompts[i] as Int32Array, 40));
      const alone = [await all()[0], await all()[1]];
      for (let n = 0; n < 50; n++) assert.deepEqual(await Promise.all(all()), alone, `time ${n}`);
    });
  });

describe("work of Phi-3-mini's size on the GPU that is aborted in its midst, 100 times", function () {
  this.timeout(600_000);
  const shape = pretended ? { ...phi3Mini, hidden: 256, ffn: 512, layers: 4, heads: 4, vocab: 1000 } : phi3Mini;
  // The promise is 30 ms; ten times that is what a busy machine is forgiven.
  const most = 300;
  let files: ReturnType<typeof syntheticModel>;
  let model: NativeModel;
  let expected: number[];

  before(async function () {
    needGpu(this);
    files = syntheticModel(shape);
    model = await open(files, { gpu: true, dtype: "bfloat16" });
    expected = await after24();
  });
  after(async () => {
    await model?.dispose();
    files?.remove();
  });

  const after24 = () => generate(model, promptOf(24, shape.vocab), 8);

  /** Aborts `work` at a random moment of its time, waits for it, and tells how long it went on; undefined: it was done. */
  async function abortWithin(
    time: number,
    work: (abort: InstanceType<ReturnType<typeof addon>["AbortFlag"]>) => Promise<boolean>,
  ): Promise<number | undefined> {
    const flag = new (addon().AbortFlag)();
    const running = work(flag);
    await sleep(Math.random() * time);
    const start = performance.now();
    flag.abort();
    const aborted = await running;
    return aborted ? performance.now() - start : undefined;
  }

  function report(what: string, times: number[]): void {
    const sorted = [...times].sort((a, b) => a - b);
    const [middle, last] = [sorted[sorted.length >> 1] as number, sorted.at(-1) as number];
    console.log(`      ${what} stopped after ${middle.toFixed(1)} ms (median), ${last.toFixed(1)} ms at most`);
    assert.ok(last <= most, `${last} ms`);
  }

  it("stops a prompt within 30 ms, and the next output is the same", async () => {
    const ids = promptOf(4000, shape.vocab);
    const forward = async (abort?: InstanceType<ReturnType<typeof addon>["AbortFlag"]>): Promise<boolean> => {
      try {
        (await model.forward({ ids, abort })).last_hidden_state.dispose();
        return false;
      } catch (error) {
        assert.equal((error as Error).name, "AbortError", String(error));
        return true;
      }
    };
    await forward();
    const start = performance.now();
    await forward();
    const whole = performance.now() - start;
    const times: number[] = [];
    for (let n = 0; n < 1000 && times.length < 100; n++) {
      const time = await abortWithin(0.9 * whole, forward);
      if (time === undefined) continue;
      times.push(time);
      assert.deepEqual(await after24(), expected, `after ${times.length} aborts`);
    }
    assert.equal(times.length, 100);
    report(`prompts of ${ids.length} tokens, ${whole.toFixed(0)} ms long,`, times);
  });

  it("stops a generation within 30 ms, keeps its tokens, and the next output is the same", async () => {
    const ids = promptOf(24, shape.vocab);
    const options = { ids, max_new_tokens: 150, min_new_tokens: 0, eos_token_id: [], use_cache: true };
    const start = performance.now();
    const whole = await model.generateGreedy(options);
    const duration = performance.now() - start;
    const times: number[] = [];
    for (let n = 0; n < 1000 && times.length < 100; n++) {
      const time = await abortWithin(duration, async (abort) => {
        const { tokens, aborted } = await model.generateGreedy({ ...options, abort });
        assert.deepEqual(tokens, whole.tokens.slice(0, tokens.length));
        assert.equal(aborted, tokens.length < 150);
        return aborted;
      });
      if (time === undefined) continue;
      times.push(time);
      assert.deepEqual(await after24(), expected, `after ${times.length} aborts`);
    }
    assert.equal(times.length, 100);
    report("generations", times);
  });
});
