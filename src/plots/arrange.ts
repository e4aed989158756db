/** What the live plot and the still picture share: how high things are, which labels are cut, where labels of lines stand. */
import type { Axis, Cells, Line, Mark, Panel, Plot } from "./plot";
import { type Scale, spread, written } from "./scale";
import { columns, shorten, textWidth } from "./words";

/** A category axis' label, no longer than a margin can hold. */
export const shortLabel = (label: string): string => shorten(label, 24);

/** Heights in pixels: of a bar and the space below it, of a row of cells, and of a panel whose y axis has numbers. */
const [barRow, cellRow, curves] = [26, 22, 220];

export function panelHeight({ y, marks, height }: Panel): number {
  if (height !== undefined) return height;
  if (y.kind !== "category") return curves;
  return y.labels.length * (cellsOf(marks) === undefined ? barRow : cellRow);
}

export const cellsOf = (marks: readonly Mark[]): Cells | undefined => marks.find((mark) => mark.mark === "cells");

/** Whether the labels of an x axis are turned upright, because a column may be narrower than they are. */
export const upright = (axis: Axis): boolean =>
  axis.kind === "category" && axis.labels.some((label) => columns(label) > 2);

/** Below a panel: its x axis' labels and name. */
export function footHeight(x: Axis): number {
  const labels = x.kind === "category" && upright(x) ? 6 + widest(x.labels.map(shortLabel), 12) : 18;
  return Math.round(labels) + (x.name === undefined ? 12 : 34);
}

/** The width of the widest of these texts in pixels, about. */
export const widest = (texts: readonly string[], size: number): number =>
  texts.reduce((most, text) => Math.max(most, textWidth(text, size)), 0);

export interface LegendEntry {
  name: string;
  colour: string;
  /** Whether its line has its name at its end, too. */
  labelled: boolean;
}

const named = new Set<Mark["mark"]>(["line", "points", "columns"]);

/** A plot's legend: the series that have lines, points or columns. */
export function legendEntries({ panels }: Plot): LegendEntry[] {
  const found = new Map<string, LegendEntry>();
  for (const mark of panels.flatMap(({ marks }) => marks))
    if ("series" in mark && named.has(mark.mark) && mark.series !== undefined && !found.has(mark.series)) {
      const labelled = mark.mark === "line" && mark.label !== undefined;
      found.set(mark.series, { name: shortLabel(mark.series), colour: mark.colour, labelled });
    }
  return [...found.values()];
}

/** The entries in rows of at most `room` pixels. */
export function legendRows(entries: readonly LegendEntry[], room: number): LegendEntry[][] {
  const rows: LegendEntry[][] = [];
  let left = 0;
  for (const entry of entries) {
    left -= entryWidth(entry);
    if (rows.length === 0 || left < 0) {
      rows.push([]);
      left = room - entryWidth(entry);
    }
    rows.at(-1)?.push(entry);
  }
  return rows;
}
/** A piece of line, a name and the space to the next. */
export const entryWidth = ({ name }: LegendEntry): number => 44 + textWidth(name, 12);

export interface EndLabel {
  line: Line;
  label: string;
  /** The line's last point. */
  x: number;
  y: number;
  /** Where the label stands, as a part of the panel's height from the bottom: by the line, but on no other label. */
  at: number;
}

/** The labels at the ends of a panel's lines. */
export function endLabels({ marks }: Panel, y: Scale, height: number): EndLabel[] {
  const ends = marks.flatMap((mark) => {
    if (mark.mark !== "line" || mark.label === undefined) return [];
    const last = mark.y.findLastIndex((value, i) => Number.isFinite(y.at(value)) && Number.isFinite(mark.x[i]));
    const end = { line: mark, label: shorten(mark.label, 16), x: mark.x[last] as number, y: mark.y[last] as number };
    return last < 0 ? [] : [end];
  });
  const wanted = ends.map((end) => y.at(end.y));
  const places = spread(wanted, 16 / height, [0, 1]);
  return ends.map((end, i) => ({ ...end, at: places[i] as number }));
}

/** A cell in full: what the plot says of it, or its labels and its number; empty where nothing is said. */
export function aboutCell({ x, y }: Panel, { about, values, colour }: Cells, row: number, column: number): string {
  if (about === null) return "";
  const given = about?.[row]?.[column];
  const value = values[row]?.[column] ?? null;
  if (given !== undefined || value === null) return given ?? "";
  const name = (axis: Axis, place: number) => (axis.kind === "category" ? axis.labels[place] : place);
  return `${name(y, row)}, ${name(x, column)}\n${colour.name} ${written(value, colour.format)}`;
}
