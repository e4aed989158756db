/**
 * phi3lab, measured from JavaScript as a cell would call it: MODEL, and options of from_pretrained in OPTIONS, as JSON. One
 * work a line in, its rate out; of the work {"profile": OPTIONS} where the time of 24 + 100 tokens goes.
 */
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { positionBytes } from "./position_bytes.mjs";

const require = createRequire(import.meta.url);
const { AutoModelForCausalLM } = require("../../dist/src/index.js");
const { addon } = require("../../dist/src/native/index.js");
const { openWeights } = require("../../dist/src/weights/index.js");
const { bytesPerElement } = require("../../dist/src/weights/formats.js");

/** Bytes of the embeddings, of which a token reads one row, where the head has a matrix of its own. */
async function embeddingBytes(path) {
  const { weights } = await openWeights(path);
  if (!weights.some(({ role }) => role === "lm_head")) return 0;
  const parts = weights.find(({ role }) => role === "embed_tokens").parts;
  return parts.reduce((sum, { type, shape }) => sum + bytesPerElement(type) * shape.reduce((a, b) => a * b, 1), 0);
}

const options = JSON.parse(process.env.OPTIONS ?? "{}");
const model = await AutoModelForCausalLM.from_pretrained(process.argv[2], { device: "cpu", ...options });
const { vocab_size, hidden_size } = model.config;
const head = vocab_size * hidden_size;
const layers = model.num_parameters() - (model.config.tie_word_embeddings ? 1 : 2) * head;
// What a decoded token reads: the weights, and of each position before it keys and values.
const weights = model.memory().weights - (await embeddingBytes(process.argv[2]));
const reads = { weights, position: positionBytes(model.config, options.kv_dtype) };
console.log(JSON.stringify({ ...addon().cpu(), ...options, reads, layers, head }));

function generate({ prompt, decode, sequences = 1 }) {
  const input_ids = Array.from({ length: sequences }, (_, s) =>
    Array.from({ length: prompt }, (_, i) => 500 + 7 * i + 11 * s),
  );
  return model.generate({
    input_ids,
    max_new_tokens: Math.max(decode, 1),
    eos_token_id: [],
    return_timings: true,
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  const work = JSON.parse(line);
  if (work.profile) {
    const profile = await model.profile(() => generate({ prompt: 24, decode: 100 }), work.profile);
    console.log(JSON.stringify({ text: String(profile), profile }));
    continue;
  }
  const { timings } = await generate(work);
  const decoded = work.decode > 0;
  const seconds = decoded ? timings.token_ms.reduce((a, b) => a + b, 0) / 1000 : timings.prompt_ms / 1000;
  const tokens = decoded ? timings.token_ms.length * (work.sequences ?? 1) : work.prompt;
  console.log(JSON.stringify({ rate: tokens / seconds }));
}
process.exit(0);
