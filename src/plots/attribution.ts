/** Which parts of the model make a token's score: what each adds, and the sum on the way. */
import { inspect } from "node:util";
import type { Attribution } from "../insight/results";
import { checkOptions } from "../options";
import { Tensor } from "../tensor";
import { Figure } from "./figure";
import type { Bar, Cells, Columns, Line, Panel } from "./plot";
import { contrast, costLine, signed } from "./said";
import { palette } from "./style";

/** The options of {@link plotAttribution}. */
export interface PlotAttributionOptions {
  /** The strongest parts, named below with their numbers: from 1 to 50. Default: 8. */
  n?: number;
  /** Default: `What makes …`, with the token. */
  title?: string;
}

interface Part {
  label: string;
  value: number;
  /** -1: the embeddings. */
  layer: number;
  /** A head's number, or what else of the block it is. */
  what: number | "embed" | "attention" | "mlp";
}

/**
 * Draws what each part adds to a token's score: of layers as columns in their order with the sum so far and the score that
 * the head gives, of heads as a map; and the strongest parts below.
 *
 * @param attribution What {@link Phi3ForCausalLM.attribute} gave.
 * @throws TypeError for anything else; RangeError for an `n` that cannot be.
 * @example
 * const attribution = await model.attribute(prompt, { token: " Paris", against: " London" });
 * plotAttribution(attribution);
 */
export function plotAttribution(attribution: Attribution, options: PlotAttributionOptions = {}): Figure {
  checkOptions(options, { n: true, title: true }, "plotAttribution");
  if (!(attribution?.values instanceof Tensor) || !Array.isArray(attribution.labels))
    throw new TypeError(
      `Expected what model.attribute gave for plotAttribution but received ${inspect(attribution, { depth: 0 })}`,
    );
  const { by, token, against, position, labels, values, total, direct, frozen_rms, cost } = attribution;
  const { n = 8, title = `What makes ${contrast(token, against)}` } = options;
  if (!Number.isInteger(n) || n < 1 || n > 50)
    throw new RangeError(`Expected n from 1 to 50 but received ${inspect(n)}`);
  const parts = Array.from(values.data as Float32Array, (value, i) => partOf(labels[i] as string, value));
  const caption = [
    `At position ${position} the head gives ${signed(direct)}; the parts sum to ${signed(total)}, with the final norm's divisor held at ${frozen_rms.toPrecision(3)}.`,
    costLine(cost),
  ].join("\n");
  return new Figure({
    title,
    caption,
    panels:
      by === "head"
        ? [headMap(parts), strongest(parts, n, bySign)]
        : [inOrder(parts, direct), strongest(parts, n, byKind)],
    table: {
      name: "Every part as a table",
      head: ["part", "adds", "sum so far"],
      rows: sums(parts).map(([{ label, value }, sum]) => [label, signed(value, 3), signed(sum, 3)]),
    },
  });
}

function partOf(label: string, value: number): Part {
  const [, layer, kind, head] = /^layer (\d+) (attention|mlp|head (\d+))$/.exec(label) ?? [];
  if (layer === undefined) return { label, value, layer: -1, what: "embed" };
  return {
    label,
    value,
    layer: Number(layer),
    what: head === undefined ? (kind as "attention" | "mlp") : Number(head),
  };
}

function sums(parts: readonly Part[]): [part: Part, sum: number][] {
  let sum = 0;
  return parts.map((part) => {
    sum += part.value;
    return [part, sum];
  });
}

const about = ({ label, value }: Part): string => `${label}\nadds ${signed(value, 3)}`;

/** Attention left, MLP right of each layer's number; the sum goes on behind each. */
function inOrder(parts: readonly Part[], direct: number): Panel {
  const place = ({ layer, what }: Part): number => layer + (what === "attention" ? -0.2 : what === "mlp" ? 0.2 : 0);
  const series = (name: string, colour: string, kinds: Part["what"][]): Columns => ({
    mark: "columns",
    columns: parts
      .filter(({ what }) => kinds.includes(what))
      .map((part) => ({ x: place(part), value: part.value, about: about(part) })),
    ...{ width: 0.4, colour, series: name },
  });
  const last = Math.max(...parts.map(({ layer }) => layer));
  const sum: Line = {
    mark: "line",
    x: parts.map(place),
    y: sums(parts).map(([, so]) => so),
    ...{ colour: palette.rest, series: "sum so far", steps: "after", about: "sum so far {y:.3f}" },
  };
  return {
    x: { kind: "linear", name: "layer (-1: embeddings)", format: "whole", range: [-1.6, last + 0.6] },
    y: { kind: "linear", name: "adds", range: withRoom([direct, ...parts.map(({ value }) => value), ...sum.y]) },
    marks: [
      series("attention", palette.first, ["attention"]),
      series("MLP and embeddings", palette.second, ["mlp", "embed"]),
      sum,
      { mark: "rule", y: direct, name: `the head gives ${signed(direct)}`, left: true },
    ],
  };
}

/** From the least to the greatest and 0, with room above for the name of the line that is the highest. */
function withRoom(values: readonly number[]): [number, number] {
  const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
  const room = high - low || 1;
  return [low - 0.05 * room, high + 0.15 * room];
}

/** Layers to the right, heads downwards, the MLP below them; the embeddings are told of below. */
function headMap(parts: readonly Part[]): Panel {
  const layers = 1 + Math.max(...parts.map(({ layer }) => layer));
  const heads = 1 + Math.max(...parts.map(({ what }) => (typeof what === "number" ? what : -1)));
  const rows = [...Array.from({ length: heads }, (_, head) => head), "mlp" as const];
  const found = new Map(parts.map((part) => [`${part.layer} ${part.what}`, part]));
  const at = (what: Part["what"], layer: number): Part | undefined => found.get(`${layer} ${what}`);
  const all = <T>(make: (part: Part | undefined) => T): T[][] =>
    rows.map((what) => Array.from({ length: layers }, (_, layer) => make(at(what, layer))));
  const most = Math.max(1e-6, ...parts.map(({ value }) => Math.abs(value)));
  const cells: Cells = {
    mark: "cells",
    values: all((part) => part?.value ?? null),
    colour: { name: "adds", range: [-most, most].map((end) => Number(end.toPrecision(3))) as [number, number] },
    about: all((part) => (part ? about(part) : "")),
  };
  return {
    x: { kind: "category", labels: Array.from({ length: layers }, (_, i) => String(i)), name: "layer" },
    y: { kind: "category", labels: rows.map((what) => (what === "mlp" ? "MLP" : String(what))), name: "head" },
    marks: [cells],
  };
}

/** As the panel above has it. */
const bySign = ({ value }: Part): string => (value < 0 ? palette.second : palette.first);
const byKind = ({ what }: Part): string => (what === "attention" ? palette.first : palette.second);

function strongest(parts: readonly Part[], n: number, colour: (part: Part) => string): Panel {
  const order = [...parts].sort((a, b) => Math.abs(b.value) - Math.abs(a.value)).slice(0, n);
  const bar = (part: Part): Bar => ({
    value: part.value,
    text: signed(part.value),
    about: about(part),
    colour: colour(part),
  });
  return {
    x: { kind: "linear", name: "the strongest parts" },
    y: { kind: "category", labels: order.map(({ label }) => label) },
    marks: [{ mark: "bars", bars: order.map(bar) }],
  };
}
