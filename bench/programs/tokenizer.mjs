/** Encodes a text and decodes its ids by our tokenizers: for each line {folder} one line of times, in milliseconds. */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { AutoTokenizer } from "../../dist/src/tokenizer/index.js";

const text = readFileSync(process.argv[2], "utf8");
const loaded = new Map();
console.log(JSON.stringify({ program: "phi3lab" }));
for await (const line of createInterface({ input: process.stdin })) {
  const { folder } = JSON.parse(line);
  if (!loaded.has(folder)) loaded.set(folder, await AutoTokenizer.from_pretrained(folder));
  const tokenizer = loaded.get(folder);
  const begin = performance.now();
  const ids = tokenizer.encode(text);
  const middle = performance.now();
  tokenizer.decode(ids);
  console.log(JSON.stringify({ ids: ids.length, encode: middle - begin, decode: performance.now() - middle }));
}
