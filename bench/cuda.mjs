/**
 * `npm run bench -- cuda`: the GPU backend on Phi-3-mini-4k's shape (random bfloat16 weights, made in a temporary folder
 * unless --model names one), with the GPU's limits of the same run: time by work, min, median and max of the rounds, and
 * its share of what reading the bytes takes; then the same by the kernels of other compute capabilities, without
 * cuBLASLt, and on files of that shape in Q8_0, Q4_0 and Q4_K_M, which stay compact, beside llama.cpp where bench/.peers
 * has it for CUDA. --peers PYTHON measures transformers too, by a Python that has it with torch.
 * --picture FILE.png draws the two curves of generation, with the cache and without. Needs a GPU and a build with CUDA.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildProgram } from "./build.mjs";
import { havePeers, llamaCuda, phi3MiniFiles } from "./peers.mjs";
import { start } from "./runner.mjs";
import { cellTimes, sessionTimes } from "./session.mjs";

const folder = dirname(fileURLToPath(import.meta.url));
const place = { device: "cuda", dtype: "bfloat16" };
const prefills = [25, 512, 2048, 4000];
/** Sequences that are continued at once. */
const atOnce = [2, 4, 8, 16];
/** Milliseconds that are aimed at on one H200, for the table. */
const targets = {
  "decode short": "88% of the stream",
  "decode 2000": "87%",
  "decode 4000": "87%",
  "prefill 25": "2.7 ms",
  "prefill 512": "6.8 ms",
  "prefill 2048": "26.5 ms",
  "prefill 4000": "55 ms",
  "own prefill 25": "3.2 ms",
  "own prefill 512": "10 ms",
  "own prefill 2048": "40 ms",
  "own prefill 4000": "82 ms",
  "generate 24 + 100": "195 ms",
  "the same uncached": "1.6 × cached",
  "8 sequences": "6 × one's tokens/s, at least 4 ×",
  "from a cell": "1.05 × C++",
  "load to first token": "400 ms",
  "as 8.6 decode short": "72%, at least 68%",
  "as 8.6 decode 2000": "66%, at least 58%",
  "as 8.6 prefill 25": "3.8 ms",
  "as 8.6 prefill 512": "12 ms, at most 16.5",
  "as 8.6 prefill 2048": "52 ms",
  "as 8.6 the same uncached": "500 ms, at most 740",
  "as 7.5 decode short": "60%, at least 50%",
  "as 7.5 prefill 25": "6 ms, at most 9",
  "as 7.5 prefill 512": "25 ms, at most 40",
  "as 7.5 the same uncached": "3 × cached, at most 4",
  "Q8_0 decode short": "700 tokens/s, at least 600",
  "Q4_0 decode short": "1,000 tokens/s, at least 800",
  "Q4_K_M decode short": "900 tokens/s, at least 720",
  "Q8_0 prefill 512": "1.3 × 16-bit's, at most 1.6",
  "Q4_0 prefill 512": "1.3 × 16-bit's, at most 1.6",
  "Q4_K_M prefill 512": "1.3 × 16-bit's, at most 1.6",
  "as 7.5 Q4_K_M decode short": "800 tokens/s, at least 650",
};
/** What random GGUF files are made in. */
const mixtures = ["Q8_0", "Q4_0", "Q4_K_M"];
/** Capabilities whose kernels are timed on the GPU at hand, where it has their instructions. */
const capabilities = ["7.5", "8.0", "8.6", "12.0"];
const capabilityPrefills = [25, 512, 2048];

const run = (program, args, options = {}) =>
  execFileSync(program, args, { encoding: "utf8", maxBuffer: 1 << 26, stdio: ["pipe", "pipe", "inherit"], ...options });
const sorted = (values) => [...values].sort((a, b) => a - b);
const median = (values) => sorted(values)[values.length >> 1];

export async function bench(args) {
  const options = {
    model: { type: "string" },
    rounds: { type: "string", default: "5" },
    json: { type: "string" },
    peers: { type: "string" },
    picture: { type: "string" },
  };
  const { values } = parseArgs({ args, options });
  const require = createRequire(import.meta.url);
  const { addon } = require("../dist/src/native/index.js");
  const { problem } = addon().cuda();
  if (problem) throw new Error(problem);
  const made = values.model === undefined ? mkdtempSync(join(tmpdir(), "phi3lab-bench-")) : undefined;
  try {
    if (made !== undefined) run(process.execPath, [join(folder, "random_weights.mjs"), made]);
    await measure(values.model ?? made, { ...values, made: made !== undefined }, require);
  } finally {
    if (made !== undefined) rmSync(made, { recursive: true, force: true });
  }
}

/** What programs/cuda.mjs measures of a model. */
const programOf =
  (model, rounds) =>
  (works, env = {}, times = rounds) =>
    JSON.parse(
      run(process.execPath, [join(folder, "programs", "cuda.mjs"), model, times, ...works], {
        env: { ...process.env, ...env },
      }),
    );

/** Bytes that a decoded token reads: of the embedding one row, of keys and values, of 16 bits, what the window shows. */
function tokenBytes(opened, weights, embedding) {
  const { config } = opened;
  const kv = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim * 2;
  return (positions) => weights - embedding + Math.min(positions, config.sliding_window ?? positions) * kv;
}

/** Rows of a random file whose weights stay compact, and a line of the memory that it takes. */
async function measureCompact(mixture, rounds, require) {
  const temporary = mkdtempSync(join(tmpdir(), "phi3lab-bench-"));
  try {
    const [file] = Object.values(phi3MiniFiles([mixture], temporary));
    const program = programOf(file, rounds);
    const { times, memory, weights } = program([
      "generate",
      "decode:2000",
      "prefill:25",
      "prefill:512",
      "prefill:2048",
    ]);
    const { openWeights, gpuBytesPerElement } = require("../dist/src/weights/index.js");
    const opened = await openWeights(file);
    const [table] = opened.weights.find(({ role }) => role === "embed_tokens").parts;
    const bytes = tokenBytes(opened, weights, gpuBytesPerElement(table.type, 2) * table.shape[0] * table.shape[1]);
    const rows = [
      [`${mixture} decode short`, times.decode, bytes(75)],
      [`${mixture} decode 2000`, times["decode 2000"], bytes(2000)],
      ...[25, 512, 2048].map((n) => [`${mixture} prefill ${n}`, times[`prefill ${n}`]]),
    ];
    if (mixture === "Q4_K_M") {
      const turing = program(["generate"], { PHI3LAB_CUDA_ARCH: "7.5", PHI3LAB_CUBLASLT: "off" });
      rows.push([`as 7.5 ${mixture} decode short`, turing.times.decode, bytes(75)]);
    }
    rows.push(...(await measureLlama(mixture, file, Number(rounds))));
    const mega = (n) => `${(n / 1e6).toFixed(0)} MB`;
    const { size } = statSync(file);
    const said = `memory of ${mixture}: ${mega(memory.device)} = the file's ${mega(size)} + ${mega(memory.device - size)} (weights ${mega(weights)}, workspace ${mega(memory.workspace)})`;
    return { rows, said };
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** Rows of llama.cpp on the same file, where it is installed. */
async function measureLlama(mixture, file, rounds) {
  const peer = havePeers() && (await start("llama.cpp", llamaCuda(file)));
  if (!peer) return [];
  const times = { decode: [], prefill: [] };
  for (let round = 0; round <= rounds; round++) {
    const decode = 1000 / (await peer.ask({ prompt: 24, decode: 100 })).rate;
    const prefill = 512_000 / (await peer.ask({ prompt: 512, decode: 0 })).rate;
    if (round === 0) continue;
    times.decode.push(decode);
    times.prefill.push(prefill);
  }
  peer.stop();
  return [
    [`llama.cpp ${mixture} decode short`, times.decode],
    [`llama.cpp ${mixture} prefill 512`, times.prefill],
  ];
}

async function measure(model, { rounds, json, peers, picture, made }, require) {
  const limits = JSON.parse(run(buildProgram("cuda", "limits"), []));
  const program = programOf(model, rounds);
  const reading = prefills.map((tokens) => `prefill:${tokens}`);
  const main = program([
    "load",
    "generate",
    "decode:2000",
    "decode:4000",
    ...atOnce.map((n) => `several:${n}`),
    ...reading,
  ]);
  const own = program(reading, { PHI3LAB_CUBLASLT: "off" });
  const as = (arch, works, times) => program(works, { PHI3LAB_CUDA_ARCH: arch, PHI3LAB_CUBLASLT: "off" }, times);
  const others = capabilities.flatMap((arch) => {
    try {
      return [
        [`as ${arch} `, as(arch, ["generate", "decode:2000", ...capabilityPrefills.map((n) => `prefill:${n}`)]).times],
      ];
    } catch {
      console.log(`as ${arch}: not on this GPU`); // the program has said why
      return [];
    }
  });
  const portable = as("portable", ["decode:75", "prefill:512"], "1");
  const opened = await require("../dist/src/weights/index.js").openWeights(model);
  const native = sessionTimes(opened, place, Number(rounds));
  const cell = cellTimes(model, place, Number(rounds));
  const bytes = tokenBytes(opened, main.weights, 2 * opened.config.vocab_size * opened.config.hidden_size);
  const compact = [];
  for (const mixture of mixtures) compact.push(await measureCompact(mixture, rounds, require));
  const rows = [
    ["decode short", main.times.decode, bytes(75)],
    ["decode 2000", main.times["decode 2000"], bytes(2000)],
    ["decode 4000", main.times["decode 4000"], bytes(4000)],
    ...prefills.map((n) => [`prefill ${n}`, main.times[`prefill ${n}`]]),
    ...prefills.map((n) => [`own prefill ${n}`, own.times[`prefill ${n}`]]),
    ["generate 24 + 100", main.times.cached],
    ["the same uncached", main.times.uncached],
    ...atOnce.map((n) => [`${n} sequences`, main.times[`several ${n}`]]),
    ["from C++", native],
    ["from a cell", cell],
    ["load to first token", main.times.load],
    ...others.flatMap(([name, times]) => [
      [`${name}decode short`, times.decode, bytes(75)],
      [`${name}decode 2000`, times["decode 2000"], bytes(2000)],
      ...capabilityPrefills.map((n) => [`${name}prefill ${n}`, times[`prefill ${n}`]]),
      [`${name}generate 24 + 100`, times.cached],
      [`${name}the same uncached`, times.uncached],
    ]),
    ["portable decode", portable.times["decode 75"], bytes(75)],
    ["portable prefill 512", portable.times["prefill 512"]],
    ...compact.flatMap(({ rows }) => rows),
  ];
  report(limits, main, rows);
  for (const { said } of compact) console.log(said);
  if (peers) reportPeers(rows, JSON.parse(run(peers, [join(folder, "programs", "transformers_gpu.py"), model, "3"])));
  console.log(`\nA decoded token by kernel:\n${run(buildProgram("cuda", "step"), [])}`);
  if (picture) {
    const title = `Phi-3-mini-4k, 24 + 100 tokens, ${limits.gpu}${made ? " (random weights)" : ""}`;
    await require("../dist/src/index.js")
      .plotTimings({ ...main.curves, title })
      .save(picture);
  }
  if (json) {
    const times = Object.fromEntries(rows.map(([name, values]) => [name, values]));
    writeFileSync(json, `${JSON.stringify({ limits, memory: main.memory, weights: main.weights, times }, null, 2)}\n`);
  }
}

function report(limits, main, rows) {
  console.log(
    `${limits.gpu}: reads ${limits.read_GBps} GB/s, takes ${limits.host_to_device_GBps} GB/s from the host\n`,
  );
  const line = (cells) => cells.map((cell, i) => (i === 0 ? cell.padEnd(28) : cell.padStart(11))).join("");
  console.log(line(["milliseconds", "min", "median", "max", "tokens/s", "of stream", "target"]));
  for (const [name, times, bytes] of rows) {
    if (!times?.length) continue;
    const middle = median(times);
    const share = bytes && `${((100 * bytes) / middle / 1e6 / limits.read_GBps).toFixed(1)}%`;
    const figures = [sorted(times)[0], middle, sorted(times).at(-1)].map((ms) => ms.toFixed(middle < 10 ? 3 : 1));
    const rate = bytes ? (1000 / middle).toFixed(0) : "";
    console.log(line([name, ...figures, rate, share ?? "", `  ${targets[name] ?? ""}`]));
  }
  const time = (name) => median(rows.find(([row]) => row === name)[1]);
  const ratio = (a, b) => (time(a) / time(b)).toFixed(2);
  console.log(`\nuncached takes ${ratio("the same uncached", "generate 24 + 100")} × cached`);
  for (const n of atOnce) {
    const times = (n * time("decode short")) / time(`${n} sequences`);
    console.log(`${n} sequences at once give ${times.toFixed(2)} × one's tokens a second`);
  }
  if (rows.find(([row]) => row === "from a cell")[1].length)
    console.log(`a cell takes ${ratio("from a cell", "from C++")} × C++`);
  const rate = main.weights / time("load to first token") / 1e6;
  console.log(`loading: ${rate.toFixed(1)} GB/s; the very first, ${main.first_load_ms.toFixed(0)} ms`);
  const { device, weights, workspace } = main.memory;
  const mega = (n) => `${(n / 1e6).toFixed(0)} MB`;
  console.log(
    `memory: ${mega(device)} = weights ${mega(weights)} + ${mega(device - weights)} (workspace ${mega(workspace)})`,
  );
}

/** What transformers takes for the same, by the Python that --peers names. */
function reportPeers(rows, peer) {
  console.log("\ntransformers, median milliseconds, and how often ours goes into it:");
  for (const [name, times] of Object.entries(peer)) {
    const mine = rows.find(([row]) => row === name.replace("compiled: ", ""))?.[1];
    console.log(
      `${name.padEnd(30)}${median(times).toFixed(2).padStart(10)}${mine ? `${(median(times) / median(mine)).toFixed(2).padStart(9)} ×` : ""}`,
    );
  }
}
