/**
 * What a plot is: panels below each other, each with two axes and a list of marks. It says what is drawn, never how: plotly.ts,
 * picture.ts and letters.ts draw every plot, and a new plot is a function that returns a `Figure` of such a description.
 */
import type { NumberFormat } from "./scale";
import type { Table } from "./table";

export interface Plot {
  title: string;
  /** The first line in letters; default: the title. */
  heading?: string;
  /** What is to be seen, in a sentence: below the title, and last in letters. */
  caption?: string;
  /** From top to bottom: a cell may be 390 pixels wide, where two beside each other have no room for their labels. */
  panels: Panel[];
  /** Its numbers, for whoever cannot point at the picture. */
  table?: Table;
  /** The option that makes the plot smaller, for the error of one that is too large. */
  shrink?: string;
}

/** Marks on common axes, drawn in their order. */
export interface Panel {
  x: Axis;
  y: Axis;
  marks: Mark[];
  /** In pixels; default: by its rows, or as high as curves are. */
  height?: number;
  /** Of the still picture, in pixels; live the plot is as wide as its cell. */
  width?: number;
}

export type Axis = NumberAxis | CategoryAxis;

export interface NumberAxis {
  /** A linear axis holds 0, but for the x axis of lines; a number ≤ 0 has no place on a logarithmic one. */
  kind: "linear" | "log";
  name?: string;
  /** Default: plain. */
  format?: NumberFormat;
  /** The greatest at the left, or at the bottom. */
  reversed?: boolean;
  /** Default: as far as the marks ask for, to the next round numbers or powers of ten. */
  range?: [from: number, to: number];
}

/** Named places, which marks call 0, 1, 2, …; several may have the same name. */
export interface CategoryAxis {
  kind: "category";
  name?: string;
  /** From the left, or from the top. */
  labels: string[];
  /** From the right, or from the bottom. */
  reversed?: boolean;
  /** Live, for tokens: each letter and each sign for a space as wide as another. */
  monospace?: boolean;
}

/**
 * A mark of a `series` has a legend's entry, once for all panels, which hides and shows all marks of the series together.
 * Bars have entries where lines or points have them; alone they are named by their axis.
 */
export type Mark = Bars | Columns | Line | Points | Cells | Rule;

/** Horizontal, the first at the first place of the y axis, which is a category axis. */
export interface Bars {
  mark: "bars";
  bars: Bar[];
}

export interface Bar {
  /** Its length, from 0 to the right, or to the left where it is negative. */
  value: number;
  /** Stands at its end. */
  text: string;
  /** What it is, in full, for whoever points at it. */
  about: string;
  colour: string;
  series?: string;
}

/** Upright, at numbers of the x axis, upwards from 0 or downwards where a value is negative. */
export interface Columns {
  mark: "columns";
  columns: { x: number; value: number; about: string }[];
  /** Of each, in the x axis' numbers. */
  width: number;
  colour: string;
  series?: string;
}

/** Through points in their order. A number that has no place on its axis, as NaN, is a gap. */
export interface Line {
  mark: "line";
  x: number[];
  y: number[];
  colour: string;
  series?: string;
  /** Stands at its end; in a still picture instead of the legend's entry. */
  label?: string;
  /**
   * Live, at a point of it: `{x}` and `{y}` are its numbers, `{y:.2f}` in a form of d3's. Default: the axes' names and the
   * numbers.
   */
  about?: string;
  /** The line in letters; default: its course in blocks, and its first and last number. */
  words?: string;
  /** It goes level from point to point, and jumps at the place of the one before, or of the one after. */
  steps?: "before" | "after";
}

export interface Points {
  mark: "points";
  points: Point[];
  colour: string;
  series?: string;
}

export interface Point {
  x: number;
  y: number;
  /** Stands beside it, at its right unless `side` says otherwise. */
  label?: string;
  side?: "right" | "left" | "above" | "below";
  about: string;
}

/** A heatmap; both axes are category axes. */
export interface Cells {
  mark: "cells";
  /** Rows by the y axis, columns by the x axis; a null is a cell that is not drawn. */
  values: (number | null)[][];
  /** What the colours say: a name and its numbers. From below 0 the two signs have two colours. */
  colour: { name: string; range: [low: number, high: number]; format?: NumberFormat };
  /** Stands in a cell. */
  text?: string[][];
  /** In full, for whoever points at it; default: the cell's labels and number; null: nothing is said. */
  about?: string[][] | null;
}

/** A line across the panel, at a number of one of its axes. */
export interface Rule {
  mark: "rule";
  x?: number;
  y?: number;
  name: string;
  /** Its name stands at the left, where it would be on a line's end at the right. */
  left?: boolean;
}

/** A plot for an image, which does not show what is said of a cell that is pointed at. */
export const withoutAbout = (plot: Plot): Plot => ({
  ...plot,
  panels: plot.panels.map((panel) => ({
    ...panel,
    marks: panel.marks.map((mark) => (mark.mark === "cells" ? { ...mark, about: null } : mark)),
  })),
});
