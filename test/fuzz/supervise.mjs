/** Fuzzes one format: starts its jobs, passes on what each finds, ends one that lasts, and counts. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);
const { common, current } = require("./shared.cjs");
const { instrumented } = require("./instrument.cjs");
const folders = ["weights", "tokenizer", "hub"].map((name) => join(here, "..", "..", "dist", "src", name));
/** The library with its counters, made once. */
let library;
/** Milliseconds that an input may take, and megabytes. */
const longest = 3000;
const memory = 512;

const folderOf = (format) => join(here, "corpus", format);

/** The findings of a format that are kept. */
function corpusOf(format) {
  const folder = folderOf(format);
  return existsSync(folder) ? readdirSync(folder).map((file) => readFileSync(join(folder, file))) : [];
}

/** Keeps a finding under the hash of its bytes. */
function keep(format, input, why) {
  const file = join(folderOf(format), createHash("sha256").update(input).digest("hex").slice(0, 16));
  mkdirSync(folderOf(format), { recursive: true });
  writeFileSync(file, input);
  console.log(`\n${format}: ${why}\n  kept as ${file}`);
}

/** What earlier runs of a format have found new, the shortest first. */
function readPool(file) {
  if (file === undefined || !existsSync(file)) return [];
  const pool = JSON.parse(readFileSync(file, "utf8")).map((text) => Buffer.from(text, "base64"));
  return pool.sort((a, b) => a.length - b.length);
}

/**
 * Fuzzes a format.
 *
 * @param {{ format: string, minutes: number, seed: number, jobs: number, pool?: string, missed?: boolean }} options
 *   `minutes`: from when the first input runs; `pool`: a file of inputs to begin with, written anew at the end.
 * @returns {Promise<number>} How many findings there were.
 */
export async function fuzz({ format, minutes, seed, jobs, pool: poolFile, missed = false }) {
  library ??= instrumented(folders);
  const { texts, places, words } = library;
  const shared = common();
  const folder = mkdtempSync(join(tmpdir(), "phi3lab-fuzzing-"));
  let began = Infinity;
  const workers = new Map();
  const pool = readPool(poolFile);
  let findings = 0;
  let reader = /$^/;
  let heavy = false;
  let starts = 0;

  const start = (job) => {
    const now = current();
    const worker = new Worker(join(here, "loop.cjs"), {
      workerData: {
        format,
        seed: seed + 7919 * starts++,
        job,
        jobs,
        given: [...corpusOf(format), ...pool],
        texts,
        places: places.length,
        words,
        shared: { common: shared.buffer, current: now.buffer },
      },
      env: { ...process.env, TMPDIR: folder },
      resourceLimits: { maxOldGenerationSizeMb: memory },
      stdout: true,
      stderr: true,
    });
    const again = (why) => {
      if (began === Infinity) throw new Error(`The fuzzer does not start: ${why}`);
      findings++;
      keep(format, Buffer.from(now.bytes.slice(0, now.length[0])), why);
      worker.removeAllListeners();
      workers.delete(job);
      worker.terminate().then(() => start(job));
    };
    workers.set(job, { worker, now, again });
    worker.on("error", (error) => again(error.code ?? error.stack));
    worker.on("message", (message) => {
      if (message.fatal) throw new Error(message.fatal);
      if (message.reader) {
        ({ reader, heavy } = message);
        began = Math.min(began, Date.now());
      } else if (message.found) {
        pool.push(Buffer.from(message.found));
        for (const [other, { worker: to }] of workers) if (other !== job) to.postMessage(message.found);
      } else {
        findings++;
        if (message.known) console.log(`\n${format}: a kept input still breaks the reader: ${message.why}`);
        else keep(format, Buffer.from(message.finding), message.why);
      }
    });
  };
  for (let job = 0; job < jobs; job++) start(job);
  while (!(Date.now() > began + 60_000 * minutes)) {
    await new Promise((done) => setTimeout(done, 200));
    for (const { now, again } of [...workers.values()]) {
      const [since] = now.began;
      if (since !== 0 && Date.now() - since > longest) again(`took more than ${longest / 1000} s`);
    }
  }
  for (const { worker } of workers.values()) worker.removeAllListeners();
  await Promise.all([...workers.values()].map(({ worker }) => worker.terminate()));
  rmSync(folder, { recursive: true, force: true });
  if (poolFile !== undefined) writeFileSync(poolFile, JSON.stringify(pool.map((input) => input.toString("base64"))));

  const [runs, last] = shared.runs;
  const lines = linesOf(places, reader, shared.seen);
  const edges = places.filter((_, i) => shared.seen[i] !== 0).length;
  // An input that builds a tokenizer costs more: a tenth of them will do.
  const enough = heavy ? 1e5 : 1e6;
  const percent = ((100 * (lines.all - lines.missed.length)) / Math.max(1, lines.all)).toFixed(1);
  const counts = lines.missed.length <= 0.1 * lines.all && runs - last >= enough;
  const rate = Math.round((1000 * runs) / (Date.now() - began));
  console.log(
    `${format}: ${runs} inputs (${rate}/s, ${jobs} ${jobs === 1 ? "job" : "jobs"}), the last ${runs - last} without a new edge, ${edges} edges, ${percent}% of the reader's ${lines.all} lines, ${pool.length} inputs found something new, ${findings} findings (seed ${seed}); ${counts ? "long enough" : `go on until 90% of the lines ran and ${enough} inputs brought nothing new`}`,
  );
  if (missed) console.log(lines.missed.map((line) => `  not run: ${line}`).join("\n"));
  return findings;
}

/** Lines of the reader on which a place begins, and those of them that never ran. */
function linesOf(places, reader, seen) {
  const all = new Map();
  for (const [i, { file, line }] of places.entries()) {
    if (line === undefined || !reader.test(file)) continue;
    const key = `${file}:${line}`;
    all.set(key, (all.get(key) ?? false) || seen[i] !== 0);
  }
  return { all: all.size, missed: [...all].filter(([, ran]) => !ran).map(([key]) => key) };
}
