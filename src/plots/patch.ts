/** How much of an answer comes back when one place of a run is set from another. */
import { inspect } from "node:util";
import { areIds } from "../insight/label";
import type { Grid } from "../insight/results";
import { checkOptions } from "../options";
import { Tensor } from "../tensor";
import { mapView } from "./map";
import { livePatch, type PatchData } from "./patch_live";
import type { Cells } from "./plot";
import { contrast, costLine, fixed, signed } from "./said";
import { colourEnds, strength } from "./style";
import type { View } from "./view";

/** The options of {@link plotPatch}. */
export interface PlotPatchOptions {
  /** Default: `Where … comes back`, with the token. */
  title?: string;
}

/** Columns that have their number written in. */
const written = 16;

const places: Record<Grid["at"], string> = {
  block: "the stream after a layer",
  attention: "what a layer's attention adds",
  mlp: "what a layer's MLP adds",
};

/**
 * Draws a grid of patched runs: layers upwards, positions or heads to the right, and in each cell how much of the clean
 * run's answer comes back. Live, a cell that is pointed at, or reached by the arrow keys, tells its numbers; a click or
 * Enter shows what was taken from the clean run there, and the cell's row and column as bars.
 *
 * @param grid What {@link Phi3ForCausalLM.patch_grid} gave.
 * @throws TypeError for anything else; RangeError for a grid whose output would be too large.
 * @example
 * const [clean, corrupted] = ["The capital of France is", "The capital of Italy is"];
 * const grid = await model.patch_grid(clean, corrupted, { token: " Paris", against: " Rome", over: "position" });
 * plotPatch(grid);
 */
export function plotPatch(grid: Grid, options: PlotPatchOptions = {}): View {
  checkOptions(options, { title: true }, "plotPatch");
  if (!(grid?.values instanceof Tensor) || !Array.isArray(grid.layers))
    throw new TypeError(
      `Expected what model.patch_grid gave for plotPatch but received ${inspect(grid, { depth: 0 })}`,
    );
  const { title = `Where ${grid.token.label} comes back` } = options;
  const shown = { names: columnNames(grid), numbers: eachCell(grid, numberOf(grid)), range: reach(grid) };
  const plot = plotOf(grid, shown, title);
  return mapView(plot, { data: { title, ...patchData(grid, shown, plot.caption) }, script: livePatch });
}

/** What the picture and the script show: the columns' names, each cell's number as written, and how far colours reach. */
interface Shown {
  names: string[];
  numbers: string[][];
  range: [low: number, high: number];
}

/** Of each cell what is made of its number. */
function eachCell<T>({ values }: Grid, make: (value: number) => T): T[][] {
  const [rows = 0, count = 0] = values.dims;
  const data = values.data as Float32Array;
  return Array.from({ length: rows }, (_, r) => Array.from(data.subarray(r * count, (r + 1) * count), make));
}

function plotOf(grid: Grid, { names, numbers, range }: Shown, title: string) {
  const cells: Cells = {
    mark: "cells",
    values: eachCell(grid, (value) => value),
    colour: { name: measure(grid), range },
    about: numbers.map((row, r) =>
      row.map((number, c) => `layer ${grid.layers[r]}, ${names[c]}\n${does(grid)} ${number}`),
    ),
    ...(names.length <= written ? { text: numbers } : {}),
  };
  const x = { kind: "category" as const, labels: names, name: grid.over };
  const y = { kind: "category" as const, labels: grid.layers.map((layer) => `layer ${layer}`), reversed: true };
  const rows = numbers.map((row, r) => [String(grid.layers[r]), ...row]);
  return {
    ...{ title, caption: captionOf(grid), panels: [{ x, y, marks: [cells] }] },
    table: { name: "Every cell as a table", head: ["layer", ...names], rows },
    shrink: "patch fewer layers or positions",
  };
}

/** The grid in words, as its script gets it. */
function patchData(grid: Grid, { names, numbers, range }: Shown, caption: string): Omit<PatchData, "title"> {
  const { over, layers, normalised, clean, corrupted } = grid;
  const left = (value: number): number => (normalised ? corrupted + value * (clean - corrupted) : value);
  return {
    ...{ about: caption.split("\n"), ends: endsOf(measure(grid), range), does: does(grid), columns: names },
    layers: layers.toReversed().map((layer) => `layer ${layer}`),
    places: names.map((label, c) => (over === "head" ? `head ${label}` : `position ${c} (${label})`)),
    taken: names.map((_, c) => takenAt(grid, c)),
    numbers: numbers.toReversed(),
    strengths: eachCell(grid, (value) => Number(strength(value, range).toFixed(3))).toReversed(),
    scores: eachCell(grid, (value) => signed(left(value))).toReversed(),
    score: contrast(grid.token, grid.against),
    both: `clean ${signed(clean)}, corrupted ${signed(corrupted)}`,
  };
}

/** What a cell's number is, how it is written, and what the cell does with it. */
const measure = ({ normalised, token, against }: Grid): string => (normalised ? "restored" : contrast(token, against));
const numberOf =
  ({ normalised }: Grid) =>
  (value: number): string =>
    normalised ? fixed(value) : signed(value);
const does = ({ normalised }: Grid): string => (normalised ? "restores" : "gives");

/** Of each column the head, or the position's token, of both prompts where they differ. */
function columnNames({ over, values, clean_tokens, corrupted_tokens }: Grid): string[] {
  return Array.from({ length: values.dims[1] ?? 0 }, (_, column) => {
    if (over === "head") return String(column);
    const [clean, corrupted] = [clean_tokens[column]?.label, corrupted_tokens[column]?.label];
    return clean === corrupted || corrupted === undefined ? (clean ?? "") : `${clean} ← ${corrupted}`;
  });
}

/** From 0 to 1 where nothing goes beyond, else as far to both sides. */
function reach({ normalised, values }: Grid): [number, number] {
  const data = values.data as Float32Array;
  const most = data.reduce((far, value) => Math.max(far, Math.abs(value)), normalised ? 1 : 1e-6);
  const end = Number(most.toPrecision(3));
  return normalised && data.every((value) => value > -0.05) ? [0, end] : [-end, end];
}

function endsOf(name: string, range: readonly [number, number]): string {
  const [low, high] = colourEnds(range);
  return low < 0
    ? `${name}: strong orange ${fixed(low)}, pale 0, strong blue ${fixed(high)}`
    : `${name}: pale 0, strong ${fixed(high)}`;
}

/** What a column's cells take from the clean run, in a sentence. */
function takenAt({ over, at, clean_tokens, corrupted_tokens }: Grid, column: number): string {
  const what = "Taken from the clean run: ";
  if (over === "head") return `${what}what head ${column} adds, from the first position on that the prompts differ in.`;
  const [clean, corrupted] = [clean_tokens[column]?.label, corrupted_tokens[column]?.label];
  const other =
    clean === corrupted ? ", which both prompts have there" : `; the corrupted prompt has ${corrupted} there`;
  return `${what}${places[at]} at ${clean}${other}.`;
}

function captionOf(grid: Grid): string {
  const said = (tokens: Grid["clean_tokens"]): string =>
    JSON.stringify(tokens.map(({ text }) => text).join(areIds(tokens) ? " " : ""));
  return [
    `Clean: ${said(grid.clean_tokens)}, ${contrast(grid.token, grid.against)} ${signed(grid.clean)}. Corrupted: ${said(grid.corrupted_tokens)}, ${signed(grid.corrupted)}.`,
    `A cell: the corrupted run with ${places[grid.at]} taken from the clean one at one ${grid.over}${grid.normalised ? "; 0: as corrupted, 1: as clean" : ""}.`,
    costLine(grid.cost),
  ].join("\n");
}
