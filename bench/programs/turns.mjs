/**
 * The second turn of a chat through the pipeline: MODEL ROUNDS. Prints as JSON milliseconds to the answer's first token with
 * what the first turn left in the cache, and in a pipeline that knows nothing of it, turn about; and of the second prompt's
 * tokens all, and those that no cache holds.
 */
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { AutoModelForCausalLM, AutoTokenizer, pipeline } = require("../../dist/src/index.js");

const [name, rounds] = [process.argv[2], Number(process.argv[3])];
const tokenizer = await AutoTokenizer.from_pretrained(name);
const model = await AutoModelForCausalLM.from_pretrained(name, { device: "cpu" });
const about = "The model reads each word and looks back at all that came before it. ".repeat(32);
const first = [
  { role: "system", content: about },
  { role: "user", content: "What does the model do?" },
];

/** Milliseconds to the first token of a chat's answer. */
async function toFirst(generator, chat) {
  const start = performance.now();
  let puts = 0;
  let ms = 0;
  // The first that comes is the prompt.
  const put = () => {
    puts++;
    if (puts === 2) ms = performance.now() - start;
  };
  await generator(chat, { max_new_tokens: 2, streamer: { put, end: () => undefined } });
  return ms;
}

const tokensOf = (chat) =>
  tokenizer.apply_chat_template(chat, { add_generation_prompt: true, return_dict: false }).size;
const kept = [];
const anew = [];
let tokens;
for (let round = 0; round <= rounds; round++) {
  const generator = pipeline("text-generation", { model, tokenizer });
  let answered = -1; // the prompt comes first
  const streamer = { put: () => void answered++, end: () => undefined };
  const [{ generated_text }] = await generator(first, { max_new_tokens: 40, streamer });
  const second = [...generated_text, { role: "user", content: "And what does it look back at?" }];
  // The answer's last token is in no cache yet.
  tokens = { all: tokensOf(second), fresh: tokensOf(second) - tokensOf(first) - answered + 1 };
  kept.push(await toFirst(generator, second));
  const other = pipeline("text-generation", { model, tokenizer });
  anew.push(await toFirst(other, second));
  for (const one of [generator, other]) one.reset();
}
console.log(JSON.stringify({ kept: kept.slice(1), anew: anew.slice(1), tokens }));
process.exit(0);
