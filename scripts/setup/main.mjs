/** The steps in their order: which have to be done, what they need, and what is printed. */
import { addonStep } from "./addon.mjs";
import { kernelspecStep } from "./kernelspec.mjs";
import { acquireLock } from "./lock.mjs";
import { packagesStep } from "./packages.mjs";
import { root } from "./places.mjs";
import { SetupProblem, diskNeeded, freeBytes, problems, recognise } from "./problem.mjs";
import { modelStep, pythonStep } from "./python.mjs";
import { stopAll } from "./run.mjs";
import { typescriptStep } from "./typescript.mjs";

const steps = [packagesStep, pythonStep, modelStep, addonStep, typescriptStep, kernelspecStep];

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
  // A step alone needs a share of the whole; where little is missing, little may be enough.
  const bulky = todo.filter((step) => step.bulky).length;
  if (bulky > 0 && freeBytes(root) < (diskNeeded * bulky) / 2) found.push(problems.disk());
  return found;
}

/** Runs one step when those it comes after are through; false when it failed or was left out. */
async function perform(step, before, context, failures) {
  if ((await Promise.all(before)).includes(false)) return false;
  if (context.stopped()) return false;
  const start = performance.now();
  say(`${step.name}: ${step.does} …`);
  try {
    await step.run(context);
    say(`${step.name}: done in ${seconds(start)}`);
    return true;
  } catch (error) {
    if (context.stopped()) return false;
    say(`${step.name}: failed after ${seconds(start)}`);
    failures.push(error instanceof SetupProblem ? error : (recognise(String(error?.message)) ?? error));
    return false;
  }
}

function report(failures) {
  const texts = failures.map((error) =>
    error instanceof SetupProblem ? error.message : String(error?.stack ?? error),
  );
  for (const text of new Set(texts)) console.error(`\nset-up: ${text}`);
  return 1;
}

async function setUp(chosen, force, context) {
  const start = performance.now();
  const open = chosen.filter((step) => force || !step.done());
  if (open.length === 0) {
    say(`nothing to do, all ${chosen.length} steps are done (${seconds(start)})`);
    return 0;
  }
  const lacking = missing(open);
  if (lacking.length > 0) return report(lacking);
  const failures = [];
  const results = new Map();
  for (const step of chosen) {
    const before = step.after.map((name) => results.get(name) ?? true);
    results.set(step.name, open.includes(step) ? perform(step, before, context, failures) : Promise.resolve(true));
  }
  await Promise.all(results.values());
  if (context.stopped()) return 130;
  if (failures.length > 0) return report(failures);
  say(`done in ${seconds(start)}`);
  return 0;
}

/** The command; gives the exit code. */
export async function main(args) {
  const force = args.includes("--force");
  let stopped = false;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      if (!stopped) say("stopped; the same command goes on from here");
      stopped = true;
      stopAll();
    });
  }
  try {
    const chosen = choose(args.filter((arg) => arg !== "--force"));
    const lock = await acquireLock((pid) =>
      say(`waiting for ${pid ? `another set-up (process ${pid})` : "what a stopped set-up left running"} …`),
    );
    return await setUp(chosen, force, { lock, stopped: () => stopped });
  } catch (error) {
    return report([error instanceof SetupProblem ? error : (recognise(String(error?.message)) ?? error)]);
  }
}
