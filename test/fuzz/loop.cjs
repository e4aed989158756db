/** One target's loop, in a worker: inputs are made of those that ran something new; main watches that none lasts. */
const { parentPort, workerData } = require("node:worker_threads");
const { counts, instrument, places, words } = require("./instrument.cjs");
const { mutator } = require("./mutate.cjs");
const { makers } = require("./targets.cjs");

const { format, seed, corpus, shared } = workerData;
/** Where main sees what runs: when it began (0: nothing), its length, its bytes. */
const began = new Float64Array(shared, 0, 1);
const length = new Uint32Array(shared, 8, 1);
const current = new Uint8Array(shared, 16);
const largest = current.length;

const files = /dist\/src\/(weights|tokenizer|hub)\//;
instrument((file) => files.test(file) && !file.endsWith(".d.ts"));
const target = makers[format]();

/** By place and how often it ran there (1, 2, 3, 4–7, 8–15, …): seen. */
const seen = new Uint8Array(counts.length);
const bucket = Uint8Array.from({ length: 256 }, (_, n) =>
  n === 0 ? 0 : 1 << Math.min(7, Math.floor(Math.log2(n) * 1.01)),
);

/** Whether the counts have something new since they were last looked at. */
function isNew() {
  let news = false;
  for (let i = 0; i < places.length; i++) {
    if (counts[i] === 0) continue;
    const bit = bucket[counts[i]];
    counts[i] = 0;
    if (seen[i] & bit) continue;
    seen[i] |= bit;
    news = true;
  }
  return news;
}

/** Runs an input; gives what is wrong with the reader, if anything. */
async function wrong(input) {
  current.set(input);
  length[0] = input.length;
  began[0] = Date.now();
  try {
    await target.run(input);
  } catch (error) {
    if (!(error instanceof Error) || !target.refuses(error)) return error?.stack ?? String(error);
  } finally {
    began[0] = 0;
  }
  return undefined;
}

async function main() {
  const pool = [...target.seeds(), ...corpus.map((input) => Buffer.from(input))].filter((one) => one.length <= largest);
  for (const input of pool) {
    const why = await wrong(input);
    if (why !== undefined) parentPort.postMessage({ finding: input, why, known: true });
    isNew();
  }
  const { bytes, json, random } = mutator(seed, [...words]);
  const change = target.kind === "json" ? json : bytes;
  const known = new Set();
  const start = Date.now();
  let runs = 0;
  let sinceNew = 0;
  let told = 0;
  for (;;) {
    // Newer ones more often: they stand at the edge of what is known.
    const from = random(3) === 0 ? random(pool.length) : Math.max(0, pool.length - 1 - random(20));
    const input = change(pool[from]).subarray(0, largest);
    const why = await wrong(input);
    runs++;
    sinceNew++;
    if (why !== undefined) {
      const where = why.split("\n").slice(0, 2).join(" ").replace(/\d+/g, "n");
      if (!known.has(where)) {
        known.add(where);
        parentPort.postMessage({ finding: input, why });
      }
    }
    if (isNew()) {
      sinceNew = 0;
      pool.push(Buffer.from(input));
    }
    if (Date.now() - told > 1000) {
      told = Date.now();
      parentPort.postMessage({
        runs,
        sinceNew,
        pool: pool.length,
        rate: Math.round((1000 * runs) / (told - start)),
        ...lines(),
      });
      // Messages are only taken between turns.
      await new Promise((done) => setImmediate(done));
    }
  }
}

/** Lines of the reader that hold a place, and those that ran. */
function lines() {
  const all = new Map();
  places.forEach(({ file, line }, i) => {
    if (!target.reader.test(file)) return;
    const key = `${file}:${line}`;
    all.set(key, (all.get(key) ?? false) || seen[i] !== 0);
  });
  const missed = [...all].filter(([, ran]) => !ran).map(([key]) => key);
  return { covered: all.size - missed.length, lines: all.size, missed };
}

main().catch((error) => parentPort.postMessage({ finding: Buffer.alloc(0), why: error.stack, fatal: true }));
