/** What the cache of keys and values saves: the time of each token against the length, and the totals. */
import { checkOptions } from "../options";
import { Figure } from "./figure";
import { document, line, palette, polyline, rect, text, ticks } from "./svg";
import { plotlyText } from "./token_label";

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

function traces(all: Series[]): object[] {
  const lines = curves(all).map((one) => ({
    type: "scatter",
    mode: "lines",
    name: one.name,
    x: one.token_ms.map((_, i) => i + 2),
    y: one.token_ms,
    line: { color: one.colour, width: 2 },
    hovertemplate: `token %{x}: %{y:.2f} ms<extra>${one.name}</extra>`,
  }));
  const bars = {
    type: "bar",
    x: all.map((one) => one.name),
    y: all.map((one) => one.total_s),
    marker: { color: all.map((one) => one.colour) },
    text: all.map((one) => seconds(one.total_s)),
    textposition: "outside",
    cliponaxis: false,
    showlegend: false,
    xaxis: lines.length ? "x2" : "x",
    yaxis: lines.length ? "y2" : "y",
    hovertemplate: "%{y:.3f} s<extra>%{x}</extra>",
  };
  return [...lines, bars];
}

function layout(all: Series[], title: string): Record<string, unknown> {
  const split = curves(all).length > 0;
  const axis = { gridcolor: palette.grid, zeroline: false };
  const totals = { ...axis, title: { text: "total (s)" }, rangemode: "tozero" };
  return {
    title: { text: `${plotlyText(title)}<br><sub>${summary(all)}</sub>`, font: { size: 16 } },
    height: 380,
    margin: { t: 80, b: 60 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: palette.ink },
    legend: { x: 0.02, y: 0.98, bgcolor: "rgba(0,0,0,0)" },
    ...(split
      ? {
          xaxis: { ...axis, domain: [0, 0.62], title: { text: "new token" } },
          yaxis: { ...axis, title: { text: "time a token (ms)" }, rangemode: "tozero" },
          xaxis2: { ...axis, domain: [0.74, 1], anchor: "y2" },
          yaxis2: { ...totals, anchor: "x2" },
        }
      : { yaxis: totals }),
  };
}

function picture(all: Series[], title: string): string {
  const lines = curves(all);
  const [top, bottom, left] = [76, 310, 70];
  const shapes = [text(left, 26, title, { size: 16, weight: 600 }), text(left, 46, summary(all), { size: 12 })];
  let x0 = left;
  if (lines.length) {
    const width = 380;
    const last = Math.max(...lines.map((one) => one.token_ms.length + 1));
    const marks = ticks(Math.max(...lines.flatMap((one) => one.token_ms)));
    const [xs, ys] = [width / Math.max(last, 2), (bottom - top) / (marks.at(-1) as number)];
    shapes.push(...grid(marks, x0, x0 + width, bottom, ys));
    for (const mark of ticks(last))
      if (mark <= last && Number.isInteger(mark))
        shapes.push(text(x0 + mark * xs, bottom + 18, String(mark), { anchor: "middle", size: 12 }));
    for (const one of lines)
      shapes.push(
        polyline(
          one.token_ms.map((ms, i) => [x0 + (i + 2) * xs, bottom - ms * ys] as const),
          one.colour,
        ),
      );
    lines.forEach((one, i) => {
      shapes.push(
        rect(x0 + 14, top + 6 + 20 * i, 14, 4, one.colour),
        text(x0 + 34, top + 12 + 20 * i, one.name, { size: 12 }),
      );
    });
    shapes.push(text(x0 + width / 2, bottom + 40, "new token", { anchor: "middle" }));
    shapes.push(text(x0 - 48, (top + bottom) / 2, "time a token (ms)", { anchor: "middle", vertical: true }));
    x0 += width + 90;
  }
  const marks = ticks(Math.max(...all.map((one) => one.total_s)) * 1.08);
  const ys = (bottom - top) / (marks.at(-1) as number);
  const width = 230;
  shapes.push(...grid(marks, x0, x0 + width, bottom, ys));
  all.forEach((one, i) => {
    const x = x0 + 25 + i * 110;
    const y = bottom - one.total_s * ys;
    shapes.push(rect(x, y, 70, bottom - y, one.colour));
    shapes.push(text(x + 35, y - 6, seconds(one.total_s), { anchor: "middle", size: 12 }));
    shapes.push(text(x + 35, bottom + 18, one.name, { anchor: "middle", size: 12 }));
  });
  shapes.push(text(x0 - 48, (top + bottom) / 2, "total (s)", { anchor: "middle", vertical: true }));
  const alt = `${title}: ${all.map((one) => `${one.name} ${seconds(one.total_s)}`).join(", ")}; ${summary(all)}`;
  return document(x0 + width + 20, bottom + 52, alt, shapes);
}

function grid(marks: number[], x1: number, x2: number, bottom: number, scale: number): string[] {
  return marks.flatMap((mark) => [
    line(x1, bottom - mark * scale, x2, bottom - mark * scale),
    text(x1 - 8, bottom - mark * scale + 4, String(mark), { anchor: "end", size: 12 }),
  ]);
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
  return [title, ...rows, summary(all)].join("\n");
}
