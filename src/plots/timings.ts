/** What the cache of keys and values saves: the time of each token against the length, and the totals. */
import { checkOptions } from "../options";
import { Figure } from "./figure";
import { axis, frame } from "./layout";
import { document, heading, line, palette, polyline, rect, text, textWidth, ticks } from "./svg";
import { wrap } from "./words";

/** Times of one generation, as `generate({ return_timings: true })` measures them. */
export interface Timings {
  /** From the start to the first token, in milliseconds. */
  prompt_ms: number;
  /** Of each later token, in milliseconds. */
  token_ms: ArrayLike<number>;
}

/** A generation's timings, an output that holds them, or a `%%timeit -o` result (seconds), which has totals alone. */
export type TimingsLike = Timings | { timings?: Timings } | { average: number };

export interface PlotTimingsOptions {
  cached: TimingsLike;
  uncached: TimingsLike;
  /** Default: `What the cache saves`. */
  title?: string;
}

interface Series {
  name: string;
  colour: string;
  /** Of the tokens from the second on, by its number; empty when only the total is known. */
  token_ms: number[];
  total_s: number;
}

/**
 * Plots two generations beside each other: each token's time as the text grows, and the totals.
 *
 * @throws Error when one of the two holds no times.
 * @example
 * const cached = await model.generate({ input_ids, max_new_tokens: 100, return_timings: true });
 * const uncached = await model.generate({ input_ids, max_new_tokens: 100, return_timings: true, use_cache: false });
 * plotTimings({ cached, uncached });
 */
export function plotTimings(options: PlotTimingsOptions): Figure {
  checkOptions(options, { cached: true, uncached: true, title: true }, "plotTimings");
  const { cached, uncached, title = "What the cache saves" } = options;
  const all = [series("with cache", palette.first, cached), series("without cache", palette.second, uncached)];
  return new Figure({
    data: traces(all),
    layout: layout(all, title),
    svg: picture(all, title),
    text: letters(all, title),
  });
}

function series(name: string, colour: string, given: TimingsLike): Series {
  const it = given as Partial<Timings> & { timings?: Timings; average?: number };
  const timings = it?.timings ?? (it?.token_ms === undefined ? undefined : (it as Timings));
  if (timings !== undefined) {
    const token_ms = Array.from(timings.token_ms);
    const ms = token_ms.reduce((sum, value) => sum + value, timings.prompt_ms);
    if (Number.isFinite(ms)) return { name, colour, token_ms, total_s: ms / 1000 };
  } else if (typeof it?.average === "number" && Number.isFinite(it.average))
    return { name, colour, token_ms: [], total_s: it.average };
  throw new Error(
    `Expected timings for the series "${name}": an output of generate({ …, return_timings: true }) or of %%timeit -o`,
  );
}

const seconds = (s: number): string => (s >= 1 ? `${s.toPrecision(3)} s` : `${(s * 1000).toPrecision(3)} ms`);
const ratio = ([a, b]: Series[]): number => (b as Series).total_s / (a as Series).total_s;
const curves = (all: Series[]): Series[] => all.filter((one) => one.token_ms.length > 0);
const summary = (all: Series[]): string => `without the cache it takes ${ratio(all).toPrecision(2)} times as long`;

/** Both of a series are of one group, so that the legend hides and shows them together. */
function traces(all: Series[]): object[] {
  const lines = curves(all).map((one) => ({
    type: "scatter",
    // A line of one point would not be seen.
    mode: one.token_ms.length > 1 ? "lines" : "markers",
    name: one.name,
    legendgroup: one.name,
    x: one.token_ms.map((_, i) => i + 2),
    y: one.token_ms,
    line: { color: one.colour, width: 2 },
    hovertemplate: `token %{x}: %{y:.2f} ms<extra>${one.name}</extra>`,
  }));
  const split = lines.length > 0;
  const bars = all.map((one) => ({
    type: "bar",
    orientation: "h",
    name: one.name,
    legendgroup: one.name,
    showlegend: split && one.token_ms.length === 0,
    x: [one.total_s],
    y: [one.name],
    marker: { color: one.colour },
    text: [seconds(one.total_s)],
    textposition: "outside",
    cliponaxis: false,
    ...(split ? { xaxis: "x2", yaxis: "y2" } : {}),
    hovertemplate: "%{x:.3f} s<extra>%{y}</extra>",
  }));
  return [...lines, ...bars];
}

/** Heights in pixels: the curves, what lies between them and the totals, and the total of one series. */
const [curvesHeight, between, row] = [220, 60, 28];

function layout(all: Series[], title: string): Record<string, unknown> {
  const split = curves(all).length > 0;
  const bars = row * all.length;
  const height = split ? curvesHeight + between + bars : bars;
  const totals = { ...axis("total (s)"), rangemode: "tozero" };
  const names = {
    type: "category",
    categoryorder: "array",
    categoryarray: all.map((one) => one.name),
    // Fixed, so that a hidden series leaves its place empty.
    range: [all.length - 0.5, -0.5],
    ticklabelstandoff: 4,
    automargin: true,
    fixedrange: true,
  };
  return {
    ...frame({ title, subtitle: summary(all), legend: split, height }),
    barmode: "overlay",
    ...(split
      ? {
          xaxis: { ...axis("new token"), anchor: "y" },
          yaxis: {
            ...axis("time a token (ms)"),
            domain: [(bars + between) / height, 1],
            rangemode: "tozero",
            automargin: true,
          },
          xaxis2: { ...totals, anchor: "y2" },
          yaxis2: { ...names, domain: [0, bars / height], anchor: "x2" },
        }
      : { xaxis: totals, yaxis: names }),
  };
}

function picture(all: Series[], title: string): string {
  const lines = curves(all);
  const left = 24 + Math.max(56, ...all.map((one) => textWidth(one.name, 12)));
  const [width, room] = [Math.round(left + 520), 440];
  const { shapes, height } = heading(title, width, summary(all));
  let top = height;
  if (lines.length > 0) {
    shapes.push(...legend(lines, left, top + 4), ...curvesPicture(lines, left, top + 24, room));
    top += 24 + curvesHeight + between;
  }
  const bottom = top + row * all.length;
  const marks = ticks(Math.max(...all.map((one) => one.total_s)));
  const scale = room / (marks.at(-1) as number);
  for (const mark of marks) {
    shapes.push(line(left + mark * scale, top, left + mark * scale, bottom));
    shapes.push(text(left + mark * scale, bottom + 18, String(mark), { anchor: "middle", size: 12 }));
  }
  all.forEach((one, i) => {
    const [y, length] = [top + row * i, one.total_s * scale];
    shapes.push(text(left - 8, y + 18, one.name, { anchor: "end", size: 12 }));
    shapes.push(rect(left, y + 4, length, row - 8, one.colour, `${one.name}: ${seconds(one.total_s)}`));
    shapes.push(text(left + length + 6, y + 18, seconds(one.total_s), { size: 12 }));
  });
  shapes.push(text(left + room / 2, bottom + 38, "total (s)", { anchor: "middle" }));
  const alt = `${title}: ${all.map((one) => `${one.name} ${seconds(one.total_s)}`).join(", ")}; ${summary(all)}`;
  return document(width, bottom + 50, alt, shapes);
}

/** The names of the curves beside their colours, in one row. */
function legend(lines: Series[], left: number, y: number): string[] {
  let x = left;
  return lines.flatMap((one) => {
    const shapes = [rect(x, y, 14, 4, one.colour), text(x + 20, y + 6, one.name, { size: 12 })];
    x += 44 + textWidth(one.name, 12);
    return shapes;
  });
}

/** The curves with their axes, `room` pixels wide. */
function curvesPicture(lines: Series[], left: number, top: number, room: number): string[] {
  const bottom = top + curvesHeight;
  const shapes: string[] = [];
  const last = Math.max(...lines.map((one) => one.token_ms.length + 1));
  const marks = ticks(Math.max(...lines.flatMap((one) => one.token_ms)));
  const [xs, ys] = [room / Math.max(last, 2), curvesHeight / (marks.at(-1) as number)];
  for (const mark of marks) {
    const y = bottom - mark * ys;
    shapes.push(line(left, y, left + room, y), text(left - 8, y + 4, String(mark), { anchor: "end", size: 12 }));
  }
  for (const mark of ticks(last))
    if (mark <= last && Number.isInteger(mark))
      shapes.push(text(left + mark * xs, bottom + 18, String(mark), { anchor: "middle", size: 12 }));
  for (const { token_ms, colour } of lines) {
    const points = token_ms.map((ms, i) => [left + (i + 2) * xs, bottom - ms * ys] as const);
    const [[x, y]] = points as [readonly [number, number]];
    shapes.push(points.length > 1 ? polyline(points, colour) : rect(x - 3, y - 3, 6, 6, colour));
  }
  shapes.push(text(left + room / 2, bottom + 38, "new token", { anchor: "middle" }));
  shapes.push(text(left - 56, (top + bottom) / 2, "time a token (ms)", { anchor: "middle", vertical: true }));
  return shapes;
}

function letters(all: Series[], title: string): string {
  const width = Math.max(...all.map((one) => one.name.length));
  const rows = all.map((one) => {
    const [first, last] = [one.token_ms[0], one.token_ms.at(-1)];
    const growth =
      first === undefined || last === undefined
        ? ""
        : `; a token from ${first.toFixed(2)} ms at the start to ${last.toFixed(2)} ms at the end`;
    return `${one.name.padEnd(width)}  ${seconds(one.total_s)}${growth}`;
  });
  return [...wrap(title, 80), ...rows, summary(all)].join("\n");
}
