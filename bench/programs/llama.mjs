/**
 * llama.cpp by node-llama-cpp on the same file, with THREADS threads, or on the GPU where LLAMA_GPU is "cuda": one work a
 * line in, its rate out.
 */
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const entry = createRequire(join(process.cwd(), "package.json")).resolve("node-llama-cpp");
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(entry).href);
const threads = Number(process.env.THREADS);
const gpu = process.env.LLAMA_GPU ?? false;
const llama = await getLlama({ gpu, build: "never", maxThreads: threads, logLevel: LlamaLogLevel.error });
const model = await llama.loadModel({ modelPath: process.argv[2], gpuLayers: gpu ? "max" : 0 });
const context = await model.createContext({ contextSize: 1280, batchSize: 512, threads, flashAttention: Boolean(gpu) });
const sequence = context.getSequence();
console.log(JSON.stringify({ threads }));
for await (const line of createInterface({ input: process.stdin })) {
  const { prompt, decode } = JSON.parse(line);
  await sequence.clearHistory();
  const tokens = Array.from({ length: prompt }, (_, i) => 500 + 7 * i);
  const start = performance.now();
  let first = 0;
  let count = 0;
  for await (const _ of sequence.evaluate(tokens, { temperature: 0, yieldEogToken: true })) {
    count++;
    if (count === 1) first = performance.now();
    if (count >= Math.max(decode, 1)) break;
  }
  const seconds = (decode > 0 ? performance.now() - first : first - start) / 1000;
  console.log(JSON.stringify({ rate: (decode > 0 ? count - 1 : prompt) / seconds }));
}
process.exit(0);
