/**
 * The GPU's memory: what is refused is an error that says how much, what is disposed or forgotten comes back. Where a test
 * fills the GPU, PHI3LAB_CUDA_MEMORY_LIMIT makes it a small one.
 */
import assert from "node:assert/strict";
import type { NativeModel, NativeTensor } from "../../src/native";
import { freeMemory, needGpu, open, pretended, withEnv } from "./places";
import { promptOf, syntheticModel } from "./synthetic";

const MiB = 2 ** 20;
const vocab = 32064;
const shape = { hidden: 512, ffn: 1024, layers: 4, heads: 8, vocab, context: 2048 };
const long = promptOf(2000, vocab);

async function generate(model: NativeModel): Promise<number[]> {
  const options = { ids: promptOf(24, vocab), max_new_tokens: 10, min_new_tokens: 0, eos_token_id: [] };
  return Array.from((await model.generateGreedy({ ...options, use_cache: true })).tokens);
}

/** The error that a call ends with. */
async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof Error);
    return error.message;
  }
  throw new Error("the call was expected to be refused");
}

describe("the GPU's memory", function () {
  this.timeout(600_000);
  const place = { gpu: true, dtype: "bfloat16" } as const;
  let files: ReturnType<typeof syntheticModel>;
  let expected: number[];
  let needed: number;

  before(async function () {
    needGpu(this);
    files = syntheticModel(shape);
    // The first use of the GPU takes memory for good: its context, the code.
    const model = await open(files, place);
    expected = await generate(model);
    (await model.forward({ ids: long })).last_hidden_state.dispose();
    const { weights, cache, workspace } = model.memory();
    needed = weights + cache + workspace;
    await model.dispose();
  });
  after(() => files?.remove());

  /** Opens the model on a GPU that has `more` bytes beyond what it needs to work. */
  const openWithin = (more: number): Promise<NativeModel> =>
    withEnv({ PHI3LAB_CUDA_MEMORY_LIMIT: String(needed + more) }, () => open(files, place));

  it("refuses what does not fit 100 times, says how much was asked, used and free, and goes on working", async function () {
    needGpu(this, { real: true });
    const model = await openWithin(100 * MiB);
    const { last_hidden_state } = await model.forward({ ids: long });
    for (let n = 0; n < 100; n++) {
      const message = await refusal(model.lmHead(last_hidden_state, 0, long.length));
      const [, asked, free, total, held] =
        /^\[memory\] Expected (\d+) bytes of GPU memory, but (\d+) of (\d+) are free \(this model holds (\d+)\)$/
          .exec(message)
          ?.map(Number) ?? [];
      assert.ok(asked !== undefined && free !== undefined && held !== undefined, message);
      assert.equal(asked, long.length * vocab * 4);
      assert.equal(total, needed + 100 * MiB);
      assert.ok(free < asked && free + held <= (total as number), message);
      assert.deepEqual(await generate(model), expected, `after ${n + 1} refusals`);
    }
    await model.dispose();
  });

  it("can be filled with results and emptied again, and the model goes on working", async function () {
    needGpu(this, { real: true });
    const model = await openWithin(100 * MiB);
    const { last_hidden_state } = await model.forward({ ids: long });
    for (let round = 0; round < 5; round++) {
      const held: NativeTensor[] = [];
      for (let message = ""; message === ""; ) {
        try {
          held.push(await model.lmHead(last_hidden_state, 0, 80)); // 10 MB
        } catch (error) {
          message = (error as Error).message;
          assert.match(message, /^\[memory\] Expected/);
        }
        assert.ok(held.length <= 11, "more was held than the limit allows");
      }
      assert.ok(held.length >= 5, `only ${held.length} results fitted`);
      held.pop()?.dispose();
      assert.deepEqual(await generate(model), expected);
      const [kept] = held;
      assert.ok(kept?.read(0, 80 * vocab).every(Number.isFinite));
      for (const tensor of held) tensor.dispose();
    }
    await model.dispose();
  });

  it("is not filled by 10,000 results that nobody disposes", async () => {
    const model = await openWithin(100 * MiB);
    const ids = promptOf(16, vocab);
    for (let n = 0; n < (pretended ? 100 : 10_000); n++) {
      const { last_hidden_state } = await model.forward({ ids });
      await model.lmHead(last_hidden_state, 0, ids.length); // 2 MB, 20 GB in all
    }
    assert.deepEqual(await generate(model), expected);
    await model.dispose();
  });

  it("comes back whole when a model is disposed, whatever of it is still held", async () => {
    const before = freeMemory();
    const model = await open(files, place);
    const cache = model.createCache();
    const { last_hidden_state } = await model.forward({ ids: long, cache, taps: ["model.layers.0.mlp.gate_up_proj"] });
    const logits = await model.lmHead(last_hidden_state, 0, long.length);
    assert.ok(pretended || freeMemory() < before - logits.nbytes);
    await model.dispose();
    const missing = before - freeMemory();
    assert.ok(missing <= 64 * MiB, `${missing} bytes are missing`);
    assert.throws(() => logits.read(0, 1), /disposed/);
    assert.throws(() => cache.nbytes, /disposed/);
  });

  it("does not shrink, nor the process grow, when a model is loaded and disposed 50 times", async () => {
    let free = 0;
    let resident = 0;
    for (let n = 0; n < 50; n++) {
      const model = await open(files, place);
      assert.deepEqual(await generate(model), expected, `load ${n}`);
      await model.dispose();
      if (n === 9) [free, resident] = [freeMemory(), process.memoryUsage().rss];
    }
    const missing = free - freeMemory();
    assert.ok(missing <= 64 * MiB, `${missing} bytes of the GPU are missing`);
    const grown = process.memoryUsage().rss - resident;
    assert.ok(grown <= 100 * MiB, `the process grew by ${grown} bytes`);
  });
});
