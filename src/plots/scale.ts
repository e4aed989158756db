/** Axes as numbers: what they reach from and to, where on them a value stands, and their marks in words. */
import type { CategoryAxis, Mark, NumberAxis, Panel } from "./plot";

/** How numbers of an axis are written: by plotly, in d3's language, and by us. */
export const formats = {
  plain: { plotly: "", text: String },
  percent: { plotly: ".0%", text: (value: number) => `${Number((value * 100).toPrecision(6))}%` },
  /** Of things that are counted: marks stand at whole numbers alone. */
  whole: { plotly: ",", text: (value: number) => value.toLocaleString("en-US") },
  /** Powers of ten, as 1e-4. */
  power: { plotly: ".0e", text: (value: number) => value.toExponential(0) },
} satisfies Record<string, { plotly: string; text: (value: number) => string }>;
export type NumberFormat = keyof typeof formats;

/** A number for reading: a whole one as it is, another with four digits. */
export const written = (value: number, format: NumberFormat = "plain"): string =>
  formats[format].text(Number.isInteger(value) ? value : Number(value.toPrecision(4)));

export interface Scale {
  /** The axis' ends, the first at the left or the bottom. */
  ends: [number, number];
  ticks: { value: number; text: string }[];
  /** Whether it reaches just so far live, too, where else it follows what is shown. */
  fixed: boolean;
  /** Where a value stands, as a part of the way from the left or the bottom; NaN for one that has no place. */
  at(value: number): number;
  /** The value that stands there. */
  value(at: number): number;
}

/** The scales of a panel's two axes, wide enough for all its marks. */
export function scales({ x, y, marks }: Panel): { x: Scale; y: Scale } {
  const lines = marks.filter((mark) => mark.mark === "line");
  const bars = marks.flatMap((mark) => (mark.mark === "bars" ? mark.bars : []));
  const labelled = lines.some(({ label }) => label !== undefined);
  const signed = bars.some(({ value }) => value < 0);
  const across = {
    reach: lines.length > 0 ? "data" : signed ? "signed" : "rounds",
    fixed: labelled || signed,
  } as const;
  const up = { reach: "rounds", fixed: labelled } as const;
  return {
    x: x.kind === "category" ? categories(x, false) : numbers(x, values(marks, "x"), across),
    y: y.kind === "category" ? categories(y, true) : numbers(y, values(marks, "y"), up),
  };
}

function values(marks: readonly Mark[], side: "x" | "y"): number[] {
  return marks.flatMap((mark) => {
    if (mark.mark === "line") return mark[side];
    if (mark.mark === "points") return mark.points.map((point) => point[side]);
    if (mark.mark === "bars") return side === "x" ? mark.bars.map(({ value }) => value) : [];
    if (mark.mark === "columns")
      return mark.columns.flatMap(({ x, value }) => (side === "y" ? value : [x - mark.width / 2, x + mark.width / 2]));
    return mark.mark === "rule" ? (mark[side] ?? []) : [];
  });
}

function categories({ labels, reversed = false }: CategoryAxis, vertical: boolean): Scale {
  const ends: [number, number] = [-0.5, labels.length - 0.5];
  // From the top down unless it is reversed, whereas numbers grow upwards.
  if (reversed !== vertical) ends.reverse();
  const ticks = labels.map((text, value) => ({ value, text }));
  return linear(ends, ticks, true);
}

/**
 * How far a linear axis reaches where it is not told: from 0 to round numbers; the same with room for the text left of a
 * negative bar; or from the least to the greatest, as lines run from end to end.
 */
type Reach = "rounds" | "signed" | "data";

function numbers(axis: NumberAxis, given: number[], { reach, fixed }: { reach: Reach; fixed: boolean }): Scale {
  const { text } = formats[axis.format ?? "plain"];
  const [[low, high], marks] = axis.kind === "log" ? powers(axis, given) : rounds(axis, given, reach);
  const slack = (high - low) * 1e-9;
  const inside = marks.filter((mark) => mark >= low - slack && mark <= high + slack);
  const shown = axis.format === "whole" ? inside.filter(Number.isInteger) : inside;
  const ticks = shown.map((value) => ({ value, text: text(value) }));
  const ends: [number, number] = axis.reversed ? [high, low] : [low, high];
  if (axis.kind === "linear") return linear(ends, ticks, fixed || axis.reversed === true || axis.range !== undefined);
  const inner = linear([Math.log10(ends[0]), Math.log10(ends[1])], [], true);
  return {
    ...{ ends, ticks, fixed: true },
    at: (value) => (value > 0 ? inner.at(Math.log10(value)) : Number.NaN),
    value: (at) => 10 ** inner.value(at),
  };
}

const linear = ([from, to]: [number, number], ticks: Scale["ticks"], fixed: boolean): Scale => ({
  ...{ ends: [from, to], ticks, fixed },
  at: (value) => (Number.isFinite(value) ? (value - from) / (to - from) : Number.NaN),
  value: (at) => from + at * (to - from),
});

function rounds({ range }: NumberAxis, given: number[], reach: Reach): [ends: [number, number], marks: number[]] {
  const [low, high] = range ?? extent(reach === "data" ? given : [0, ...given]);
  if (range !== undefined) return [range, ticks(low, high)];
  // A single point has room on both sides.
  if (reach === "data" && low === high) return [[low - 1, high + 1], ticks(low - 1, high + 1)];
  const marks = ticks(low, high);
  const [first, last] = [marks[0] as number, marks.at(-1) as number];
  if (reach === "data" && high > low) return [[low, high], marks];
  return [[reach === "signed" ? Math.min(first, low - 0.12 * (last - low)) : first, last], marks];
}

/** From a power of ten to another, and a little more, so that a line along either is whole. */
function powers({ range }: NumberAxis, given: number[]): [ends: [number, number], marks: number[]] {
  const [low, high] = range ?? extent(given.filter((value) => value > 0));
  const from = Math.floor(Math.log10(low > 0 ? low : 1) + 1e-9);
  const to = Math.max(from + 1, Math.ceil(Math.log10(high > 0 ? high : 1) - 1e-9));
  const step = Math.ceil((to - from) / 6);
  const marks = Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => Number(`1e${from + i * step}`));
  const more = 0.04 * (to - from);
  return [range ?? [10 ** (from - more), 10 ** (to + more)], marks];
}

/** The least and the greatest finite number; NaN where there is none. */
function extent(given: readonly number[]): [number, number] {
  let [low, high] = [Number.NaN, Number.NaN];
  for (const value of given)
    if (Number.isFinite(value)) [low, high] = [value > low ? low : value, value < high ? high : value];
  return [low, high];
}

/** About `count` round numbers (1, 2 or 5 times a power of ten apart) from at most `low` to at least `high`. */
export function ticks(low: number, high: number, count = 5): number[] {
  if (!(high > low)) return [0, 1];
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= raw * (1 - 1e-9)) as number);
  const marks = [];
  for (let i = Math.floor(low / step + 1e-9); i * step < high + step * (1 - 1e-9); i++)
    marks.push(Number((i * step).toPrecision(12)));
  return marks;
}

/**
 * Places at least `gap` apart between `from` and `to`, each as near to the one it stands for as the others let it: labels
 * beside the ends of lines. Where they have no room at all, they go on beyond `to`.
 */
export function spread(places: readonly number[], gap: number, [from, to]: readonly [number, number]): number[] {
  const order = [...places.keys()].sort((a, b) => (places[a] as number) - (places[b] as number));
  // With the gaps below taken off, neighbours may be equal but not in the wrong order: those that are share their mean.
  const blocks: { mean: number; count: number }[] = [];
  order.forEach((index, i) => {
    let block = { mean: (places[index] as number) - i * gap, count: 1 };
    for (let last = blocks.at(-1); last !== undefined && last.mean > block.mean; last = blocks.at(-1)) {
      const count = last.count + block.count;
      block = { mean: (last.mean * last.count + block.mean * block.count) / count, count };
      blocks.pop();
    }
    blocks.push(block);
  });
  const means = blocks.flatMap(({ mean, count }) => Array<number>(count).fill(mean));
  const highest = to - gap * (places.length - 1);
  const result: number[] = [];
  order.forEach((index, i) => {
    result[index] = Math.max(from, Math.min(highest, means[i] as number)) + i * gap;
  });
  return result;
}
