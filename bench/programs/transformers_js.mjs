/** transformers.js on a folder of ONNX weights: FOLDER DTYPE (fp32 or q8): one work a line in, its rate out. */
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [folder, dtype] = process.argv.slice(2);
const entry = createRequire(join(process.cwd(), "package.json")).resolve("@huggingface/transformers");
const { AutoModelForCausalLM, env, Tensor } = await import(pathToFileURL(entry).href);
env.allowRemoteModels = false;
env.localModelPath = dirname(folder);
const model = await AutoModelForCausalLM.from_pretrained(basename(folder), { dtype });
console.log(JSON.stringify({ dtype }));

/** Milliseconds of a generation: to the first token, and in all. */
async function generate(prompt, fresh) {
  const ids = BigInt64Array.from({ length: prompt }, (_, i) => BigInt(500 + 7 * i));
  const tensor = (data) => new Tensor("int64", data, [1, prompt]);
  const start = performance.now();
  let first;
  const streamer = {
    put: () => {
      // The prompt is put first, the new tokens after it.
      if (first === undefined) first = null;
      else if (first === null) first = performance.now() - start;
    },
    end: () => {},
  };
  await model.generate({
    input_ids: tensor(ids),
    attention_mask: tensor(new BigInt64Array(prompt).fill(1n)),
    max_new_tokens: fresh,
    min_new_tokens: fresh,
    do_sample: false,
    streamer,
  });
  return { first, all: performance.now() - start };
}

for await (const line of createInterface({ input: process.stdin })) {
  const { prompt, decode } = JSON.parse(line);
  const { first, all } = await generate(prompt, Math.max(decode, 1));
  const rate = decode > 0 ? (1000 * (decode - 1)) / (all - first) : (1000 * prompt) / first;
  console.log(JSON.stringify({ rate }));
}
process.exit(0);
