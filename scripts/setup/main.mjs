/** The steps in their order: which have to be done, what they need, and what is printed. */
import { addonStep } from "./addon.mjs";
import { cudaStep } from "./cuda.mjs";
import { kernelspecStep } from "./kernelspec.mjs";
import { acquireLock } from "./lock.mjs";
import { packagesStep } from "./packages.mjs";
import { SetupProblem, freeBytes, problems, recognise } from "./problem.mjs";
import { modelStep, pythonStep } from "./python.mjs";
import { stopAll } from "./run.mjs";
import { snapshotStep } from "./snapshot.mjs";
import { checkPlatform } from "./tools.mjs";
import { typescriptStep } from "./typescript.mjs";

const steps = [packagesStep, pythonStep, modelStep, cudaStep, addonStep, typescriptStep, snapshotStep, kernelspecStep];

const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;
const say = (text) => console.log(`set-up: ${text}`);

/** The steps to look at: all, or those named and what they come after. */
function choose(names) {
  const unknown = names.find((name) => !steps.some((step) => step.name === name));
  if (unknown !== undefined) {
    throw new SetupProblem(`There is no step ${unknown}; the steps are ${steps.map((step) => step.name).join(", ")}.`);
  }
  const chosen = new Set(names.length === 0 ? steps.map((step) => step.name) : names);
  for (const step of [...steps].reverse()) {
    if (chosen.has(step.name)) for (const name of step.after) chosen.add(name);
  }
  return steps.filter((step) => chosen.has(step.name));
}

/** Every prerequisite that is missing for what is to be done, found before anything is begun. */
function missing(todo) {
  const found = [];
  for (const step of todo) {
    try {
      step.check();
    } catch (error) {
      found.push(error);
    }
  }
  const bytes = todo.reduce((sum, step) => sum + (step.bytes?.() ?? 0), 0);
  if (bytes > 0 && freeBytes() < bytes) found.push(problems.disk(bytes));
  return found;
}

/** The known problem behind an error, or the error itself. */
const explain = (error) => (error instanceof SetupProblem ? error : (recognise(String(error?.message)) ?? error));

/** Runs one step when those it comes after are through, if it is not done then; false when it failed or was left out. */
async function perform(step, before, context, failures) {
  if ((await Promise.all(before)).includes(false) || context.stopped()) return false;
  if (!context.force && step.done()) return true;
  const start = performance.now();
  say(`${step.name}: ${step.does} …`);
  const patience = setInterval(() => say(`${step.name}: at it for ${seconds(start)} …`), 30_000);
  try {
    await step.run({ ...context, say: (text) => say(`${step.name}: ${text}`) });
    say(`${step.name}: done in ${seconds(start)}`);
    return true;
  } catch (error) {
    if (context.stopped()) return false;
    say(`${step.name}: failed after ${seconds(start)}`);
    failures.push(explain(error));
    return false;
  } finally {
    clearInterval(patience);
  }
}

function report(failures) {
  const texts = failures.map((error) =>
    error instanceof SetupProblem ? error.message : String(error?.stack ?? error),
  );
  for (const text of new Set(texts)) console.error(`\nset-up: ${text}`);
  return 1;
}

async function setUp(chosen, context) {
  const start = performance.now();
  const open = chosen.filter((step) => context.force || !step.done());
  if (open.length === 0) {
    const notes = chosen.map((step) => step.note?.()).filter(Boolean);
    say(`${["nothing to do", `all ${chosen.length} steps are done`, ...notes].join(", ")} (${seconds(start)})`);
    return 0;
  }
  const lacking = missing(open);
  if (lacking.length > 0) return report(lacking);
  const failures = [];
  const results = new Map();
  for (const step of chosen) {
    const before = step.after.map((name) => results.get(name));
    results.set(step.name, perform(step, before, context, failures));
  }
  await Promise.all(results.values());
  if (context.stopped()) return 130;
  if (failures.length > 0) return report(failures);
  say(`done in ${seconds(start)}`);
  return 0;
}

const signals = ["SIGINT", "SIGTERM", "SIGHUP"];

/** The command; gives the exit code. */
export async function main(args) {
  let lock;
  let stopped = false;
  const stop = () => {
    if (!stopped) say("stopped; the same command goes on from here");
    stopped = true;
    stopAll();
    // Nothing is under way yet.
    if (lock === undefined) process.exit(130);
  };
  for (const signal of signals) process.on(signal, stop);
  try {
    checkPlatform();
    const chosen = choose(args.filter((arg) => arg !== "--force"));
    lock = await acquireLock((pid) =>
      say(`waiting for ${pid ? `another set-up (process ${pid})` : "what a stopped set-up left running"} …`),
    );
    const force = args.includes("--force");
    return await setUp(chosen, { force, lock: lock.descriptor, stopped: () => stopped });
  } catch (error) {
    return report([explain(error)]);
  } finally {
    // The program that goes on after set-up neither holds the lock nor takes its signals.
    lock?.release();
    for (const signal of signals) process.off(signal, stop);
  }
}
