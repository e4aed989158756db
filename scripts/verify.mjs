/**
 * `npm run verify -- MODEL`: for readers who have real weights. Runs what the book's chapter runs, compares with what the
 * book recorded where the model is the book's, and prints a block to put into a report.
 */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { here, setUp } from "./command.mjs";
import { root } from "./setup/places.mjs";
import { compareBook, compareTokens, isTheBooks, notTheBooks, roundTrip } from "./verify/checks.mjs";
import { digest } from "./verify/digest.mjs";
import { isQuantised, machine, modelFiles, shape } from "./verify/facts.mjs";
import { block, modelName, outcome, passed, size, withoutPaths } from "./verify/report.mjs";

const usage = `npm run verify -- MODEL [--device cpu|cuda] [--dtype float32|bfloat16|float16] [--tokens N]
  MODEL     an id of the hub, a folder or a .gguf file
  --tokens  tokens to continue with the cache and without (default: 100 on a GPU, 10 on the CPU)`;

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { device: { type: "string" }, dtype: { type: "string" }, tokens: { type: "string" } },
  });
  const { tokens } = values;
  if (positionals.length !== 1) throw new Error(`Expected one model but received ${positionals.length}.\n${usage}`);
  if (tokens !== undefined && !/^[1-9]\d*$/.test(tokens))
    throw new Error(`Expected integer > 0 for --tokens but received ${tokens}.\n${usage}`);
  return { ...values, tokens: tokens && Number(tokens), model: positionals[0] };
}

let options;
try {
  options = readArguments();
} catch (error) {
  console.error(error.message);
  process.exit(2);
}
await setUp();
const require = createRequire(import.meta.url);
const library = require(join(root, "dist", "src", "index.js"));
const { resolveModel } = require(join(root, "dist", "src", "hub", "resolve.js"));
const { openWeights } = require(join(root, "dist", "src", "weights", "index.js"));
const book = require("./verify/book.json");

const { device = "auto", dtype = "auto" } = options;
const path = resolve(here, options.model);
const local = existsSync(path);
const model = local ? path : options.model;
const folders = [homedir(), tmpdir(), root, here, local ? dirname(path) : undefined];
const say = (text) => console.error(text);
const seconds = (from) => `${((performance.now() - from) / 1000).toFixed(2)} s`;
const numbers = (tensor) => tensor.tolist().flat().map(Number);

const report = { sections: [["machine", machine(library)]], digest: [], checks: [] };
const section = (title, rows) => report.sections.push([title, rows]);

/** A step that may fail: the block then says why, and the next step is tried where it can be. */
async function step(what, work) {
  say(`${what} …`);
  try {
    return await work();
  } catch (error) {
    report.checks.push(outcome(what, "failed", error?.message ?? String(error)));
    return undefined;
  }
}

let quantised = false;
async function files() {
  const found = await resolveModel(model);
  folders.push(dirname(found.path), found.folder);
  const rows = [["name", modelName(model, local)]];
  if (found.commit !== undefined) rows.push(["commit", found.commit]);
  section("model", rows);
  const opened = await openWeights(found.path);
  quantised = isQuantised(opened);
  rows.push(["shape", shape(opened.config)], ...modelFiles(opened));
}

async function speak(tokenizer) {
  const { bos_token, eos_token, vocab_size, size: all } = tokenizer;
  const added = tokenizer.encode("x").length - tokenizer.encode("x", { add_special_tokens: false }).length;
  section("tokenizer", [
    ["vocabulary", `${vocab_size}, with added tokens ${all}`],
    ["special", `bos ${bos_token ?? "none"}, eos ${eos_token ?? "none"}, ${added} put around a text`],
  ]);
  report.checks.push(roundTrip(tokenizer));
}

/** What the chapter's cells give. */
async function chapter(loaded, tokenizer) {
  const { input_ids } = tokenizer(book.prompts.next_token);
  const { last_hidden_state, hidden_states } = await loaded.model(input_ids, { output_hidden_states: true });
  const logits = await loaded.lm_head(last_hidden_state);
  const id = numbers(logits.slice(0, -1).argmax(-1).unsqueeze(0))[0];
  report.digest = digest({ hidden_states, logits, tokenizer });
  if (!isTheBooks(loaded.config)) return notTheBooks(book);
  const generator = library.pipeline("text-generation", {
    model: loaded,
    tokenizer,
    return_full_text: false,
    max_new_tokens: 50,
    do_sample: false,
  });
  const [{ generated_text }] = await generator(book.prompts.text);
  return compareBook(book, {
    ids: numbers(input_ids),
    hidden_shape: last_hidden_state.shape,
    logits_shape: logits.shape,
    token: { id, text: tokenizer.decode(id) },
    text: generated_text,
    tree: String(loaded),
    quantised,
  });
}

async function cached(loaded, tokenizer, timings) {
  const { input_ids } = tokenizer(book.prompts.timing);
  const prompt = input_ids.shape[1];
  const max_new_tokens = options.tokens ?? (loaded.device === "cpu" ? 10 : 100);
  const run = async (use_cache) => {
    const start = performance.now();
    const ids = await loaded.generate({ input_ids, max_new_tokens, use_cache, do_sample: false });
    const made = numbers(ids).slice(prompt);
    const rate = (1000 * made.length) / (performance.now() - start);
    const how = use_cache ? "with the cache" : "without";
    timings.push([how, `${made.length} tokens after ${prompt} in ${seconds(start)}: ${rate.toFixed(2)} a second`]);
    return made;
  };
  return compareTokens(await run(true), await run(false));
}

await step("finding the model's files", files);
const tokenizer = await step("loading the tokenizer", () => library.AutoTokenizer.from_pretrained(model));
if (tokenizer) await step("tokenizing", () => speak(tokenizer));
const timings = [];
const begun = performance.now();
const loaded = await step("loading the weights", () =>
  library.AutoModelForCausalLM.from_pretrained(model, { device, dtype }),
);
if (loaded) timings.push(["loading", seconds(begun)]);
if (loaded && tokenizer) {
  const told = await step("running the chapter's cells", () => chapter(loaded, tokenizer));
  report.checks.push(...(told ?? []));
  const tokens = await step("continuing with the cache and without", () => cached(loaded, tokenizer, timings));
  if (tokens) report.checks.push(tokens);
}
if (loaded) {
  const { weights, cache, workspace } = loaded.memory();
  section("run", [
    ["on", `${loaded.device}, ${loaded.dtype}`],
    ...timings,
    ["weights", size(weights)],
    ["cache and workspace", size(cache + workspace)],
    ["process at most", size(1024 * process.resourceUsage().maxRSS)],
  ]);
  await loaded.dispose();
}
console.log(withoutPaths(block(report), folders));
process.exitCode = passed(report.checks) ? 0 : 1;
