/** What the cache of keys and values saves: the time of each token against the length, and the totals. */
import { checkOptions } from "../options";
import { Figure } from "./figure";
import type { Bar, Line, Panel } from "./plot";
import { palette } from "./style";

/** Times of one generation, as `generate({ return_timings: true })` measures them. */
export interface Timings {
  /** From the start to the first token, in milliseconds. */
  prompt_ms: number;
  /** Of each later token, in milliseconds. */
  token_ms: ArrayLike<number>;
}

/** A generation's timings, an output that holds them, or a `%%timeit -o` result (seconds), which has totals alone. */
export type TimingsLike =
  | Timings
  | {
      /** What `return_timings` gave. */
      timings?: Timings;
    }
  | {
      /** In seconds. */
      average: number;
    };

/** The options of {@link plotTimings}. */
export interface PlotTimingsOptions {
  /** Of a generation that kept keys and values. */
  cached: TimingsLike;
  /** Of the same one that computed them again for every token. */
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
  const known = all.filter(({ token_ms }) => token_ms.length > 0);
  const totals: Panel = {
    x: { kind: "linear", name: "total (s)" },
    y: { kind: "category", labels: all.map(({ name }) => name) },
    marks: [{ mark: "bars", bars: all.map(total) }],
  };
  const curves: Panel = {
    x: { kind: "linear", name: "new token", format: "whole" },
    y: { kind: "linear", name: "time a token (ms)" },
    marks: known.map(curve),
  };
  const caption = `without the cache it takes ${ratio(all)} times as long`;
  return new Figure({ title, caption, panels: known.length > 0 ? [curves, totals] : [totals] });
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

/** With so many digits, and never a power of ten. */
const digits = (value: number, count: number): string =>
  value < 10 ** count ? value.toPrecision(count) : value.toFixed(0);
const seconds = (s: number): string => (s >= 1 ? `${digits(s, 3)} s` : `${digits(s * 1000, 3)} ms`);
const ratio = ([a, b]: Series[]): string => digits((b as Series).total_s / (a as Series).total_s, 2);

const total = ({ name, colour, total_s }: Series): Bar => ({
  value: total_s,
  text: seconds(total_s),
  about: `${total_s.toFixed(3)} s`,
  colour,
  series: name,
});

const curve = ({ name, colour, token_ms }: Series): Line => ({
  mark: "line",
  x: token_ms.map((_, i) => i + 2),
  y: token_ms,
  colour,
  series: name,
  about: "token {x}: {y:.2f} ms",
  words: `a token from ${token_ms[0]?.toFixed(2)} ms at the start to ${token_ms.at(-1)?.toFixed(2)} ms at the end`,
});
