/** How far two models' runs of one prompt lie apart, layer by layer. */
import { inspect } from "node:util";
import type { Comparison } from "../insight/results";
import { checkOptions } from "../options";
import { Tensor } from "../tensor";
import { Figure } from "./figure";
import type { Axis, Line, Panel } from "./plot";
import { costLine } from "./said";
import { palette } from "./style";

/** The options of {@link plotCompare}. */
export interface PlotCompareOptions {
  /** Default: the models' names. */
  title?: string;
}

/**
 * Draws a comparison: the error of each place on a logarithmic axis, how far what the lens sees lies apart, and how often
 * both have the same top token.
 *
 * @param comparison What {@link compare} gave.
 * @throws TypeError for anything else.
 * @example
 * const other = await AutoModelForCausalLM.from_pretrained(id, { kv_dtype: "float16" });
 * plotCompare(await compare(model, other, prompt));
 */
export function plotCompare(comparison: Comparison, options: PlotCompareOptions = {}): Figure {
  checkOptions(options, { title: true }, "plotCompare");
  if (!(comparison?.relative_error instanceof Tensor) || !Array.isArray(comparison.labels))
    throw new TypeError(`Expected what compare gave for plotCompare but received ${inspect(comparison, { depth: 0 })}`);
  const { labels, names, tokens, cost } = comparison;
  const { title = `${names[0]} and ${names[1]}` } = options;
  const error = numbersOf(comparison.relative_error);
  const cosine = numbersOf(comparison.cosine);
  const same = numbersOf(comparison.top1_agreement);
  const kl = byPlace(comparison.kl, labels.length);
  const [mean, most] = [
    kl.map((row) => row.reduce((sum, one) => sum + one, 0) / row.length),
    kl.map((row) => Math.max(...row)),
  ];
  const { axis, at } = placeAxis(labels);
  const line = (y: number[], about: string, more: Partial<Line> = {}): Line => ({
    ...{
      mark: "line",
      x: at,
      y,
      colour: palette.first,
      about: axis.kind === "category" ? about : `layer {x}: ${about}`,
    },
    ...more,
  });
  const panel = (y: Axis, marks: Line[]): Panel => ({ x: axis, y, marks });
  return new Figure({
    title,
    caption: [
      `Over ${tokens.length} tokens: the error is at most ${Math.max(...error).toExponential(1)} of a vector's length; the top token is the same at ${(Math.min(...same) * 100).toFixed(0)}% of the positions or more.`,
      costLine(cost),
    ].join("\n"),
    panels: [
      panel({ kind: "log", name: "relative error", format: "power" }, [line(error, "error {y:.2e}")]),
      panel({ kind: "log", name: "KL (nats)", format: "power" }, [
        line(mean, "mean KL {y:.2e}", { series: "mean", label: "mean" }),
        line(most, "greatest KL {y:.2e}", { series: "greatest", label: "greatest", colour: palette.second }),
      ]),
      panel({ kind: "linear", name: "same top token", format: "percent", range: [0, 1.04] }, [line(same, "{y:.0%}")]),
    ],
    table: {
      name: "Every place as a table",
      head: ["place", "relative error", "cosine", "mean KL", "greatest KL", "same top token"],
      rows: labels.map((label, i) => [
        label,
        ...[error, undefined, mean, most].map((list) =>
          list === undefined ? (cosine[i] as number).toFixed(6) : (list[i] as number).toExponential(2),
        ),
        `${((same[i] as number) * 100).toFixed(0)}%`,
      ]),
    },
  });
}

const numbersOf = (tensor: Tensor): number[] => Array.from(tensor.data as Float32Array);

/** (places, positions) as rows. */
function byPlace(tensor: Tensor, places: number): number[][] {
  const data = numbersOf(tensor);
  const size = data.length / places;
  return Array.from({ length: places }, (_, i) => data.slice(i * size, (i + 1) * size));
}

/** Blocks have their numbers, other places their names. */
function placeAxis(labels: readonly string[]): { axis: Axis; at: number[] } {
  const layers = labels.map((label) => /^model\.layers\.(\d+)$/.exec(label)?.[1]);
  if (layers.every((layer) => layer !== undefined))
    return { axis: { kind: "linear", name: "layer", format: "whole" }, at: layers.map(Number) };
  const short = labels.map((label) => label.replace(/^model\.(layers\.)?/, ""));
  return { axis: { kind: "category", labels: short }, at: labels.map((_, i) => i) };
}
