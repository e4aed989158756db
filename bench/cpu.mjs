/**
 * `npm run bench -- cpu`: the CPU backend on files of Phi-3-mini's shape and on the small model's, with the machine's limits
 * of the same run, what is aimed at, and where a token's time goes. `--peers` installs llama.cpp, transformers and
 * transformers.js into bench/.peers and copies of the model in their formats (9 GB in all); once there they are measured in
 * every run. `--all` measures every row, `--only ROW` one (or several: --only decode --only memory), by the names in
 * bench/cpu_rows.mjs. Programs take turns, a round each,
 * and so do the machine's limits, which change while others use the host. Figures are medians (and bests) of
 * the rounds, ratios and shares medians of what they are within each round.
 */
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildProgram } from "./build.mjs";
import { costs } from "./cpu_costs.mjs";
import { costRows, mixesOf, peersOf, rateRows, weightsOf } from "./cpu_rows.mjs";
import { havePeers, installPeers, modelCopies, phi3MiniFiles } from "./peers.mjs";
import { median, medianAndBest, percent, start, turnAbout } from "./runner.mjs";

const folder = dirname(fileURLToPath(import.meta.url));
/** Bytes that are read to measure the memory at least: the small model's file. */
const smallest = 96 * 2 ** 20;

export async function bench(args) {
  const { values } = parseArgs({
    args,
    options: {
      peers: { type: "boolean", default: false },
      all: { type: "boolean", default: false },
      only: { type: "string", multiple: true },
      rounds: { type: "string", default: "5" },
      json: { type: "string" },
    },
  });
  const rows = [...rateRows, ...costRows];
  const known = rows.map(({ name }) => name);
  const wanted = values.only ?? rows.filter(({ more }) => values.all || !more).map(({ name }) => name);
  for (const name of wanted)
    if (!known.includes(name)) throw new Error(`Expected one of ${known.join(", ")} for --only but received ${name}`);
  if (values.peers) installPeers();
  const { defaultModel } = createRequire(import.meta.url)("../dist/src/index.js");
  const model = process.env.PHI3LAB_MODEL ?? (await defaultModel({ print: () => {} }));
  if (!havePeers())
    console.log("There are no peers to compare with: npm run bench -- cpu --peers installs them into bench/.peers\n");
  const programs = new Programs();
  const { facts: limits } = await programs.machine();
  const copies = havePeers() ? modelCopies(model) : undefined;
  const phi3Mini = phi3MiniFiles(mixesOf(rateRows.filter(({ name }) => wanted.includes(name))));
  const places = { model, phi3Mini, copies, threads: limits.threads };
  const ours = await programs.ours(model, {});
  if (ours === undefined) throw new Error("phi3lab itself could not be measured");
  const rounds = Number(values.rounds);
  const results = [];
  // A path that this processor has not, or has for its fastest, is no row of its own.
  const measurable = ({ path }) => path === undefined || (path !== ours.facts.path && ours.facts.paths.includes(path));
  const measured = rateRows.filter((row) => wanted.includes(row.name) && measurable(row));
  for (const [i, row] of measured.entries()) {
    console.log(`measuring ${row.name} …`);
    const result = await measureRate(row, places, programs, rounds);
    if (result) results.push(result);
    // Programs with two gigabytes of weights make room for the next.
    const file = phi3Mini[row.weights];
    if (file && measured[i + 1]?.weights !== row.weights) await programs.stop((launch) => launch.args?.includes(file));
  }
  for (const row of costRows.filter(({ name }) => wanted.includes(name))) {
    console.log(`measuring ${row.name} …`);
    try {
      results.push({ ...row, ...(await costs[row.name]({ model, ours, rounds })), beside: [] });
    } catch (error) {
      console.log(`${row.name} is left out: ${error.message}`);
    }
  }
  const machine = await programs.machine(ours.facts.reads.weights);
  const { text, profile } = await ours.ask({ profile: { stream: (await machine.ask({ limit: "read" })).rate } });
  await programs.stop();
  report(limits, ours.facts, results);
  console.log(`\nWhere the time of 24 + 100 tokens goes:\n${text}`);
  if (values.json)
    writeFileSync(values.json, `${JSON.stringify({ limits, facts: ours.facts, rows: results, profile }, null, 2)}\n`);
}

/** Every program is started once and serves all its rows. */
class Programs {
  #started = new Map();
  #limits;

  start(name, launch) {
    const key = JSON.stringify(launch);
    if (!this.#started.has(key)) this.#started.set(key, start(name, launch));
    return this.#started.get(key);
  }
  /** What the machine can do, by the C++ program in bench/cpu, which reads as many bytes as a token's weights, up to 2 GiB:
   * a cache may hold a small model and not a large one. */
  async machine(weights = 0) {
    const size = Math.ceil(Math.min(Math.max(weights, smallest), 2 ** 31) / 2 ** 20);
    this.#limits ??= buildProgram("cpu", "limits");
    const launch = { command: this.#limits, args: ["0", "0.5", String(size)] };
    const machine = await this.start(`limits of ${size} MiB`, launch);
    if (machine === undefined) throw new Error("The machine's limits could not be measured");
    return machine;
  }
  ours(model, options, path) {
    const args = [join(folder, "programs", "ours.mjs"), model];
    const name = ["phi3lab", path, ...Object.entries(options).map(([key, value]) => `${key}: ${value}`)];
    const env = { OPTIONS: JSON.stringify(options), ...(path && { PHI3LAB_CPU: path }) };
    return this.start(name.filter(Boolean).join(", "), { command: process.execPath, args, env });
  }
  /** Ends those whose launch `chosen` chooses; all, by default. */
  async stop(chosen = () => true) {
    for (const [key, program] of this.#started) {
      if (!chosen(JSON.parse(key))) continue;
      this.#started.delete(key);
      (await program)?.stop();
    }
  }
}

async function measureRate(row, places, programs, rounds) {
  const path = weightsOf(row, places);
  if (path === undefined) return undefined;
  const { work, against, options = {}, times = 1 } = row;
  const runner = await programs.ours(path, options, row.path);
  if (runner === undefined) return undefined;
  const series = [{ name: "phi3lab", runner, work }];
  if (against)
    series.push({
      name: against.words,
      runner: await programs.ours(path, against.options ?? options),
      work: against.work ?? work,
    });
  for (const { name, launch } of peersOf(row, places)) {
    const peer = await programs.start(`${name}, on ${basename(path)}`, launch);
    if (peer) series.push({ name, runner: peer, work });
  }
  const limit = work.decode > 0 ? "read" : "multiply_add";
  const machine = await programs.machine(runner.facts.reads.weights);
  const rates = await turnAbout([...series, { runner: machine, work: { limit } }], times * rounds);
  const limits = rates.pop();
  const ratio = (others) => median(rates[0].map((own, round) => own / others[round]));
  const beside = series.slice(1).map(({ name }, i) => {
    const others = rates[i + 1];
    return against
      ? `${percent(ratio(others))} ${name}, ${medianAndBest(others)}`
      : `${ratio(others).toFixed(2)} × ${name}, ${medianAndBest(others)}`;
  });
  const [taken, ofLimit, unit] =
    limit === "read" ? [bytesOf, "of the stream", "GB/s"] : [flopsOf, "of the peak", "GFLOP/s"];
  const limitRate = `${medianAndBest(limits.map((rate) => rate / 1e9))} ${unit}`;
  return {
    ...row,
    measured: `${medianAndBest(rates[0])} tokens/s`,
    share: `${percent(ratio(limits) * taken(work, runner.facts))} ${ofLimit}, ${limitRate}`,
    beside,
    values: Object.fromEntries(series.map(({ name }, i) => [name, rates[i]])),
  };
}

/** Bytes that a decoded token reads, on average. */
const bytesOf = ({ prompt, decode, sequences = 1 }, { reads }) =>
  reads.weights / sequences + (prompt + decode / 2) * reads.position;

/** Multiplications and additions that a token of a prompt takes by the weights; the head is computed for the last token alone. */
const flopsOf = ({ prompt }, { layers, head }) => 2 * (layers + head / prompt);

function report(limits, facts, results) {
  console.log(
    `\n${cpus()[0].model}, ${facts.path}, ${facts.threads} threads; this run: reading ${limits.read.median} GB/s at its start, multiply-add ${limits.multiply_add.median} GFLOP/s. Medians (bests). The file is SmolLM2's, in Q4_1, for which llama.cpp has no fast kernel, as it has for Q4_0 and Q4_K: ratios on it flatter phi3lab.\n`,
  );
  console.log("| work | phi3lab | of the machine's limit | beside | aimed at | not done below |");
  console.log("|---|---|---|---|---|---|");
  for (const { title, measured, share, beside, target = "", floor = "" } of results)
    console.log(`| ${[title, measured, share, beside.join("; "), target, floor].join(" | ")} |`);
}
