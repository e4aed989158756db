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
  const [one, other] = names.map((name) => name.split(/[\\/]/).at(-1));
  const { title = one === other ? `Two ways to run ${one}` : `${one} and ${other}` } = options;
  const error = numbersOf(comparison.relative_error);
  const cosine = numbersOf(comparison.cosine);
  const same = numbersOf(comparison.top1_agreement);
  const kl = numbersOf(comparison.kl);
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
      panel({ kind: "log", name: "KL (nats; gaps: 0)", format: "power" }, [line(kl, "KL {y:.2e} nats")]),
      panel({ kind: "linear", name: "same top token", format: "percent", range: [0, 1.04] }, [line(same, "{y:.0%}")]),
    ],
    table: {
      name: "Every place as a table",
      head: ["place", "relative error", "cosine", "KL (nats)", "same top token"],
      rows: labels.map((label, i) => [
        label,
        (error[i] as number).toExponential(2),
        (cosine[i] as number).toFixed(6),
        (kl[i] as number).toExponential(2),
        `${((same[i] as number) * 100).toFixed(0)}%`,
      ]),
    },
  });
}

const numbersOf = (tensor: Tensor): number[] => Array.from(tensor.data as Float32Array);

/** Blocks have their numbers, the head the one behind theirs; other places have their names. */
function placeAxis(labels: readonly string[]): { axis: Axis; at: number[] } {
  const layers = labels.map((label, i) =>
    label === "lm_head" ? String(i) : /^model\.layers\.(\d+)$/.exec(label)?.[1],
  );
  const name = labels.at(-1) === "lm_head" ? "layer (the last: the head)" : "layer";
  if (layers.every((layer) => layer !== undefined))
    return { axis: { kind: "linear", name, format: "whole" }, at: layers.map(Number) };
  const short = labels.map((label) => label.replace(/^model\.(layers\.)?/, ""));
  return { axis: { kind: "category", labels: short }, at: labels.map((_, i) => i) };
}
