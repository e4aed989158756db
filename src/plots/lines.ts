/** Lines over common numbers: how something changes with something else. */
import { inspect } from "node:util";
import { checkOptions } from "../options";
import { Figure } from "./figure";
import type { Line, Mark, NumberAxis } from "./plot";
import { palette } from "./style";

/** Of {@link plotLines}. */
export interface PlotLinesOptions {
  /** The numbers that the lines go over, rising. Default: 0, 1, 2, …. */
  x?: readonly number[];
  /** What these numbers are. */
  x_name?: string;
  /** What the lines' numbers are. */
  y_name?: string;
  /** Default: "Lines". */
  title?: string;
  /** A sentence below the title. */
  caption?: string;
  /** Upright lines with a name each, at these of the numbers: "chosen" at 3. */
  marks?: Readonly<Record<string, number>>;
}

const colours = [palette.first, palette.second, "#12a594", "#a061d6", palette.rest];

/**
 * Draws lines, each with its name at its end.
 *
 * @param lines Of each name its numbers, as many as `x` has; NaN is a gap.
 * @throws TypeError or RangeError for no lines, and for lines of different lengths.
 * @example
 * plotLines({ cached: [1, 1.1, 1.2], "without the cache": [1, 2, 3] }, { x: [10, 20, 30], x_name: "tokens", y_name: "ms" });
 */
export function plotLines(lines: Readonly<Record<string, readonly number[]>>, options: PlotLinesOptions = {}): Figure {
  const names = { x: true, x_name: true, y_name: true, title: true, caption: true, marks: true } as const;
  checkOptions(options, names, "plotLines");
  const entries = Object.entries(lines ?? {});
  const [first] = entries;
  if (first === undefined) throw new TypeError("Expected at least one line for plotLines but received none");
  const x = [...(options.x ?? first[1].map((_, i) => i))];
  for (const [name, values] of entries)
    if (!Array.isArray(values) || values.length !== x.length || x.length === 0)
      throw new RangeError(
        `Expected ${x.length || "some"} numbers for the line ${name} but received ${inspect(values, { maxArrayLength: 3 })}`,
      );
  const marks: Mark[] = entries.map(([label, values], i): Line => {
    const colour = colours[i % colours.length] as string;
    return { mark: "line", x, y: [...values], colour, series: label, label };
  });
  for (const [name, at] of Object.entries(options.marks ?? {})) marks.push({ mark: "rule", x: at, name });
  const whole = x.every(Number.isInteger);
  const axis: NumberAxis = { kind: "linear", name: options.x_name, format: whole ? "whole" : "plain" };
  const y: NumberAxis = { kind: "linear", name: options.y_name };
  return new Figure({
    title: options.title ?? "Lines",
    caption: options.caption,
    panels: [{ x: axis, y, marks }],
  });
}
