/** phi3lab, measured from JavaScript as a cell would call it: one work a line in, its rate out. */
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(import.meta.url);
const { AutoModelForCausalLM } = require("../../dist/src/index.js");
const { addon } = require("../../dist/src/native.js");

const model = await AutoModelForCausalLM.from_pretrained(process.argv[2]);
console.log(JSON.stringify({ ...addon().cpu(), weights: model.memory().weights }));
for await (const line of createInterface({ input: process.stdin })) {
  const { prompt, decode } = JSON.parse(line);
  const input_ids = Array.from({ length: prompt }, (_, i) => 500 + 7 * i);
  const { timings } = await model.generate({
    input_ids,
    max_new_tokens: Math.max(decode, 1),
    eos_token_id: [],
    return_timings: true,
  });
  const seconds = decode > 0 ? timings.token_ms.reduce((a, b) => a + b, 0) / 1000 : timings.prompt_ms / 1000;
  console.log(JSON.stringify({ rate: (decode > 0 ? timings.token_ms.length : prompt) / seconds }));
}
process.exit(0);
