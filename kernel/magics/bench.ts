/**
 * `%%bench`: several ways of doing one thing, beside each other. Their rounds are interleaved, so that what slows the machine
 * for a while slows all of them; what is compared is each round with the same round of the others.
 */
import type { Figure } from "../../src/plots/figure";
import { jupyterDisplay } from "../../src/host";
import type { Magic, MagicContext } from "../../src/magic";
import { quantile } from "../../src/quantile";
import { tableText } from "../../src/table";
import { formatTime } from "./format_time";
import { compileLoop } from "./loop";
import { nameOption, wholeOption } from "./options";

const separator = /^[ \t]*-{3,}[ \t]*$/m;
/** What a round of one body should take, in seconds: long enough for the clock, short enough for many of them. */
const roundTime = 0.03;

/** Times of one body. */
export interface BenchRow {
  name: string;
  loops: number;
  /** Of one loop, in seconds, a round each. */
  times: number[];
  median: number;
  /** Between them lies the middle half of the times. */
  quartiles: [number, number];
  /** How many times as long as the fastest body: the median of the rounds' ratios. */
  ratio: number;
  /** Between them the ratio lies with 95% confidence. */
  interval: [number, number];
}

/** What `%%bench -o` gives. */
export class BenchResult {
  constructor(
    /** In the order of the cell. */
    readonly rows: BenchRow[],
  ) {}

  /** The table, and what can be said of the two fastest. */
  toString(): string {
    const head = ["", "median", "middle half", "loops", "ratio", "95%"];
    const rows = this.rows.map(({ name, median, quartiles: [low, high], loops, ratio, interval }) => [
      name,
      formatTime(median),
      `${formatTime(low)} … ${formatTime(high)}`,
      loops.toLocaleString("en-US"),
      times(ratio),
      ratio === 1 ? "" : `${times(interval[0])} … ${times(interval[1])}`,
    ]);
    const table = tableText({ rows: [head, ...rows], numeric: (column) => column > 0 });
    return `${table.join("\n")}\n${this.verdict}`;
  }

  /** In a sentence. */
  get verdict(): string {
    const [first, second] = this.rows.toSorted((a, b) => a.ratio - b.ratio);
    if (first === undefined || second === undefined) return "";
    const rounds = first.times.length;
    const [low, high] = second.interval;
    if (low <= 1) return `Between ${first.name} and ${second.name} no difference can be told in ${rounds} rounds.`;
    const span = `${times(low)} to ${times(high)}`;
    return `${first.name} is the fastest; ${second.name} takes ${times(second.ratio)} as long (95% sure: ${span}), in ${rounds} rounds.`;
  }

  /** The distributions. */
  plot(): Figure {
    const { plotDistributions } =
      require("../../src/plots/distributions") as typeof import("../../src/plots/distributions");
    return plotDistributions({ title: "Rounds of %%bench", caption: this.verdict, series: this.rows });
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

const times = (ratio: number): string => `${ratio.toPrecision(3)}×`;

export const bench: Magic = {
  name: "bench",
  kinds: ["cell"],
  summary: "Compares two or more bodies that lines of --- separate: a table, and how their times are spread.",
  argument: "SET-UP",
  details:
    "Their rounds are interleaved. Behind %%bench stands what each of them runs first, untimed; a comment in the first line of a body is its name.",
  options: [
    { flag: "-r", value: "ROUNDS", summary: "rounds of each body; default: 30" },
    { flag: "-n", value: "LOOPS", summary: "loops a round; default: as many as take 30 ms" },
    { flag: "-q", summary: "print and draw nothing" },
    { flag: "-o", summary: "give the result as the value" },
    { flag: "-v", value: "NAME", summary: "keep the result in a variable" },
  ],
  typescript: ["line", "body"],
  separator,
  example:
    "%%bench const list = Array.from({ length: 1000 }, (_, i) => i);\n// map\nlist.map((x) => x * 2);\n---\n// loop\nconst out = [];\nfor (const x of list) out.push(x * 2);",
  async run(context, { options, rest: setup, body = "" }) {
    const rounds = wholeOption("bench", options, "-r", 2) ?? 30;
    const given = wholeOption("bench", options, "-n", 1);
    const kept = options.get("-v");
    if (kept !== undefined) nameOption(kept, "-v of %%bench");
    const bodies = bodiesOf(body);
    if (bodies.length < 2)
      throw new Error("Expected two or more bodies for %%bench, with a line of --- between each two, but received one");
    const timed = [];
    for (const { name, code } of bodies) {
      const measure = await compileLoop(context, setup, code);
      const run = (loops: number): Promise<number> => measure({ loops, now });
      timed.push({ name, run, loops: given ?? (await loopsFor(run)), times: [] as number[] });
    }
    for (let round = 0; round < rounds; round++)
      // Each begins as often as the others: who runs behind whom evens out.
      for (let i = 0; i < timed.length; i++) {
        const one = timed[(i + round) % timed.length] as (typeof timed)[number];
        one.times.push((await one.run(one.loops)) / one.loops);
      }
    const result = new BenchResult(compare(timed));
    if (!options.has("-q")) report(context, result);
    if (kept !== undefined) await context.setVariable(kept, result);
    return options.has("-o") ? result : undefined;
  },
};

const now = (): number => performance.now() / 1000;

/** The bodies, each in its own lines of the cell, and their names. */
export function bodiesOf(body: string): { name: string; code: string }[] {
  const bodies: string[] = [];
  let above = 0;
  let lines: string[] = [];
  const end = (): void => {
    bodies.push("\n".repeat(above) + lines.join("\n"));
    above += lines.length + 1;
    lines = [];
  };
  for (const line of body.split("\n"))
    if (separator.test(line)) end();
    else lines.push(line);
  end();
  const names = new Map<string, number>();
  return bodies
    .filter((code) => code.trim() !== "")
    .map((code) => {
      const [first = ""] = code.trim().split("\n");
      const [, comment] = /^\/\/\s*(\S.*)$|^\/\*+\s*(\S.*?)\s*\*+\/$/.exec(first.trim())?.filter(Boolean) ?? [];
      const name = (comment ?? first).trim();
      const short = name.length <= 32 ? name : `${name.slice(0, 31)}…`;
      const count = (names.get(short) ?? 0) + 1;
      names.set(short, count);
      return { name: count === 1 ? short : `${short} (${count})`, code };
    });
}

/** How many loops take about as long as a round should; runs some, so that what is compiled late is compiled. */
async function loopsFor(run: (loops: number) => Promise<number>): Promise<number> {
  let loops = 1;
  for (;;) {
    const took = await run(loops);
    if (took >= roundTime / 2 || loops >= 1e9)
      return Math.max(1, Math.round((loops * roundTime) / Math.max(took, 1e-9)));
    loops = Math.ceil(loops * Math.min(10, Math.max(2, roundTime / Math.max(took, 1e-9))));
  }
}

const sorted = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b);

/** Medians and ratios, each round beside the fastest body's same round. */
export function compare(timed: readonly { name: string; loops: number; times: number[] }[]): BenchRow[] {
  const medians = timed.map(({ times }) => quantile(sorted(times), 0.5));
  const fastest = timed[medians.indexOf(Math.min(...medians))] as (typeof timed)[number];
  return timed.map((one, i): BenchRow => {
    const [times, ratios] = [
      sorted(one.times),
      sorted(one.times.map((time, round) => time / (fastest.times[round] as number))),
    ];
    return {
      ...{ name: one.name, loops: one.loops, times: one.times, median: medians[i] as number },
      quartiles: [quantile(times, 0.25), quantile(times, 0.75)],
      ratio: one === fastest ? 1 : quantile(ratios, 0.5),
      interval: medianInterval(ratios),
    };
  });
}

/** Where the median lies with 95% confidence, whatever the distribution: the sign test's, between two of the values. */
export function medianInterval(values: readonly number[]): [number, number] {
  const inOrder = sorted(values);
  const n = inOrder.length;
  // The most values that may be left out on each side: P(Binomial(n, 1/2) <= k - 1) <= 2.5%.
  let [left, term, below] = [0, 0.5 ** n, 0];
  for (let k = 0; k < n / 2; k++) {
    below += term;
    if (below > 0.025) break;
    left = k + 1;
    term *= (n - k) / (k + 1);
  }
  const cut = Math.max(0, left - 1);
  return [inOrder[cut] as number, inOrder[n - 1 - cut] as number];
}

function report(context: MagicContext, result: BenchResult): void {
  context.write("stdout", `${result}\n`);
  context.display(result.plot()[jupyterDisplay]());
}
