/**
 * What looking inside costs: MODEL DEVICE ROUNDS [WORDS]. Prints a line of JSON a row (with WORDS, a row whose title has
 * them): milliseconds of the work and of what it is held to, turn about, of processor time on "cpu" and by the clock on
 * "cuda", and the most memory that the work added, in bytes (null where the system does not say, and on "cuda"). Needs
 * --expose-gc.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { AutoModelForCausalLM, Tensor, steer } = require("../../dist/src/index.js");

const [name, device, rounds, words = ""] = [...process.argv.slice(2, 4), Number(process.argv[4]), process.argv[5]];
const gpu = device === "cuda";
const place = gpu ? { device, dtype: "bfloat16" } : { device, threads: 1 };
const model = await AutoModelForCausalLM.from_pretrained(name, place);
const { native, config } = model.core;
const { num_hidden_layers: layers, hidden_size: hidden, vocab_size: vocab } = config;
const tokens = (count) => Int32Array.from({ length: count }, (_, i) => (i * 7919 + 31) % vocab);
const idsOf = (count) => Array.from(tokens(count));
const middle = Math.floor(layers / 2);

/** Resident memory at its most since the last call; Linux alone can begin anew. */
function peak() {
  try {
    const most = /VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1] * 1024;
    writeFileSync("/proc/self/clear_refs", "5");
    return most;
  } catch {
    return undefined;
  }
}

async function cost(work) {
  const [start, before] = [performance.now(), process.cpuUsage()];
  await work();
  if (gpu) return performance.now() - start;
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** A bound that holds on the CPU alone, or another one on a GPU. */
const bound = (cpu, cuda) => (gpu ? cuda : cpu);

/** What the work adds to the memory that is resident before it, in a turn that is not timed. */
async function memoryOf(work) {
  if (gpu) return null;
  globalThis.gc();
  const before = process.memoryUsage().rss;
  peak();
  await work();
  const most = peak();
  return most === undefined ? null : Math.max(0, most - before);
}

/** A row: of `work`, beside `held`, what it is held to; `times` of each in a turn, of which the least counts. */
async function row(title, { work, held, times = 1, ...more }) {
  if (!title.includes(words)) return;
  const turn = async (one) => {
    const all = [];
    for (let n = 0; n < times; n++) all.push(await cost(one));
    return Math.min(...all);
  };
  const [own, other] = [[], []];
  await work();
  await held?.();
  for (let round = 0; round < rounds; round++) {
    own.push(await turn(work));
    if (held) other.push(await turn(held));
  }
  const memory = { bytes: await memoryOf(work), held: held ? await memoryOf(held) : null };
  console.log(JSON.stringify({ title, own, other, memory, ...more }));
}

/** A pass of `count` tokens of which these intermediates are kept. */
async function pass(count, taps = []) {
  const result = await native.forward({ ids: tokens(count), taps });
  for (const tensor of [result.last_hidden_state, ...Object.values(result.taps)]) tensor.dispose();
}
/** The head's products of so many rows, by themselves. */
async function products(rows) {
  const chunk = 64;
  const given = native.upload(new Float32Array(chunk * hidden).fill(0.5), [chunk, hidden]);
  for (let first = 0; first < rows; first += chunk)
    (await native.lmHead(given, 0, Math.min(chunk, rows - first))).dispose();
  given.dispose();
}

const blocks = Array.from({ length: layers }, (_, i) => `model.layers.${i}`);
for (const count of [20, 128, 512, 1000]) {
  const held = () => pass(count);
  const times = count < 200 ? 5 : 1;
  const weights = (layer) => `model.layers.${layer}.self_attn.attn_weights`;
  await row(`${count} tokens, one block's output kept`, {
    work: () => pass(count, [blocks[middle]]),
    held,
    times,
    most: bound(1.1),
  });
  await row(`${count} tokens, every block's output kept`, {
    work: () => pass(count, blocks),
    held,
    times,
    most: bound(1.1),
  });
  await row(`${count} tokens, one layer's attention kept`, {
    work: () => pass(count, [weights(middle)]),
    held,
    times,
    most: bound(1.03),
  });
  if (count <= 512)
    await row(`${count} tokens, every layer's attention kept`, {
      work: () =>
        pass(
          count,
          blocks.map((_, i) => weights(i)),
        ),
      held,
      times,
    });
}

const vector = new Tensor("float32", new Float32Array(hidden).fill(0.01), [hidden]);
const generate = (edits) => model.generate({ input_ids: idsOf(24), max_new_tokens: 100, eos_token_id: [], edits });
await row("24 + 100 tokens, steered in one block", {
  work: () => generate([steer(middle, vector)]),
  held: () => generate(undefined),
  times: 2,
  most: bound(1.05, 1.15),
});

const [places, positions] = [layers + 1, 20];
const stream = native.upload(
  Float32Array.from({ length: places * positions * hidden }, (_, i) => ((i * 7919) % 211) / 105 - 1),
  [places * positions, hidden],
);
const rows = places * positions;
await row(`a lens of ${places} × ${positions} rows: top 5, entropy, KL, two tokens`, {
  work: () => {
    const asked = Int32Array.from({ length: rows * 2 }, (_, i) => (i % 2 ? 17 : 4711));
    return native.summarise({ hidden: stream, start: 0, rows, norm: true, k: 5, tokens: asked, group: places });
  },
  held: () => products(rows),
  most: bound(1.3),
});
stream.dispose();
await row("log_probs of 1,000 tokens, with texts and top 5", {
  work: () => model.log_probs(idsOf(1000)),
  held: async () => {
    await pass(1000);
    await products(999);
  },
  most: bound(1.2),
});

const short = [idsOf(12), [...idsOf(11), 4711]].map((ids) => ids);
const corrupted = [...short[0]];
corrupted[6] = 4711;
await row(`patch_grid of ${layers} × 12, the difference at position 6`, {
  work: () => model.patch_grid(short[0], corrupted, { token: 17, against: 4711 }),
  held: async () => {
    for (let cell = 0; cell < layers * 6 + 2; cell++) await pass(12);
  },
  most: bound(1),
});
await row("head_scores of 24 tokens twice", { work: () => model.head_scores(), held: () => pass(48), times: 3 });
await row("attribute by head", { work: () => model.attribute(idsOf(24), { token: 17, by: "head" }), times: 3 });
await row("tree of 3 × 4", { work: () => model.tree(idsOf(24), { min_probability: 0 }), times: 2 });

if (gpu) process.exit(0); // a Tensor is the processor's
const numbers = (size) => Float32Array.from({ length: size }, (_, i) => Math.sin(i) * 40);
const scores = new Tensor("float32", numbers(31 * 49_152), [31, 49_152]);
await row("Tensor: topk(10) of 31 × 49,152", { work: async () => scores.topk(10), times: 3, ms: 60 });
const cube = new Tensor("float32", numbers(9_000_000), [9, 1000, 1000]);
await row("Tensor: mean(0) of 9 × 1,000 × 1,000", { work: async () => cube.mean(0), times: 3, ms: 60 });
process.exit(0);
