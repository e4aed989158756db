/**
 * The GPU backend, measured from JavaScript in a process of its own: MODEL ROUNDS WORK…, each work one of `load`,
 * `generate`, `decode:POSITIONS`, `prefill:TOKENS`, `several:SEQUENCES` (a token of each, after prompts of 24). Prints one line of JSON: facts, and milliseconds of every round by work.
 */
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { addon } = require("../../dist/src/native/index.js");
const { openWeights } = require("../../dist/src/weights/index.js");

const [folder, rounds, ...works] = process.argv.slice(2);
const free = () => addon().cuda().devices[0].memory_free;
const opened = await openWeights(folder);
const request = { ...opened, device: "cuda", dtype: "bfloat16" };
const prompt = (tokens) => Int32Array.from({ length: tokens }, (_, i) => (500 + 7 * i) % opened.config.vocab_size);
const result = { gpu: addon().cuda().devices[0].name, times: {} }; // the first CUDA call is over
const before = free();

const openTime = performance.now();
let model = await addon().open(request);
await generate(24, 1, true);
result.first_load_ms = performance.now() - openTime;
result.weights = model.memory().weights;

async function generate(tokens, fresh, use_cache) {
  const start = performance.now();
  const timings = await model.generateGreedy({
    ids: prompt(tokens),
    max_new_tokens: fresh,
    min_new_tokens: 0,
    eos_token_id: [],
    use_cache,
  });
  return { ...timings, ms: performance.now() - start };
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

const measure = {
  async load() {
    await model.dispose();
    const start = performance.now();
    model = await addon().open(request);
    await generate(24, 1, true);
    return { load: performance.now() - start };
  },
  async generate() {
    const cached = await generate(24, 100, true);
    const uncached = await generate(24, 100, false);
    result.curves = Object.fromEntries(
      Object.entries({ cached, uncached }).map(([name, { prompt_ms, token_ms }]) => [
        name,
        { prompt_ms, token_ms: Array.from(token_ms) },
      ]),
    );
    return { cached: cached.ms, uncached: uncached.ms, decode: median(cached.token_ms) };
  },
  async decode(positions) {
    return { decode: median((await generate(positions - 20, 41, true)).token_ms) };
  },
  async several(sequences) {
    const texts = Array.from({ length: sequences }, (_, i) => ({
      ids: prompt(24).map((id) => (id + 11 * i) % opened.config.vocab_size),
      max_new_tokens: 61,
    }));
    const [first] = await model.generateGreedyBatch({ texts, min_new_tokens: 0, eos_token_id: [] });
    return { several: median(first.token_ms) };
  },
  async prefill(tokens) {
    return { prefill: (await generate(tokens, 1, true)).prompt_ms };
  },
};

for (const work of works) {
  const [name, size] = work.split(":");
  for (let round = 0; round <= Number(rounds); round++) {
    const times = await measure[name](Number(size));
    if (round === 0) continue; // warms up
    for (const [key, ms] of Object.entries(times)) {
      const label = size === undefined ? key : `${key} ${size}`;
      result.times[label] ??= [];
      result.times[label].push(ms);
    }
  }
}
const { cache, workspace } = model.memory();
result.memory = { device: before - free(), weights: result.weights, cache, workspace };
await model.dispose();
console.log(JSON.stringify(result));
process.exit(0);
