/** Programs in processes of their own that measure what they are told, and figures of what they say. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/**
 * Starts a program that prints one line of facts, and for each line of work in one line of results out, all JSON. Undefined
 * where it does not start, or `missing` says why it is not there; both are said.
 */
export async function start(name, { command, args = [], env, cwd, missing }) {
  if (missing !== undefined) return leaveOut(name, missing);
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
  let complaint = "";
  child.stderr.on("data", (chunk) => {
    complaint = (complaint + chunk).slice(-2000);
  });
  child.on("error", (error) => {
    complaint = error.message;
  });
  child.stdin.on("error", () => {}); // a program that has ended says so below
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`it ended: ${reason(complaint)}`);
    return JSON.parse(value);
  };
  try {
    const facts = await next();
    const ask = (work) => {
      child.stdin.write(`${JSON.stringify(work)}\n`);
      return next();
    };
    return { name, facts, ask, stop: () => child.stdin.end() };
  } catch (error) {
    return leaveOut(name, error.message);
  }
}

/** The line of a program's last words that names the error. */
function reason(words) {
  const lines = words.trim().split("\n");
  return (lines.find((line) => /\w*Error\b.*:/.test(line)) ?? lines.at(-1)).trim();
}

const said = new Set();

function leaveOut(name, why) {
  const line = `${name} is left out: ${why}`;
  if (!said.has(line)) console.log(line);
  said.add(line);
  return undefined;
}

/** How long after one program's turn another's begins: threads that have worked spin for a while, in case there is more. */
const rest = 500;

/**
 * Rates of each of `series`, {runner, work}, which take turns: one round warms up, `rounds` count. A work with `repeats` is
 * done so often in a turn, of which the median counts: a short prompt's first finds the caches as the program before has
 * left them.
 */
export async function turnAbout(series, rounds) {
  const rates = series.map(() => []);
  let last;
  for (let round = 0; round <= rounds; round++)
    for (const [i, { runner, work }] of series.entries()) {
      const turn = [];
      if (runner !== last) await new Promise((done) => setTimeout(done, rest));
      last = runner;
      for (let n = work.repeats ?? 1; n > 0; n--) turn.push((await runner.ask(work)).rate);
      if (round > 0) rates[i].push(median(turn));
    }
  return rates;
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** A share in percent, small ones to a hundredth. */
export const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 2 : 0)}%`;

/** The median of rates, and the best. */
export function medianAndBest(rates) {
  const digits = median(rates) < 20 ? 1 : 0;
  return `${median(rates).toFixed(digits)} (${Math.max(...rates).toFixed(digits)})`;
}
