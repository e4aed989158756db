/** Milliseconds from from_pretrained to the first token of a prompt of 24, in a process that has loaded the library: MODEL. */
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { AutoModelForCausalLM } = require("../../dist/src/index.js");
const { addon } = require("../../dist/src/native/index.js");

addon().cpu();
const input_ids = Array.from({ length: 24 }, (_, i) => 500 + 7 * i);
const start = performance.now();
const model = await AutoModelForCausalLM.from_pretrained(process.argv[2], { device: "cpu" });
await model.generate({ input_ids, max_new_tokens: 1 });
console.log(performance.now() - start);
process.exit(0);
