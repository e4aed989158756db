/**
 * `%timeit` and `%%timeit`: how long a statement or a cell takes, as IPython measures and prints it; where a run takes
 * long, a line after the first one says how long the others will. The code is compiled once; the loop runs inside the
 * compiled function, so that a body without `await` pays for none.
 */
import { formatTime, TimeitResult } from "./format_time";
import type { Magic, MagicContext } from "./magic";
import { readOptions, wholeOption } from "./options";

const slot = "__phi3lab_timeit__";

/** What the compiled function shares with the magic: how often to run, and the clock. */
interface Shared {
  loops: number;
  now: () => number;
}

export const timeit: Magic = {
  name: "timeit",
  kinds: ["line", "cell"],
  summary:
    "Times a statement or a cell: -n loops, -r runs, -p digits, -q quiet, -o gives the result, -v NAME keeps it.",
  async run(context, line, body) {
    const options = readOptions("timeit", line, "n:r:tcp:qov:");
    const statement = options.rest;
    if (statement === "" && (body === undefined || body.trim() === "")) return undefined;
    const given = wholeOption("timeit", options, "n", 0) ?? 0;
    const repeat = wholeOption("timeit", options, "r", 1) ?? 7;
    const precision = wholeOption("timeit", options, "p", 0) ?? 3;
    const name = options.values.get("v");
    if (name !== undefined && !/^[A-Za-z_$][\w$]*$/.test(name))
      throw new Error(`Expected a variable's name for -v of %timeit but received ${name}`);
    const [setup, code] = body === undefined ? ["", statement] : [statement, body];
    const shared: Shared = {
      loops: 1,
      now: options.values.has("c") ? () => process.cpuUsage().user / 1e6 : () => performance.now() / 1000,
    };
    const start = performance.now();
    const measure = await compile(context, setup, code);
    const compileTime = (performance.now() - start) / 1000;
    const run = async (loops: number): Promise<number> => {
      shared.loops = loops;
      context.signal.throwIfAborted();
      const lent = globalThis as Record<string, unknown>;
      lent[slot] = shared;
      try {
        return (await measure()) as number;
      } finally {
        delete lent[slot];
      }
    };
    // IPython's rule: the first power of ten that takes 0.2 s.
    let loops = given || 1;
    for (let power = 1; given === 0 && power < 10 && (await run(loops)) < 0.2; power++) loops = 10 ** power;
    const runs: number[] = [];
    while (runs.length < repeat) {
      runs.push(await run(loops));
      if (runs.length === 1 && !options.values.has("q")) announce(context, runs[0] as number, repeat - 1);
    }
    const [best, worst] = [Math.min(...runs) / loops, Math.max(...runs) / loops];
    const result = new TimeitResult(loops, repeat, best, worst, runs, compileTime, precision);
    if (!options.values.has("q")) report(context, result);
    if (name !== undefined) await context.setVariable(name, result);
    return options.values.has("o") ? result : undefined;
  },
};

/**
 * The body keeps its lines: everything of ours stands before its first and after its last. It is a function of its own, so
 * that a `return` in it ends one loop and a `break` does not compile; one without `await` is called without one.
 */
function compile(context: MagicContext, setup: string, code: string): Promise<() => Promise<unknown>> {
  const waits = /\bawait\b/.test(code);
  const body = `const $phi3lab_body = ${waits ? "async " : ""}() => {`;
  const loop = `for (let $i = 0; $i < $shared.loops; $i++) ${waits ? "await " : ""}$phi3lab_body();`;
  const measure = `const $shared = (globalThis as any).${slot} as { loops: number; now: () => number }; const $start = $shared.now(); ${loop} return $shared.now() - $start;`;
  // Set-up may end in a comment, so a line ends it: the one that the body has to spare below its magic's line.
  const [before, rest] = code.startsWith("\n") ? ["\n", code.slice(1)] : ["", code];
  return context.compile(`${setup}${before};${body}${rest}\n}; ${measure}`);
}

/** From so many seconds a run on, a reader wants to know how long the others will take. */
const patience = 1;

function announce(context: MagicContext, seconds: number, more: number): void {
  if (seconds < patience || more === 0) return;
  const rest = formatTime(seconds * more);
  context.write("stdout", `The first run took ${formatTime(seconds)}; ${more} more will take about ${rest}.\n`);
}

function report(context: MagicContext, result: TimeitResult): void {
  const { best, worst } = result;
  if (worst > 4 * best && best > 0 && worst > 1e-6)
    context.write(
      "stdout",
      `The slowest run took ${(worst / best).toFixed(2)} times longer than the fastest. This could mean that an intermediate result is being cached.\n`,
    );
  context.write("stdout", `${result}\n`);
}
