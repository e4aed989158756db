/** Plots as still pictures: SVG on a transparent ground, for where nothing may run and for files. */
import {
  aboutCell,
  cellsOf,
  endLabels,
  entryWidth,
  footHeight,
  type LegendEntry,
  legendEntries,
  legendRows,
  panelHeight,
  shortLabel,
  upright,
  widest,
} from "./arrange";
import { inWords } from "./letters";
import type { Axis, Bars, Cells, Columns, Line, Mark, Panel, Plot, Points, Rule } from "./plot";
import { formats, type Scale, scales } from "./scale";
import { colourEnds, colourOf, palette } from "./style";
import { document, heading, line as straight, polyline, rect, text } from "./svg";
import { shorten } from "./words";

/** A panel at its place, in pixels. */
interface Placed extends Panel {
  scale: { x: Scale; y: Scale };
  left: number;
  right: number;
  top: number;
  bottom: number;
  /** Where a value of an axis stands. */
  px(x: number): number;
  py(y: number): number;
}

/** The whole picture's source. */
export function picture(plot: Plot): string {
  const panels = plot.panels.map((panel) => ({ ...panel, scale: scales(panel) }));
  const left = 24 + Math.max(...panels.map((panel) => axisWidth(panel.y, panel.scale.y)));
  const room = Math.max(...panels.map(panelWidth));
  const right = Math.max(80, ...panels.map((panel) => besideWidth(panel, panel.scale.y)));
  const width = Math.round(left + room + right);
  const { shapes, height } = heading(plot.title, width, plot.caption);
  const rows = legendRows(
    legendEntries(plot).filter(({ labelled }) => !labelled),
    room,
  );
  shapes.push(...legend(rows, left, height + 4));
  let top = height + (rows.length > 0 ? 4 + 20 * rows.length : 0);
  for (const panel of panels) {
    const bottom = top + panelHeight(panel);
    const [px, py] = [
      (value: number) => left + room * panel.scale.x.at(value),
      (value: number) => bottom - (bottom - top) * panel.scale.y.at(value),
    ];
    const placed: Placed = { ...panel, left, right: left + room, top, bottom, px, py };
    shapes.push(...xAxis(placed), ...yAxis(placed));
    for (const mark of panel.marks) shapes.push(...(draw[mark.mark] as Draw<Mark>)(mark, placed));
    shapes.push(...lineLabels(placed));
    top = bottom + footHeight(panel.x) + 8;
  }
  return document(width, top - 8, inWords(plot), shapes);
}

/** The width of what is drawn, without the margins. */
function panelWidth({ marks, width }: Panel): number {
  if (width !== undefined) return width;
  const cells = cellsOf(marks);
  const columns = marks.reduce((sum, mark) => sum + (mark.mark === "columns" ? mark.columns.length : 0), 0);
  if (cells === undefined) return Math.min(Math.max(440, 9 * columns), 640);
  const texts = cells.text?.flat();
  const column = texts ? Math.min(Math.max(widest(texts, 11) + 8, 26), 84) : 18;
  return Math.max(220, column * Math.max(...cells.values.map((row) => row.length)));
}

/** Left of a panel: its y axis' labels, and its name beyond them. */
function axisWidth(axis: Axis, { ticks }: Scale): number {
  if (axis.kind === "category") return widest(axis.labels.map(shortLabel), 13) + (axis.name === undefined ? 0 : 22);
  const labels = widest(
    ticks.map((tick) => tick.text),
    12,
  );
  return axis.name === undefined ? labels : Math.max(56, labels + 22);
}

/** Right of a panel: labels of lines, or what the colours of cells mean. */
function besideWidth(panel: Panel, y: Scale): number {
  const labels = endLabels(panel, y, panelHeight(panel)).map(({ label }) => label);
  if (labels.length > 0) return 34 + widest(labels, 12);
  const colour = cellsOf(panel.marks)?.colour;
  if (colour === undefined) return 0;
  const numbers = colour.range.map(formats[colour.format ?? "plain"].text);
  return 20 + Math.max(14 + widest(numbers, 12), widest([colour.name], 12));
}

/** Names beside their colours, a row each 20 pixels. */
function legend(rows: LegendEntry[][], left: number, top: number): string[] {
  return rows.flatMap((entries, row) => {
    let [x, y] = [left, top + 20 * row];
    return entries.flatMap((entry) => {
      const shapes = [rect(x, y, 14, 4, entry.colour), text(x + 20, y + 6, entry.name, { size: 12 })];
      x += entryWidth(entry);
      return shapes;
    });
  });
}

function xAxis({ x, y, scale, left, right, top, bottom, px }: Placed): string[] {
  const turned = upright(x);
  const shapes = scale.x.ticks.flatMap(({ value, text: label }) => {
    const at = px(value);
    if (turned) return text(at + 4, bottom + 6, shortLabel(label), { anchor: "end", size: 12, vertical: true });
    // One axis of numbers has lines across the panel: the vertical one, where there are two.
    const grid = x.kind !== "category" && y.kind === "category" ? straight(at, top, at, bottom) : "";
    return [grid, text(at, bottom + 18, label, { anchor: "middle", size: 12 })].filter(Boolean);
  });
  const foot = bottom + footHeight(x) - 12;
  return x.name === undefined ? shapes : [...shapes, text((left + right) / 2, foot, x.name, { anchor: "middle" })];
}

function yAxis({ y, scale, left, right, top, bottom, py }: Placed): string[] {
  const shapes = scale.y.ticks.flatMap(({ value, text: label }) => {
    const at = py(value);
    if (y.kind === "category") return text(left - 8, at + 5, shortLabel(label), { anchor: "end" });
    return [straight(left, at, right, at), text(left - 8, at + 4, label, { anchor: "end", size: 12 })];
  });
  if (y.name === undefined) return shapes;
  const from = left - axisWidth(y, scale.y);
  return [...shapes, text(from, (top + bottom) / 2, y.name, { anchor: "middle", vertical: true })];
}

type Draw<M extends Mark> = (mark: M, panel: Placed) => string[];
const draw: { [M in Mark as M["mark"]]: Draw<M> } = { bars, columns, line, points, cells, rule };

function bars({ bars: all }: Bars, { px, py }: Placed): string[] {
  return all.flatMap(({ value, text: words, about, colour, series }, place) => {
    const [from, to, y] = [px(Math.min(value, 0)), px(Math.max(value, 0)), py(place)];
    const [x, anchor] = value < 0 ? ([from - 6, "end"] as const) : ([Math.max(to, from + 0.5) + 6, "start"] as const);
    const title = (series === undefined ? about : `${series}: ${about}`).replaceAll("\n", ": ");
    return [
      rect(from, y - 9, Math.max(to - from, 0.5), 18, colour, { title }),
      text(x, y + 5, words, { size: 12, anchor }),
    ];
  });
}

function columns({ columns: all, width, colour }: Columns, { px, py }: Placed): string[] {
  return all.map(({ x, value, about }) => {
    const [left, right] = [px(x - width / 2), px(x + width / 2)];
    const [top, bottom] = [py(Math.max(value, 0)), py(Math.min(value, 0))];
    const title = about.replaceAll("\n", ": ");
    return rect(left, top, right - left, Math.max(bottom - top, 0.5), colour, { title, radius: 0 });
  });
}

function line({ x, y, colour, steps }: Line, { px, py }: Placed): string[] {
  // What has no place ends a part of the line, and the next point begins another.
  const parts: [number, number][][] = [[]];
  for (const [i, value] of x.entries()) {
    const point: [number, number] = [px(value), py(y[i] as number)];
    if (point.some(Number.isNaN)) parts.push([]);
    else {
      const part = parts.at(-1) as [number, number][];
      const before = part.at(-1);
      if (steps && before) part.push(steps === "after" ? [point[0], before[1]] : [before[0], point[1]]);
      part.push(point);
    }
  }
  return parts.flatMap((part) => {
    const [first] = part;
    if (first === undefined) return [];
    return part.length > 1 ? polyline(part, colour) : dot(first[0], first[1], colour);
  });
}

const dot = (x: number, y: number, colour: string, title?: string): string =>
  rect(x - 3, y - 3, 6, 6, colour, { title });

function lineLabels(panel: Placed): string[] {
  const { px, py, top, bottom } = panel;
  return endLabels(panel, panel.scale.y, bottom - top).flatMap(({ line: { colour }, label, x, y, at }) => {
    const [from, height] = [px(x), bottom - at * (bottom - top)];
    const leader = [
      [from, py(y)],
      [from + 12, height],
      [from + 20, height],
    ] as [number, number][];
    return [polyline(leader, colour), text(from + 24, height + 4, label, { size: 12 })];
  });
}

function points({ points: all, colour }: Points, { px, py }: Placed): string[] {
  return all.flatMap(({ x, y, label, about, side = "right" }) => {
    const [left, top] = [px(x), py(y)];
    if (Number.isNaN(left + top)) return [];
    const shape = dot(left, top, colour, about);
    return label === undefined
      ? [shape]
      : [shape, text(left + beside[side].x, top + beside[side].y, label, { size: 12, anchor: beside[side].anchor })];
  });
}

/** A label's place beside its point. */
const beside = {
  right: { x: 7, y: 4, anchor: "start" },
  left: { x: -7, y: 4, anchor: "end" },
  above: { x: 0, y: -7, anchor: "middle" },
  below: { x: 0, y: 16, anchor: "middle" },
} as const;

function cells(mark: Cells, panel: Placed): string[] {
  const { values, colour, text: words } = mark;
  const { px, py } = panel;
  const ground = words === undefined ? "page" : "paper";
  const [width, height] = [Math.abs(px(1) - px(0)), Math.abs(py(1) - py(0))];
  const shapes = values.flatMap((row, i) =>
    row.flatMap((value, j) => {
      if (value === null) return [];
      const [x, y] = [px(j), py(i)];
      const [left, top, title] = [x - width / 2, y - height / 2, aboutCell(panel, mark, i, j) || undefined];
      const cell = rect(left, top, width - 1, height - 1, colourOf(value, colour.range, ground), { title });
      const fits = shorten(words?.[i]?.[j] ?? "", Math.floor((width - 4) / widest(["m"], 11)));
      return fits === "" ? cell : [cell, text(x, y + 4, fits, { anchor: "middle", size: 11, fill: palette.onPaper })];
    }),
  );
  return [...shapes, ...colourKey(mark, panel)];
}

/** A strip of the colours, its two ends' numbers beside it and what they are below it. */
function colourKey({ colour, text: inside }: Cells, { right, top, bottom }: Placed): string[] {
  const [[low, high], ground] = [colourEnds(colour.range), inside === undefined ? "page" : "paper"] as const;
  // Of whole pixels, so that no seams are seen.
  const [count, x] = [24, right + 14];
  const step = Math.max(1, Math.floor(Math.min(bottom - top, 160) / count));
  const strip = Array.from({ length: count }, (_, i) => {
    const value = high - ((i + 0.5) / count) * (high - low);
    return rect(x, top + i * step, 10, step, colourOf(value, colour.range, ground), { radius: 0 });
  });
  const [foot, number] = [top + count * step, formats[colour.format ?? "plain"].text];
  const words = [text(x + 14, top + 10, number(high), { size: 12 }), text(x + 14, foot, number(low), { size: 12 })];
  return [...strip, ...words, text(x, foot + 16, colour.name, { size: 12 })];
}

function rule({ x, y, name, left: begins }: Rule, { px, py, left, right, top, bottom }: Placed): string[] {
  const drawn = (...ends: [number, number, number, number]): string => straight(...ends, palette.ink, "4 3");
  const [at, anchor] = begins ? ([left + 4, "start"] as const) : ([right, "end"] as const);
  const across =
    y === undefined ? [] : [drawn(left, py(y), right, py(y)), text(at, py(y) - 4, name, { anchor, size: 12 })];
  const down =
    x === undefined
      ? []
      : [drawn(px(x), top, px(x), bottom), text(px(x), top - 4, name, { anchor: "middle", size: 12 })];
  return [...across, ...down];
}
