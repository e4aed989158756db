/** Durations and timing results as IPython prints them (IPython/core/magics/execution.py). */

/** A duration in seconds with `precision` significant digits: `6.21 s`, `913 ms`, `1min 3s`. */
export function formatTime(seconds: number, precision = 3): string {
  if (seconds >= 60) {
    const parts: string[] = [];
    let rest = seconds;
    for (const [suffix, length] of [
      ["d", 86400],
      ["h", 3600],
      ["min", 60],
      ["s", 1],
    ] as const) {
      const value = Math.floor(rest / length);
      if (value > 0) {
        rest %= length;
        parts.push(`${value}${suffix}`);
      }
      if (rest < 1) break;
    }
    return parts.join(" ");
  }
  const order = seconds > 0 ? Math.min(-Math.floor(Math.floor(Math.log10(seconds)) / 3), 3) : 3;
  const [scale, unit] = (
    [
      [1, "s"],
      [1e3, "ms"],
      [1e6, "μs"],
      [1e9, "ns"],
    ] as const
  )[order] as readonly [number, string];
  return `${general(seconds * scale, precision)} ${unit}`;
}

/** C's `%.*g`: significant digits, no trailing zeros, an exponent where the number is too long without. */
function general(value: number, precision: number): string {
  const digits = Math.min(Math.max(precision, 1), 100);
  if (value === 0) return "0";
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e") as [string, string];
  const power = Number(exponent);
  const short = (text: string): string => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (power >= -4 && power < digits) return short(value.toFixed(Math.min(100, Math.max(0, digits - 1 - power))));
  return `${short(mantissa)}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}

/** What `%timeit -o` gives. Times are in seconds. */
export class TimeitResult {
  /** Time of one loop in each run. */
  readonly timings: number[];
  readonly #precision: number;

  constructor(
    /** Loops a run. */
    readonly loops: number,
    /** Count of runs. */
    readonly repeat: number,
    /** Of one loop, in the fastest run. */
    readonly best: number,
    /** Of one loop, in the slowest run. */
    readonly worst: number,
    /** Of each whole run. */
    readonly all_runs: number[],
    readonly compile_time: number,
    precision = 3,
  ) {
    this.timings = all_runs.map((run) => run / loops);
    this.#precision = precision;
  }

  /** Mean of `timings`. */
  get average(): number {
    return exactSum(this.timings) / this.timings.length;
  }

  /** Standard deviation of `timings`, of the runs taken as the whole. */
  get stdev(): number {
    const mean = this.average;
    return Math.sqrt(exactSum(this.timings.map((time) => (time - mean) ** 2)) / this.timings.length);
  }

  toString(): string {
    const mean = formatTime(this.average, this.#precision);
    const deviation = formatTime(this.stdev, this.#precision);
    const runs = `${this.repeat} run${this.repeat === 1 ? "" : "s"}`;
    const loops = `${this.loops.toLocaleString("en-US")} loop${this.loops === 1 ? "" : "s"}`;
    return `${mean} ± ${deviation} per loop (mean ± std. dev. of ${runs}, ${loops} each)`;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return `<TimeitResult : ${this}>`;
  }
}

/** The correctly rounded sum (Shewchuk's partials, as Python's math.fsum). */
function exactSum(values: readonly number[]): number {
  let partials: number[] = [];
  for (let x of values) {
    const next: number[] = [];
    for (let y of partials) {
      if (Math.abs(x) < Math.abs(y)) [x, y] = [y, x];
      const high = x + y;
      const low = y - (high - x);
      if (low !== 0) next.push(low);
      x = high;
    }
    partials = [...next, x];
  }
  // From the greatest down: the partials do not overlap, so this rounds once (and halves to even, with the next one's sign).
  let sum = partials.pop() ?? 0;
  while (partials.length > 0) {
    const x = sum;
    const y = partials.pop() as number;
    sum = x + y;
    const low = y - (sum - x);
    if (low === 0) continue;
    const next = partials.at(-1) ?? 0;
    if ((low < 0 && next < 0) || (low > 0 && next > 0)) {
      const doubled = low * 2;
      const rounded = sum + doubled;
      if (doubled === rounded - sum) sum = rounded;
    }
    break;
  }
  return sum;
}
