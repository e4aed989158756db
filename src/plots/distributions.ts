/** How measured times are spread: a curve for each thing that was timed, and their medians. */
import { checkOptions } from "../options";
import { quantile } from "../quantile";
import { Figure } from "./figure";
import type { Bar, Line, NumberAxis, Panel } from "./plot";
import { seriesColour } from "./style";

/** Times of one thing. */
export interface TimedSeries {
  /** What was timed. */
  name: string;
  /** In seconds, one for each time that it ran. */
  times: ArrayLike<number>;
}

/** The options of {@link plotDistributions}. */
export interface PlotDistributionsOptions {
  /** What is compared, in the order of the plot. */
  series: TimedSeries[];
  /** Default: `How long it takes`. */
  title?: string;
  /** What is to be seen, in a sentence. */
  caption?: string;
}

/**
 * Plots how the times of several things are spread: the median of each as a bar, and below it how often which time was
 * measured, each curve as high as the others.
 *
 * @throws Error when there is no series, or one without times above 0.
 * @example
 * const times = (scale: number) => Float64Array.from({ length: 30 }, (_, i) => scale * (1 + (i % 7) / 20));
 * plotDistributions({ series: [{ name: "map", times: times(2e-3) }, { name: "loop", times: times(1e-3) }] });
 */
export function plotDistributions(options: PlotDistributionsOptions): Figure {
  checkOptions(options, { series: true, title: true, caption: true }, "plotDistributions");
  const { series = [], title = "How long it takes", caption } = options ?? {};
  if (series.length === 0) throw new Error("Expected at least one series for plotDistributions but received none");
  const sorted = series.map(({ name, times }) => ({ name, times: Float64Array.from(times).sort() }));
  for (const { name, times } of sorted)
    if (times.length === 0 || !times.every((time) => time > 0 && Number.isFinite(time)))
      throw new Error(`Expected times above 0, in seconds, for the series "${name}" of plotDistributions`);
  const least = Math.min(...sorted.map(({ times }) => times[0] as number));
  const most = Math.max(...sorted.map(({ times }) => times.at(-1) as number));
  const unit = unitOf(most);
  // Beyond so wide a range, all but the slowest would stand in a corner.
  const kind: NumberAxis["kind"] = most / least > 8 ? "log" : "linear";
  const medians: Panel = {
    x: { kind: "linear", name: `median (${unit.name})` },
    y: { kind: "category", labels: sorted.map(({ name }) => name) },
    marks: [{ mark: "bars", bars: sorted.map(({ times }, i): Bar => bar(times, seriesColour(i), unit)) }],
  };
  const spread: Panel = {
    x: { kind, name: `time (${unit.name})` },
    y: { kind: "linear", name: "how often", range: [0, 1.05] },
    marks: sorted.map(({ name, times }, i): Line => curve(name, times, seriesColour(i), unit)),
  };
  return new Figure({ title, caption, panels: [medians, spread] });
}

interface Unit {
  name: string;
  seconds: number;
}

function unitOf(most: number): Unit {
  if (most >= 1) return { name: "s", seconds: 1 };
  if (most >= 1e-3) return { name: "ms", seconds: 1e-3 };
  return most >= 1e-6 ? { name: "µs", seconds: 1e-6 } : { name: "ns", seconds: 1e-9 };
}

/** A time for reading, in its own unit. */
function text(seconds: number): string {
  const unit = unitOf(seconds);
  return `${Number((seconds / unit.seconds).toPrecision(3))} ${unit.name}`;
}

function bar(times: Float64Array, colour: string, unit: Unit): Bar {
  const median = quantile(times, 0.5);
  const about = `half of ${times.length} times from ${text(quantile(times, 0.25))} to ${text(quantile(times, 0.75))}`;
  return { value: median / unit.seconds, text: text(median), about, colour };
}

/** A Gaussian kernel over the times' logarithms, as wide as Silverman's rule has it. */
function curve(name: string, times: Float64Array, colour: string, unit: Unit): Line {
  const logs = times.map(Math.log);
  const mean = logs.reduce((sum, value) => sum + value, 0) / logs.length;
  const deviation = Math.sqrt(logs.reduce((sum, value) => sum + (value - mean) ** 2, 0) / logs.length);
  const middle = (quantile(logs, 0.75) - quantile(logs, 0.25)) / 1.34;
  const width = Math.max(0.9 * (Math.min(deviation, middle) || deviation) * logs.length ** -0.2, 0.002);
  const [from, to] = [(logs[0] as number) - 3 * width, (logs.at(-1) as number) + 3 * width];
  const at = Array.from({ length: 121 }, (_, i) => from + ((to - from) * i) / 120);
  const density = at.map((x) => logs.reduce((sum, value) => sum + Math.exp(-(((x - value) / width) ** 2) / 2), 0));
  const peak = Math.max(...density);
  return {
    mark: "line",
    x: at.map((x) => Math.exp(x) / unit.seconds),
    y: density.map((value) => value / peak),
    colour,
    series: name,
    about: `{x:.3g} ${unit.name}`,
    words: `from ${text(times[0] as number)} to ${text(times.at(-1) as number)} in ${times.length} times`,
  };
}
