/**
 * `npm run bench -- cpu`: the CPU backend on the small model's GGUF file, with the machine's limits of the same run, what is
 * aimed at, and where a token's time goes. `--peers` installs llama.cpp, transformers and transformers.js into bench/.peers
 * and copies of the model in their formats (9 GB in all); once there they are measured in every run. `--only ROW` measures
 * one row (or several: --only decode --only memory), by the names in bench/cpu_rows.mjs. Programs take turns, a round each;
 * figures are medians (and bests) of the rounds.
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildProgram } from "./build.mjs";
import { costs } from "./cpu_costs.mjs";
import { costRows, peersOf, rateRows, weightsOf } from "./cpu_rows.mjs";
import { havePeers, installPeers, modelCopies } from "./peers.mjs";
import { median, start, turnAbout } from "./runner.mjs";

const folder = dirname(fileURLToPath(import.meta.url));

export async function bench(args) {
  const { values } = parseArgs({
    args,
    options: {
      peers: { type: "boolean", default: false },
      only: { type: "string", multiple: true },
      rounds: { type: "string", default: "5" },
      json: { type: "string" },
    },
  });
  const known = [...rateRows, ...costRows].map(({ name }) => name);
  const wanted = values.only ?? known;
  for (const name of wanted)
    if (!known.includes(name)) throw new Error(`Expected one of ${known.join(", ")} for --only but received ${name}`);
  if (values.peers) installPeers();
  const { defaultModel } = createRequire(import.meta.url)("../dist/src/index.js");
  const model = process.env.PHI3LAB_MODEL ?? (await defaultModel({ print: () => {} }));
  if (!havePeers())
    console.log("There are no peers to compare with: npm run bench -- cpu --peers installs them into bench/.peers\n");
  // What the machine can do, by the C++ program in bench/cpu.
  const limits = JSON.parse(execFileSync(buildProgram("cpu", "limits"), { encoding: "utf8" }));
  const programs = new Programs();
  const places = { model, copies: havePeers() ? modelCopies(model) : undefined, threads: limits.threads };
  const ours = await programs.ours(model, {});
  if (ours === undefined) throw new Error("phi3lab itself could not be measured");
  const rounds = Number(values.rounds);
  const results = [];
  for (const row of rateRows.filter(({ name }) => wanted.includes(name))) {
    console.log(`measuring ${row.name} …`);
    const result = await measureRate(row, places, programs, limits, rounds);
    if (result) results.push(result);
  }
  for (const row of costRows.filter(({ name }) => wanted.includes(name))) {
    console.log(`measuring ${row.name} …`);
    try {
      results.push({ ...row, ...(await costs[row.name]({ model, ours, rounds })), beside: [] });
    } catch (error) {
      console.log(`${row.name} is left out: ${error.message}`);
    }
  }
  const { text, profile } = await ours.ask({ profile: { stream: 1e9 * limits.read.median } });
  programs.stop();
  report(limits, ours.facts, results);
  console.log(`\nWhere the time of 24 + 100 tokens goes:\n${text}`);
  if (values.json)
    writeFileSync(values.json, `${JSON.stringify({ limits, facts: ours.facts, rows: results, profile }, null, 2)}\n`);
}

/** Every program is started once and serves all its rows. */
class Programs {
  #started = new Map();

  start(name, launch) {
    const key = JSON.stringify(launch);
    if (!this.#started.has(key)) this.#started.set(key, start(name, launch));
    return this.#started.get(key);
  }
  ours(model, options, path) {
    const args = [join(folder, "programs", "ours.mjs"), model];
    const name = ["phi3lab", path, ...Object.entries(options).map(([key, value]) => `${key}: ${value}`)];
    const env = { OPTIONS: JSON.stringify(options), ...(path && { PHI3LAB_CPU: path }) };
    return this.start(name.filter(Boolean).join(", "), { command: process.execPath, args, env });
  }
  async stop() {
    for (const program of this.#started.values()) (await program)?.stop();
  }
}

async function measureRate(row, places, programs, limits, rounds) {
  const path = weightsOf(row, places);
  if (path === undefined) return undefined;
  const { work, against, options = {} } = row;
  const runner = await programs.ours(path, options, row.path);
  if (runner === undefined) return undefined;
  const series = [{ name: "phi3lab", runner, work }];
  if (against)
    series.push({
      name: against.words,
      runner: await programs.ours(path, against.options ?? options),
      work: against.work,
    });
  for (const { name, launch } of peersOf(row, places)) {
    const peer = await programs.start(name, launch);
    if (peer) series.push({ name, runner: peer, work });
  }
  const rates = await turnAbout(series, rounds);
  const [own, ...others] = rates.map((values) => median(values));
  const rate = (i) => `${median(rates[i]).toFixed(0)} (${Math.max(...rates[i]).toFixed(0)})`;
  const beside = others.map((other, i) =>
    against
      ? `${((100 * own) / other).toFixed(0)}% ${against.words}, ${rate(i + 1)}`
      : `${(own / other).toFixed(2)} × ${series[i + 1].name}, ${rate(i + 1)}`,
  );
  return {
    ...row,
    measured: `${rate(0)} tokens/s`,
    share: runner.facts.path === limits.path ? shareOf(work, own, runner.facts, limits) : "",
    beside,
    values: Object.fromEntries(series.map(({ name }, i) => [name, rates[i]])),
  };
}

/** Of what the machine can do: of its memory's speed in decoding, of its multiply-add peak in reading a prompt. */
function shareOf({ prompt, decode }, rate, { weights, layers, head }, limits) {
  if (decode > 0) return `${((100 * rate * weights) / (1e9 * limits.read.median)).toFixed(0)}% of the stream`;
  const flops = 2 * (layers + head / prompt) * rate; // the head is computed for the last token alone
  return `${((100 * flops) / (1e9 * limits.multiply_add.median)).toFixed(0)}% of the peak`;
}

function report(limits, facts, results) {
  console.log(
    `\n${facts.path}, ${facts.threads} threads; this run: reading ${limits.read.median} GB/s (the stream), multiply-add ${limits.multiply_add.median} GFLOP/s (the peak). Medians (bests).\n`,
  );
  console.log("| work | phi3lab | of the machine's limit | beside | aimed at | not done below |");
  console.log("|---|---|---|---|---|---|");
  for (const { title, measured, share, beside, target = "", floor = "" } of results)
    console.log(`| ${[title, measured, share, beside.join("; "), target, floor].join(" | ")} |`);
}
