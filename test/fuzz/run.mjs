/**
 * `npm run fuzz -- FORMAT [--minutes N] [--seed N]`: makes inputs of a format for as long, guided by what of the reader
 * they run, and keeps each that breaks it in test/fuzz/corpus, which `npm test` runs. An input must be read or refused
 * with a sentence, in 3 s and 512 MB. `FORMAT` is one of targets.cjs', "native" (the C++ half with sanitizers) or "all".
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";

const here = dirname(fileURLToPath(import.meta.url));
const { makers } = createRequire(import.meta.url)("./targets.cjs");
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: "string", default: "1" }, seed: { type: "string" }, missed: { type: "boolean" } },
});
const [format = ""] = positionals;
const minutes = Number(values.minutes);
const seed = Number(values.seed ?? Date.now() % 2 ** 31);
const formats = [...Object.keys(makers), "native"];
if (![...formats, "all"].includes(format) || !(minutes > 0) || !Number.isInteger(seed)) {
  console.error(
    `Expected one of ${formats.join(", ")} or all, and --minutes N, but received ${process.argv.slice(2).join(" ") || "nothing"}`,
  );
  process.exit(2);
}
/** Milliseconds that an input may take. */
const longest = 3000;
/** Bytes of an input. */
const largest = 64 * 1024;

const folderOf = (name) => join(here, "corpus", name);
function corpusOf(name) {
  const folder = folderOf(name);
  return existsSync(folder) ? readdirSync(folder).map((file) => readFileSync(join(folder, file))) : [];
}

/** Keeps a finding under the hash of its bytes. */
function keep(name, input, why) {
  const file = join(folderOf(name), createHash("sha256").update(input).digest("hex").slice(0, 16));
  mkdirSync(folderOf(name), { recursive: true });
  writeFileSync(file, input);
  console.log(`\n${name}: ${why}\n  kept as ${file}`);
}

/** Fuzzes one format until the time is over; gives how many findings there were. */
function fuzz(name, until) {
  return new Promise((done) => {
    let findings = 0;
    let state = { runs: 0, sinceNew: 0, pool: 0, rate: 0, covered: 0, lines: 0, missed: [] };
    let before = 0;
    let restarts = 0;
    const start = () => {
      const shared = new SharedArrayBuffer(16 + largest);
      const began = new Float64Array(shared, 0, 1);
      const current = () => Buffer.from(new Uint8Array(shared, 16, new Uint32Array(shared, 8, 1)[0]));
      const worker = new Worker(join(here, "loop.cjs"), {
        workerData: { format: name, seed: seed + restarts++, corpus: corpusOf(name), shared },
        resourceLimits: { maxOldGenerationSizeMb: 512 },
        stdout: true,
        stderr: true,
      });
      const again = (why) => {
        findings++;
        keep(name, current(), why);
        before += state.runs;
        state.runs = 0;
        clearInterval(watch);
        worker.removeAllListeners();
        worker.terminate().then(start);
      };
      const watch = setInterval(() => {
        if (Date.now() > until) {
          clearInterval(watch);
          worker.removeAllListeners();
          worker.terminate();
          state.runs += before;
          finish();
        } else if (began[0] !== 0 && Date.now() - began[0] > longest) again(`took more than ${longest / 1000} s`);
      }, 200);
      worker.on("error", (error) => again(error.code ?? error.stack));
      worker.on("message", (message) => {
        if (message.fatal) throw new Error(message.why);
        if (message.why === undefined) {
          state = message;
          return;
        }
        findings++;
        if (message.known) console.log(`\n${name}: a kept input still breaks the reader: ${message.why}`);
        else keep(name, Buffer.from(message.finding), message.why);
      });
    };
    const finish = () => {
      const percent = ((100 * state.covered) / Math.max(1, state.lines)).toFixed(1);
      console.log(
        `${name}: ${state.runs} inputs (${state.rate}/s), the last ${state.sinceNew} without a new edge, ${state.pool} kept in memory, ${percent}% of the reader's ${state.lines} lines, ${findings} findings (seed ${seed})`,
      );
      if (values.missed) console.log(state.missed.map((line) => `  not run: ${line}`).join("\n"));
      done(findings);
    };
    start();
  });
}

let findings = 0;
for (const name of format === "all" ? formats : [format]) {
  if (name === "native") {
    const { fuzzNative } = await import("./native.mjs");
    findings += await fuzzNative({ minutes, seed });
  } else findings += await fuzz(name, Date.now() + 60_000 * minutes);
}
process.exit(findings > 0 ? 1 : 0);
