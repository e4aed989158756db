/** Plots in letters, for terminals and for whoever has them read out: the same facts, a line each. */
import { shortLabel } from "./arrange";
import type { Axis, Bar, Bars, Cells, Line, Mark, Panel, Plot, Points, Rule } from "./plot";
import { scales, written } from "./scale";
import { colourEnds, strength } from "./style";
import { columns, shorten, wrap } from "./words";

/** The heading, a line for each series, the other marks by their kinds, and the caption. */
export function letters(plot: Plot): string {
  const { heading = plot.title, caption, panels } = plot;
  return [
    ...wrap(heading, 80),
    ...seriesRows(panels),
    ...marksOf(panels, "bars").flatMap(([mark, panel]) => barRows(mark, panel)),
    ...marksOf(panels, "points").flatMap(([mark]) => pointRows(mark)),
    ...marksOf(panels, "cells").flatMap(([mark, panel]) => cellRows(mark, panel)),
    ...marksOf(panels, "rule").flatMap(([mark, panel]) => ruleRows(mark, panel)),
    ...(caption === undefined ? [] : [caption]),
  ].join("\n");
}

/** The plot in a sentence: what a picture is called where it cannot be seen. */
export function inWords({ title, caption, panels }: Plot): string {
  const bars = marksOf(panels, "bars").flatMap(([{ bars: all }, { y }]) =>
    all.map(({ text }, i) => `${labelsOf(y)[i]} ${text}`),
  );
  const lines = marksOf(panels, "line").map(([line, panel]) => `${lineName(line, panel)} ${lineWords(line, panel)}`);
  const cells = marksOf(panels, "cells").map(
    ([{ colour, values }]) => `${colour.name} of ${values.length} rows of cells`,
  );
  const facts = [...(bars.length > 0 ? bars : lines), ...cells].join(", ");
  return `${title}${facts && `: ${facts}`}${caption === undefined ? "" : `; ${caption}`}`;
}

/** All marks of one kind, with their panels. */
function marksOf<K extends Mark["mark"]>(panels: readonly Panel[], kind: K): [Extract<Mark, { mark: K }>, Panel][] {
  const all = panels.flatMap((panel) => panel.marks.map((mark) => [mark, panel] as [Mark, Panel]));
  return all.filter(([{ mark }]) => mark === kind) as [Extract<Mark, { mark: K }>, Panel][];
}

const labelsOf = (axis: Axis): string[] => (axis.kind === "category" ? axis.labels : []);
const lineName = ({ series, label }: Line, { y }: Panel): string => series ?? label ?? y.name ?? "";
const pad = (text: string, width: number): string => text + " ".repeat(Math.max(0, width - columns(text)));
const widest = (texts: readonly string[]): number => texts.reduce((most, text) => Math.max(most, columns(text)), 0);

/** Of each series, and of each line without one: the texts of its bars, then its lines. */
function seriesRows(panels: readonly Panel[]): string[] {
  const facts = new Map<string, string[]>();
  const add = (name: string, fact: string) => facts.set(name, [...(facts.get(name) ?? []), fact]);
  for (const [{ bars }] of marksOf(panels, "bars"))
    for (const { series, text } of bars) if (series !== undefined) add(series, text);
  for (const [line, panel] of marksOf(panels, "line"))
    add(lineName(line, panel), line.words ?? `${blocks(line, panel)}  ${lineWords(line, panel)}`);
  const width = widest([...facts.keys()]);
  return [...facts].map(([name, all]) => `${pad(name, width)}  ${all.join("; ")}`);
}

/** What a line says of itself, or from where to where it goes. */
function lineWords({ y, words }: Line, panel: Panel): string {
  const finite = y.filter(Number.isFinite);
  const [first, last] = [finite[0], finite.at(-1)];
  if (words !== undefined || first === undefined || last === undefined) return words ?? "no numbers";
  const format = panel.y.kind === "category" ? undefined : panel.y.format;
  return `from ${written(first, format)} to ${written(last, format)}`;
}

/** A line's course in at most 40 blocks, the higher the further up the panel. */
function blocks({ y }: Line, panel: Panel): string {
  const { at } = scales(panel).y;
  const count = Math.min(y.length, 40);
  return Array.from({ length: count }, (_, i) => {
    const part = y.slice(Math.floor((i * y.length) / count), Math.floor(((i + 1) * y.length) / count)).map(at);
    const mean = part.reduce((sum, value) => sum + value, 0) / part.length;
    return Number.isNaN(mean) ? " " : "▁▂▃▄▅▆▇█"[Math.min(7, Math.max(0, Math.floor(mean * 8)))];
  }).join("");
}

/** Those of no series: label, text and a row of blocks, which goes to the left where a value is negative. */
function barRows({ bars }: Bars, { y }: Panel): string[] {
  const labels = labelsOf(y).map(shortLabel);
  const width = widest(labels);
  const values = bars.map(({ value }) => value);
  const [least, most] = [Math.min(0, ...values), Math.max(0, ...values)];
  const scale = 40 / (most - least || 1);
  const zero = Math.round(-least * scale);
  const row = ({ value, text }: Bar, place: number): string => {
    const length = Math.round(Math.abs(value) * scale);
    const bar = " ".repeat(value < 0 ? Math.max(0, zero - length) : zero) + "█".repeat(length);
    return `${pad(labels[place] ?? "", width)}  ${text.padStart(8)}  ${bar}`;
  };
  const shown = [...bars.keys()].filter((place) => (bars[place] as Bar).series === undefined);
  return inOrder(y, shown).map((place) => row(bars[place] as Bar, place));
}

/** Places from the top down, or from the left to the right. */
const inOrder = (axis: Axis, places: readonly number[]): number[] =>
  axis.reversed ? places.toReversed() : [...places];

const pointRows = ({ points }: Points): string[] => points.map(({ about }) => about.replaceAll("\n", ", "));

/** A table of the cells' texts, each behind a shade for its colour; as many columns side by side as 100 letters hold. */
function cellRows({ values, text, colour }: Cells, { x, y }: Panel): string[] {
  const signed = colour.range[0] < 0;
  const shade = (value: number): string => {
    const part = strength(value, colour.range);
    const block = "·░▒▓█"[Math.min(4, Math.floor(Math.abs(part) * 5))] as string;
    return signed ? (part < 0 ? "−" : "+") + block : text ? block : block + block;
  };
  const cell = (i: number, j: number): string => {
    const value = values[i]?.[j] ?? null;
    return value === null ? "" : `${shade(value)} ${shorten(text?.[i]?.[j] ?? "", 12)}`.trimEnd();
  };
  const [rows, names] = [inOrder(y, [...values.keys()]), labelsOf(y).map(shortLabel)];
  const margin = widest(names);
  const all = inOrder(x, [...labelsOf(x).keys()]).map((j) => {
    const column = [shorten(labelsOf(x)[j] as string, text ? 12 : 6), ...rows.map((i) => cell(i, j))];
    const width = widest(column);
    return column.map((one) => pad(one, width));
  });
  const table = fitting(all, 98 - margin).flatMap((part) =>
    ["", ...rows.map((i) => names[i] as string)].map((name, row) =>
      [pad(name, margin), ...part.map((column) => column[row])].join("  ").trimEnd(),
    ),
  );
  const [low, high] = colourEnds(colour.range).map((end) => written(end, colour.format));
  const key = signed ? `−█ ${low}, +█ ${high}` : `· ${low}, █ ${high}`;
  return [...table, `${colour.name}: ${key}`];
}

/** Columns of a table in groups of at most `room` letters. */
function fitting(columns: readonly string[][], room: number): string[][][] {
  const groups: string[][][] = [];
  let left = 0;
  for (const column of columns) {
    const width = 2 + widest(column);
    left -= width;
    if (groups.length === 0 || left < 0) {
      groups.push([]);
      left = room - width;
    }
    groups.at(-1)?.push(column);
  }
  return groups;
}

function ruleRows({ x, y, name }: Rule, panel: Panel): string[] {
  const at = (value: number | undefined, axis: Axis): string[] =>
    value === undefined
      ? []
      : [`${name}: ${axis.kind === "category" ? labelsOf(axis)[value] : written(value, axis.format)}`];
  return [...at(x, panel.x), ...at(y, panel.y)];
}
