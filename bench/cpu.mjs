/**
 * `npm run bench -- cpu`: the CPU backend on the small model's GGUF file, with the machine's limits of the same run, and
 * beside node-llama-cpp on the same file where that is installed (`--peers` installs it into bench/.peers, 725 MB).
 * The programs take turns, a round each; figures are medians (and bests) of the rounds.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildProgram } from "./build.mjs";

const folder = dirname(fileURLToPath(import.meta.url));
const peers = join(folder, ".peers");
const peer = "node-llama-cpp@3.22.1";

/** The work: tokens of the prompt, and whether 100 tokens follow. */
const works = [
  { name: "decode, 24 + 100", prompt: 24, decode: 100 },
  { name: "prefill 24", prompt: 24, decode: 0 },
  { name: "prefill 124", prompt: 124, decode: 0 },
  { name: "prefill 512", prompt: 512, decode: 0 },
];

export async function bench(args) {
  const { values } = parseArgs({
    args,
    options: {
      peers: { type: "boolean", default: false },
      rounds: { type: "string", default: "5" },
      json: { type: "string" },
    },
  });
  if (values.peers) installPeers();
  const { defaultModel } = createRequire(import.meta.url)("../dist/src/index.js");
  const model = process.env.PHI3LAB_MODEL ?? (await defaultModel({ print: () => {} }));
  const limits = measureLimits();
  const runners = [await start("phi3lab", "ours.mjs", model, {})];
  if (existsSync(join(peers, "node_modules", "node-llama-cpp")))
    for (const threads of [1, 2])
      runners.push(
        await start(`llama.cpp, ${threads} thread${threads > 1 ? "s" : ""}`, "llama.mjs", model, {
          THREADS: String(threads),
        }),
      );
  else
    console.log(
      "node-llama-cpp is not here to compare with: npm run bench -- cpu --peers installs it into bench/.peers\n",
    );
  const rates = new Map(runners.map(({ name }) => [name, works.map(() => [])]));
  for (let round = 0; round < Number(values.rounds) + 1; round++)
    for (const [w, work] of works.entries())
      for (const runner of runners) {
        const rate = await runner.measure(work);
        if (round > 0) rates.get(runner.name)[w].push(rate); // the first round warms up
      }
  for (const runner of runners) runner.stop();
  report(limits, runners[0].facts, rates, values.json);
}

function report(limits, facts, rates, file) {
  console.log(`${facts.path}, ${facts.threads} threads; tokens a second, median (best) of the rounds`);
  console.log(`reading ${limits.read.median} GB/s, multiply-add ${limits.multiply_add.median} GFLOP/s in this run\n`);
  const names = [...rates.keys()];
  const width = Math.max(...works.map(({ name }) => name.length));
  const columns = names.map((name) => Math.max(name.length, 15));
  const row = (cells) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(width) : cell.padStart(columns[i - 1] ?? 8))).join("  ");
  console.log(row(["", ...names, ...(names.length > 1 ? ["× best peer"] : [])]));
  for (const [w, { name }] of works.entries()) {
    const medians = names.map((one) => median(rates.get(one)[w]));
    const cells = names.map((one, i) => `${medians[i].toFixed(0)} (${Math.max(...rates.get(one)[w]).toFixed(0)})`);
    const ratio = names.length > 1 ? [`${(medians[0] / Math.max(...medians.slice(1))).toFixed(2)}`] : [];
    console.log(row([name, ...cells, ...ratio]));
  }
  const decode = median(rates.get(names[0])[0]);
  const bytes = facts.weights / 1e9;
  console.log(
    `\ndecode reads ${(decode * bytes).toFixed(1)} GB/s, ${((100 * decode * bytes) / limits.read.median).toFixed(0)}% of this run's stream over ${(bytes * 1000).toFixed(1)} MB of weights`,
  );
  if (file)
    writeFileSync(file, `${JSON.stringify({ limits, facts, works, rates: Object.fromEntries(rates) }, null, 2)}\n`);
}

/** What the machine can do, by the C++ program in bench/cpu. */
function measureLimits() {
  return JSON.parse(execFileSync(buildProgram("cpu", "limits"), { encoding: "utf8" }));
}

function installPeers() {
  mkdirSync(peers, { recursive: true });
  if (!existsSync(join(peers, "package.json"))) writeFileSync(join(peers, "package.json"), '{ "private": true }\n');
  console.log(`installing ${peer} into bench/.peers …`);
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([key]) => key.toLowerCase() !== "npm_config_nodedir"),
  );
  const npm = spawnSync("npm", ["install", "--ignore-scripts", "--no-save", peer], {
    cwd: peers,
    env,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  if (npm.status !== 0) throw new Error("npm could not install the peers");
}

/** A program of bench/programs in a process of its own, which measures what it is told. */
async function start(name, program, model, env) {
  const child = spawn(process.execPath, [join(folder, "programs", program), model], {
    cwd: existsSync(peers) ? peers : folder,
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${name} ended before it had measured`);
    return JSON.parse(value);
  };
  const facts = await next();
  const measure = async (work) => {
    child.stdin.write(`${JSON.stringify(work)}\n`);
    return (await next()).rate;
  };
  return { name, facts, measure, stop: () => child.stdin.end() };
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
