/**
 * `%timeit` and `%%timeit`: how long a statement or a cell takes, as IPython measures and prints it; where a run takes
 * long, a line after the first one says how long the others will. The code is compiled once; the loop runs inside the
 * compiled function, so that a body without `await` pays for none.
 */
import type { Magic, MagicContext } from "../../src/magic";
import { formatTime, TimeitResult } from "./format_time";
import { compileLoop } from "./loop";
import { nameOption, wholeOption } from "./options";

export const timeit: Magic = {
  name: "timeit",
  kinds: ["line", "cell"],
  summary: "Times a statement or a cell: its mean over several runs of many loops, as IPython does.",
  argument: "STATEMENT",
  details:
    "Behind %%timeit stands what is run once a run before the clock starts. The value with -o holds all runs, in seconds.",
  options: [
    { flag: "-n", value: "LOOPS", summary: "loops a run; default: the first power of ten that takes 0.2 s" },
    { flag: "-r", value: "RUNS", summary: "runs; default: 7" },
    { flag: "-t", summary: "wall time, as it is by default" },
    { flag: "-c", summary: "processor time instead of wall time" },
    { flag: "-p", value: "DIGITS", summary: "significant digits that are printed; default: 3" },
    { flag: "-q", summary: "print nothing" },
    { flag: "-o", summary: "give the result as the value" },
    { flag: "-v", value: "NAME", summary: "keep the result in a variable" },
  ],
  typescript: ["line", "body"],
  example: "%timeit -n 1000 -r 5 Math.hypot(3, 4)",
  async run(context, { options, rest: statement, body }) {
    if (statement === "" && (body === undefined || body.trim() === "")) return undefined;
    const given = wholeOption("timeit", options, "-n", 0) ?? 0;
    const repeat = wholeOption("timeit", options, "-r", 1) ?? 7;
    const precision = wholeOption("timeit", options, "-p", 0) ?? 3;
    const keptName = options.get("-v");
    const name = keptName === undefined ? undefined : nameOption(keptName, "-v of %timeit");
    const [setup, code] = body === undefined ? ["", statement] : [statement, body];
    const now = options.has("-c") ? () => process.cpuUsage().user / 1e6 : () => performance.now() / 1000;
    const start = performance.now();
    const measure = await compileLoop(context, setup, code);
    const compileTime = (performance.now() - start) / 1000;
    const run = (loops: number): Promise<number> => measure({ loops, now });
    // IPython's rule: the first power of ten that takes 0.2 s.
    let loops = given || 1;
    for (let power = 1; given === 0 && power < 10 && (await run(loops)) < 0.2; power++) loops = 10 ** power;
    const runs: number[] = [];
    while (runs.length < repeat) {
      runs.push(await run(loops));
      if (runs.length === 1 && !options.has("-q")) announce(context, runs[0] as number, repeat - 1);
    }
    const [best, worst] = [Math.min(...runs) / loops, Math.max(...runs) / loops];
    const result = new TimeitResult(loops, repeat, best, worst, runs, compileTime, precision);
    if (!options.has("-q")) report(context, result);
    if (name !== undefined) await context.setVariable(name, result);
    return options.has("-o") ? result : undefined;
  },
};

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
