/** One job of a format, in a thread: inputs are made of those that ran something new, which all jobs tell each other. */
const { parentPort, receiveMessageOnPort, workerData } = require("node:worker_threads");
const { loadInstrumented } = require("./instrument.cjs");
const { mutator } = require("./mutate.cjs");
const { common, current, largest, placesAtMost } = require("./shared.cjs");
const { makers } = require("./targets.cjs");

const { format, seed, job, jobs, given, shared, texts, places, words } = workerData;
const { runs, seen } = common(shared.common);
const now = current(shared.current);
/** How often each place ran since they were last looked at, modulo 256. */
const counts = new Uint8Array(placesAtMost);
const fours = new Uint32Array(counts.buffer);
loadInstrumented(texts, counts);
const target = makers[format]();
// What is refused is refused often, and its stack is looked at by nobody.
const stack = Error.stackTraceLimit;
Error.stackTraceLimit = 0;

/** Milliseconds. */
const slow = 10;

const buckets = Uint8Array.from({ length: 256 }, (_, n) =>
  n < 4 ? [0, 1, 2, 4][n] : 1 << Math.min(7, Math.floor(Math.log2(n)) + 1),
);

/** Whether the counts have something new since they were last looked at: an edge, or one run more often than before. */
function whatIsNew() {
  let edge = false;
  let news = false;
  for (let four = 0; four < places / 4; four++) {
    if (fours[four] === 0) continue;
    for (let i = 4 * four; i < 4 * four + 4; i++) {
      const bit = buckets[counts[i]];
      if ((seen[i] & bit) === bit) continue;
      const before = Atomics.or(seen, i, bit);
      if (before === 0) edge = true;
      if ((before & bit) === 0) news = true;
    }
    fours[four] = 0;
  }
  return { edge, news };
}

async function failure(input) {
  try {
    const running = target.run(input);
    if (running !== undefined) await running;
  } catch (error) {
    if (!(error instanceof Error) || !target.refuses(error)) return error;
  }
  return undefined;
}

/** Runs an input; gives what is wrong with the reader, if anything. */
async function wrong(input) {
  now.bytes.set(input);
  now.length[0] = input.length;
  now.began[0] = Date.now();
  let error = await failure(input);
  if (error !== undefined) {
    Error.stackTraceLimit = stack;
    error = (await failure(input)) ?? error;
    Error.stackTraceLimit = 0;
  }
  now.began[0] = 0;
  return error === undefined ? undefined : (error?.stack ?? String(error));
}

async function main() {
  parentPort.postMessage({ reader: target.reader, heavy: target.heavy === true });
  // What runs as files are loaded has run.
  whatIsNew();
  const size = target.largest ?? largest;
  const pool = [...target.seeds(), ...given.map((input) => Buffer.from(input))].filter((one) => one.length <= size);
  for (let i = job; i < pool.length; i += jobs) {
    const why = await wrong(pool[i]);
    if (why !== undefined) parentPort.postMessage({ finding: pool[i], why, known: true });
    whatIsNew();
  }
  const mutate = mutator(seed, words, target);
  const { random } = mutate;
  const known = new Set();
  for (let turn = 0; ; turn++) {
    // Newer ones more often: they stand at the edge of what is known.
    const from = random(3) === 0 ? random(pool.length) : Math.max(0, pool.length - 1 - random(20));
    const input = mutate.change(pool[from], pool[random(pool.length)]).subarray(0, size);
    const start = performance.now();
    const why = await wrong(input);
    const took = performance.now() - start;
    const count = Atomics.add(runs, 0, 1) + 1;
    if (why !== undefined) {
      // By where it broke, whatever it says.
      const where = why.match(/\n +at [^\n]+/)?.[0] ?? why;
      if (!known.has(where)) {
        known.add(where);
        parentPort.postMessage({ finding: input, why });
      }
    }
    const { edge, news } = whatIsNew();
    if (edge) Atomics.store(runs, 1, count);
    // What takes long has children that take long, and says little that others do not.
    if (edge || (news && took < slow)) {
      pool.push(Buffer.from(input));
      parentPort.postMessage({ found: input });
    }
    if (turn % 64 !== 0) continue;
    for (let told = receiveMessageOnPort(parentPort); told; told = receiveMessageOnPort(parentPort))
      pool.push(Buffer.from(told.message));
    // Files are read between turns.
    if (turn % 4096 === 0) await new Promise((done) => setImmediate(done));
  }
}

main().catch((error) => parentPort.postMessage({ fatal: error.stack }));
