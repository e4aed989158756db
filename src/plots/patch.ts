/** How much of an answer comes back when one place of a run is set from another. */
import { inspect } from "node:util";
import type { Grid } from "../insight/results";
import { checkOptions } from "../options";
import { Tensor } from "../tensor";
import { Figure } from "./figure";
import type { Cells } from "./plot";
import { contrast, costLine, fixed, signed } from "./said";

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
 * run's answer comes back.
 *
 * @param grid What {@link Phi3ForCausalLM.patch_grid} gave.
 * @throws TypeError for anything else; RangeError for a grid whose output would be too large.
 * @example
 * const [clean, corrupted] = ["The capital of France is", "The capital of Italy is"];
 * const grid = await model.patch_grid(clean, corrupted, { token: " Paris", against: " Rome", over: "position" });
 * plotPatch(grid);
 */
export function plotPatch(grid: Grid, options: PlotPatchOptions = {}): Figure {
  checkOptions(options, { title: true }, "plotPatch");
  if (!(grid?.values instanceof Tensor) || !Array.isArray(grid.layers))
    throw new TypeError(
      `Expected what model.patch_grid gave for plotPatch but received ${inspect(grid, { depth: 0 })}`,
    );
  const { title = `Where ${grid.token.label} comes back` } = options;
  const [rows = 0, count = 0] = grid.values.dims;
  const data = grid.values.data as Float32Array;
  const names = Array.from({ length: count }, (_, c) => columnName(grid, c));
  const all = <T>(make: (value: number, row: number, column: number) => T): T[][] =>
    Array.from({ length: rows }, (_, r) =>
      Array.from({ length: count }, (_column, c) => make(data[r * count + c] as number, r, c)),
    );
  const number = (value: number): string => (grid.normalised ? fixed(value) : signed(value));
  const cells: Cells = {
    mark: "cells",
    values: all((value) => value),
    colour: { name: grid.normalised ? "restored" : contrast(grid.token, grid.against), range: reach(grid, data) },
    about: all(
      (value, r, c) =>
        `layer ${grid.layers[r]}, ${names[c]}\n${grid.normalised ? "restores" : "gives"} ${number(value)}`,
    ),
    ...(count <= written ? { text: all(number) } : {}),
  };
  return new Figure({
    title,
    caption: captionOf(grid),
    panels: [
      {
        x: { kind: "category", labels: names, name: grid.over, monospace: grid.over === "position" },
        y: { kind: "category", labels: grid.layers.map((layer) => `layer ${layer}`), reversed: true },
        marks: [cells],
      },
    ],
    table: {
      name: "Every cell as a table",
      head: ["layer", ...names],
      rows: grid.layers.map((layer, r) => [
        String(layer),
        ...names.map((_, c) => number(data[r * count + c] as number)),
      ]),
    },
    shrink: "patch fewer layers or positions",
  });
}

/** A position's token, of both prompts where they differ. */
function columnName({ over, clean_tokens, corrupted_tokens }: Grid, column: number): string {
  if (over === "head") return String(column);
  const [clean, corrupted] = [clean_tokens[column]?.label, corrupted_tokens[column]?.label];
  return clean === corrupted || corrupted === undefined ? (clean ?? "") : `${clean} ← ${corrupted}`;
}

/** From 0 to 1 where nothing goes beyond, else as far to both sides. */
function reach({ normalised }: Grid, data: Float32Array): [number, number] {
  const most = data.reduce((far, value) => Math.max(far, Math.abs(value)), normalised ? 1 : 1e-6);
  const end = Number(most.toPrecision(3));
  return normalised && data.every((value) => value > -0.05) ? [0, end] : [-end, end];
}

function captionOf(grid: Grid): string {
  const said = (tokens: Grid["clean_tokens"]): string => JSON.stringify(tokens.map(({ text }) => text).join(""));
  return [
    `Clean: ${said(grid.clean_tokens)}, ${contrast(grid.token, grid.against)} ${signed(grid.clean)}. Corrupted: ${said(grid.corrupted_tokens)}, ${signed(grid.corrupted)}.`,
    `A cell: the corrupted run with ${places[grid.at]} taken from the clean one at one ${grid.over}${grid.normalised ? "; 0: as corrupted, 1: as clean" : ""}.`,
    costLine(grid.cost),
  ].join("\n");
}
