/**
 * What a model costs besides time: MODEL. Prints as JSON the growth of resident memory by loading and 24 + 100 tokens with
 * what it consists of, in bytes, and the processor time in the 10 s after them, in milliseconds. Needs --expose-gc.
 */
import { createRequire } from "node:module";
import { positionBytes } from "./position_bytes.mjs";

const require = createRequire(import.meta.url);
const { AutoModelForCausalLM } = require("../../dist/src/index.js");
const { addon } = require("../../dist/src/native/index.js");

addon().cpu(); // what any use of the library costs is not the model's
globalThis.gc();
const before = process.memoryUsage().rss;
const model = await AutoModelForCausalLM.from_pretrained(process.argv[2], { device: "cpu" });
const input_ids = Array.from({ length: 24 }, (_, i) => 500 + 7 * i);
await model.generate({ input_ids, max_new_tokens: 100, eos_token_id: [] });
const grown = process.memoryUsage().rss - before;
const cache = 124 * positionBytes(model.config);
const seconds = 10;
await new Promise((done) => setTimeout(done, 100)); // the promise's own turns
const start = process.cpuUsage();
await new Promise((done) => setTimeout(done, 1000 * seconds));
const { user, system } = process.cpuUsage(start);
const idle = (user + system) / 1e6 / seconds;
console.log(JSON.stringify({ grown, weights: model.memory().weights, cache, idle }));
process.exit(0);
