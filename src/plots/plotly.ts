/** Plots live: plotly's traces, one for each mark or for each series of bars. Its layout is plotly_layout.ts. */
import { escapePlotly } from "../markup";
import { aboutCell, endLabels, footHeight, legendEntries, panelHeight, shortLabel } from "./arrange";
import type { Axis, Bar, Bars, Cells, Columns, Line, Mark, Plot, Points } from "./plot";
import { layout, type Placed, placeNames } from "./plotly_layout";
import { formats, scales } from "./scale";
import { colourEnds, colourScale, palette } from "./style";

type Json = Record<string, unknown>;

/** A plot for `Plotly.newPlot`. */
export function plotly(plot: Plot): { data: object[]; layout: Json } {
  const panels = plot.panels.map((panel, i): Placed => {
    const number = i === 0 ? "" : String(i + 1);
    const axes = i === 0 ? {} : { xaxis: `x${number}`, yaxis: `y${number}` };
    return { ...panel, number, axes, scale: scales(panel), height: panelHeight(panel), domain: [0, 1] };
  });
  const total = stack(panels);
  const legend = new Legend(plot);
  const data = panels.flatMap((panel) => [
    ...panel.marks.flatMap((mark) => (traces[mark.mark] as Traces<Mark>)(mark, panel, legend)),
    ...lineLabels(panel, legend),
  ]);
  return { data, layout: layout(plot, panels, total) };
}

/** Puts the panels below each other; returns their height in all, without what lies below the last. */
function stack(panels: Placed[]): number {
  const feet = panels.slice(0, -1).map((panel) => footHeight(panel.x) + 8);
  const total = panels.reduce((sum, { height }, i) => sum + height + (feet[i] ?? 0), 0);
  let top = 0;
  panels.forEach((panel, i) => {
    panel.domain = [1 - (top + panel.height) / total, 1 - top / total];
    top += panel.height + (feet[i] ?? 0);
  });
  return total;
}

/** Which trace of a series is its legend's entry: the first. All are one group, hidden and shown together. */
class Legend {
  readonly shown: boolean;
  readonly #named = new Set<string>();

  constructor(plot: Plot) {
    this.shown = legendEntries(plot).length > 0;
  }

  entry(series: string | undefined): Json {
    if (series === undefined) return { showlegend: false };
    const showlegend = this.shown && !this.#named.has(series);
    this.#named.add(series);
    return { name: escapePlotly(shortLabel(series)), legendgroup: escapePlotly(series), showlegend };
  }
}

type Traces<M extends Mark> = (mark: M, panel: Placed, legend: Legend) => object[];
/** Rules are shapes of the layout. */
const traces: { [M in Mark as M["mark"]]: Traces<M> } = { bars, columns, line, points, cells, rule: () => [] };

/** Numbers as they are, without those that have no place; on a category axis the names that plotly tells places by. */
function places(panel: Placed, side: "x" | "y", numbers: readonly number[]): (number | string | null)[] {
  const axis = panel[side];
  if (axis.kind !== "category")
    return numbers.map((value) => (Number.isNaN(panel.scale[side].at(value)) ? null : value));
  const names = placeNames(axis.labels);
  return numbers.map((i) => names[i] as string);
}

/** The end of a hover template: what stands beside the thing's own words. No brace of it is the template's. */
const extra = (series = ""): string => `<extra>${escapePlotly(series).replaceAll("{", "&#123;")}</extra>`;

/** A trace for the bars of no series, and one a series. */
function bars({ bars: all }: Bars, panel: Placed, legend: Legend): object[] {
  return [...new Set(all.map(({ series }) => series))].map((series) => {
    const where = [...all.keys()].filter((place) => all[place]?.series === series);
    const group = where.map((place) => all[place] as Bar);
    return {
      type: "bar",
      orientation: "h",
      ...legend.entry(series),
      ...panel.axes,
      x: group.map(({ value }) => value),
      y: places(panel, "y", where),
      marker: { color: group.map(({ colour }) => colour) },
      text: group.map(({ text }) => escapePlotly(text)),
      textposition: "outside",
      cliponaxis: false,
      customdata: group.map(({ about }) => [escapePlotly(about)]),
      hovertemplate: `%{customdata[0]}${extra(series)}`,
    };
  });
}

function columns({ columns: all, width, colour, series }: Columns, panel: Placed, legend: Legend): object[] {
  return [
    {
      type: "bar",
      ...legend.entry(series),
      ...panel.axes,
      x: all.map(({ x }) => x),
      y: all.map(({ value }) => value),
      width,
      marker: { color: colour },
      customdata: all.map(({ about }) => [escapePlotly(about)]),
      hovertemplate: `%{customdata[0]}${extra()}`,
    },
  ];
}

function line({ x, y, colour, series, about, steps }: Line, panel: Placed, legend: Legend): object[] {
  const named = `${panel.x.name ?? "x"} {x}, ${panel.y.name ?? "y"} {y}`;
  return [
    {
      type: "scatter",
      // A line of one point would not be seen.
      mode: x.length > 1 ? "lines" : "markers",
      ...legend.entry(series),
      ...panel.axes,
      x: places(panel, "x", x),
      y: places(panel, "y", y),
      line: { color: colour, width: 2, ...(steps ? { shape: steps === "after" ? "hv" : "vh" } : {}) },
      hovertemplate: escapePlotly(about ?? named).replace(/\{(?=[xy][:}])/g, "%{") + extra(series),
    },
  ];
}

/** The labels at the ends of lines, which come and go with their lines. */
function lineLabels(panel: Placed, legend: Legend): object[] {
  return endLabels(panel, panel.scale.y, panel.height).map(({ line, label, x, at }) => ({
    type: "scatter",
    mode: "text",
    ...legend.entry(line.series),
    showlegend: false,
    ...panel.axes,
    x: places(panel, "x", [x]),
    y: [panel.scale.y.value(at)],
    text: [` <span style="color:${line.colour}">━</span> ${escapePlotly(label)}`],
    textposition: "middle right",
    cliponaxis: false,
    hoverinfo: "skip",
  }));
}

function points({ points: all, colour, series }: Points, panel: Placed, legend: Legend): object[] {
  const [xs, ys] = [all.map(({ x }) => x), all.map(({ y }) => y)];
  return [
    {
      type: "scatter",
      mode: "markers+text",
      ...legend.entry(series),
      ...panel.axes,
      x: places(panel, "x", xs),
      y: places(panel, "y", ys),
      marker: { color: colour, size: 6 },
      text: all.map(({ label = "" }) => escapePlotly(label)),
      textposition: all.some(({ side }) => side) ? all.map(({ side = "right" }) => sides[side]) : sides.right,
      cliponaxis: false,
      customdata: all.map(({ about }) => [escapePlotly(about)]),
      hovertemplate: `%{customdata[0]}${extra(series)}`,
    },
  ];
}

/** Plotly's words for where a label stands. */
const sides = { right: "middle right", left: "middle left", above: "top center", below: "bottom center" } as const;

function cells(mark: Cells, panel: Placed): object[] {
  const { values, colour, text } = mark;
  const [low, high] = colourEnds(colour.range);
  const number = formats[colour.format ?? "plain"].text;
  const all = (axis: Axis) => (axis.kind === "category" ? placeNames(axis.labels) : []);
  const words = text && { text: text.map((row) => row.map(escapePlotly)), texttemplate: "%{text}" };
  return [
    {
      type: "heatmap",
      showlegend: false,
      ...panel.axes,
      x: all(panel.x),
      y: all(panel.y),
      z: values,
      ...{ zmin: low, zmax: high, xgap: 1, ygap: 1 },
      colorscale: colourScale(colour.range, text === undefined ? "page" : "paper"),
      ...words,
      textfont: { color: palette.onPaper },
      hovertext: values.map((row, i) => row.map((_, j) => escapePlotly(aboutCell(panel, mark, i, j)))),
      hoverinfo: "text",
      colorbar: {
        ...{ tickmode: "array", tickvals: [low, high], ticktext: [number(low), number(high)] },
        ...{ thickness: 10, outlinewidth: 0, x: 1, xpad: 8, ypad: 0 },
        ...{ yanchor: "middle", y: (panel.domain[0] + panel.domain[1]) / 2, len: panel.domain[1] - panel.domain[0] },
      },
    },
  ];
}
