/**
 * Plotly's layout: a pair of axes for each panel, a title that no cell is too narrow for, a height of its own whatever the
 * width, colours and a tool bar that suit light and dark pages; and plotly's settings.
 */
import { escapePlotly } from "../markup";
import { cellsOf, endLabels, footHeight, legendEntries, legendRows, shortLabel, upright, widest } from "./arrange";
import type { Panel, Plot } from "./plot";
import { formats, type Scale } from "./scale";
import { fonts, palette } from "./style";
import { wrap } from "./words";

type Json = Record<string, unknown>;

/** A panel at its place. */
export interface Placed extends Panel {
  /** What plotly calls its axes by: "", "2", "3", …; and what a trace on them says. */
  number: string;
  axes: Json;
  scale: { x: Scale; y: Scale };
  height: number;
  /** From the bottom to the top, as parts of all panels' height. */
  domain: [number, number];
}

/** What plotly tells an axis' places by: the labels, those that are as an earlier one with signs behind them that nobody sees. */
export function placeNames(labels: readonly string[]): string[] {
  const taken = new Set<string>();
  return labels.map((label) => {
    let name = escapePlotly(shortLabel(label));
    while (taken.has(name)) name += "\u200b";
    taken.add(name);
    return name;
  });
}

/**
 * Columns of a title's line, and of a caption's, at their sizes: about 350 pixels, which is what a cell has left beside the
 * tool bar in a window 760 pixels wide with the side bar open.
 */
const [titleColumns, captionColumns] = [40, 56];
const titleLines = 4;

/** Such a cell's width, and the height of a legend's first row and of each further one. */
const [cellWidth, legendRow, furtherRow] = [390, 22, 29];

/** The layout of panels that take `height` pixels in all. */
export function layout(plot: Plot, panels: Placed[], height: number): Json {
  const { title, caption } = plot;
  const lines = wrap(title, titleColumns, titleLines).map(escapePlotly);
  for (const one of caption === undefined ? [] : wrap(caption, captionColumns))
    lines.push(`<span style="font-size:12px">${escapePlotly(one)}</span>`);
  // Beside the plot is room for what stands at the end of its longest bar, and for the tool bar.
  const right = Math.max(70, ...panels.map(rightMargin));
  const rows = legendRows(legendEntries(plot), cellWidth - right).length;
  const top = 18 + 20 * lines.length + (rows > 0 ? legendRow + furtherRow * (rows - 1) : 0);
  const bottom = footHeight((panels.at(-1) as Panel).x) - 6;
  const axes = panels.map((panel): Json => {
    const [x, y] = [axis(panel, "x"), axis(panel, "y")];
    if (panels.length === 1) return { xaxis: x, yaxis: y };
    return {
      [`xaxis${panel.number}`]: { ...x, anchor: `y${panel.number}` },
      [`yaxis${panel.number}`]: { ...y, anchor: `x${panel.number}`, domain: panel.domain },
    };
  });
  const [shapes, annotations] = [panels.flatMap(rules), panels.flatMap(colourName)];
  return {
    title: {
      text: lines.join("<br>"),
      font: { size: 15 },
      // From the cell's left edge: the tool bar stands at the right one.
      ...{ x: 0, xref: "container", xanchor: "left", y: 1, yref: "container", yanchor: "top" },
      // Of several lines plotly places the foot of the first where it places the head of a single one.
      pad: { t: lines.length > 1 ? 21 : 10, l: 8 },
    },
    height: top + height + bottom,
    margin: { t: top, r: right, b: bottom, l: 20 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: palette.ink },
    barmode: "overlay",
    // A little left of the plot, whereby its rows may be as wide as the plot and the margin at its left.
    legend: { orientation: "h", x: -0.001, xanchor: "left", y: 1, yanchor: "bottom", bgcolor: "rgba(0,0,0,0)" },
    // Plotly's own colours for it are made from the ground's, and a transparent ground makes a dark block.
    modebar: { orientation: "v", bgcolor: "rgba(0,0,0,0)", color: palette.ink, activecolor: palette.first },
    ...Object.assign({}, ...axes),
    ...(shapes.length > 0 ? { shapes } : {}),
    ...(annotations.length > 0 ? { annotations } : {}),
  };
}

/** Beside a panel: the labels of lines, or what the colours of cells mean. */
function rightMargin(panel: Placed): number {
  const labels = endLabels(panel, panel.scale.y, panel.height).map(({ label }) => label);
  if (labels.length > 0) return 40 + widest(labels, 12);
  const colour = cellsOf(panel.marks)?.colour;
  if (colour === undefined) return 0;
  const numbers = colour.range.map(formats[colour.format ?? "plain"].text);
  return Math.max(60 + widest(numbers, 12), 14 + widest([colour.name], 12));
}

function axis(panel: Placed, side: "x" | "y"): Json {
  const given = panel[side];
  const { ends, ticks, fixed } = panel.scale[side];
  const { name } = given;
  const common: Json = {
    ...(name === undefined ? {} : { title: { text: escapePlotly(name), font: { size: 13 }, standoff: 8 } }),
    // Its labels keep clear of one of the other axis that stands where both begin.
    ...(side === "y" ? { automargin: true, ticklabelstandoff: 5 } : {}),
  };
  if (given.kind === "category") {
    const names = placeNames(given.labels);
    return {
      ...common,
      ...{ type: "category", categoryorder: "array", categoryarray: names, ticks: "", showgrid: false },
      // Fixed, so that a hidden series leaves its place empty.
      range: ends,
      ...(given.monospace ? { tickfont: { family: fonts.code, size: 12 } } : {}),
      // Each row has its label; of columns plotly leaves some out where they have no room.
      ...(side === "y"
        ? { tickmode: "array", tickvals: names, ticktext: given.labels.map((label) => escapePlotly(shortLabel(label))) }
        : { tickangle: upright(given) ? -90 : "auto" }),
      fixedrange: panel.marks.some(({ mark }) => mark === "bars"),
    };
  }
  const colours = { gridcolor: palette.grid, zerolinecolor: palette.grid };
  const tickformat = formats[given.format ?? "plain"].plotly;
  if (given.kind === "log") {
    const dtick = Math.log10((ticks[1]?.value ?? 10) / (ticks[0]?.value ?? 1));
    return { ...common, ...colours, type: "log", range: ends.map(Math.log10), dtick, tickformat: tickformat || "~g" };
  }
  const lines = side === "x" && panel.marks.some(({ mark }) => mark === "line");
  return { ...common, ...colours, ...(fixed ? { range: ends } : lines ? {} : { rangemode: "tozero" }), tickformat };
}

/** What the colours of cells are, below their strip; plotly itself would put it on the strip's numbers or the tool bar. */
function colourName({ marks, domain }: Placed): object[] {
  const colour = cellsOf(marks)?.colour;
  if (colour === undefined) return [];
  const at = {
    xref: "paper",
    x: 1,
    xanchor: "left",
    xshift: 8,
    yref: "paper",
    y: domain[0],
    yanchor: "top",
    yshift: -6,
  };
  return [{ text: escapePlotly(colour.name), font: { size: 12 }, showarrow: false, ...at }];
}

/** Lines across the panel, which plotly calls shapes. */
function rules({ marks, number }: Placed): object[] {
  return marks.flatMap((mark) => {
    if (mark.mark !== "rule") return [];
    return (["x", "y"] as const).flatMap((side) => {
      const value = mark[side];
      if (value === undefined) return [];
      const other = side === "x" ? "y" : "x";
      return [
        {
          type: "line",
          ...{ [`${side}ref`]: `${side}${number}`, [`${side}0`]: value, [`${side}1`]: value },
          ...{ [`${other}ref`]: `${other}${number} domain`, [`${other}0`]: 0, [`${other}1`]: 1 },
          line: { color: palette.ink, width: 1, dash: "dot" },
          label: {
            ...{ text: escapePlotly(mark.name), textposition: mark.left ? "start" : "end", textangle: 0 },
            ...{ xanchor: side === "x" ? "center" : mark.left ? "left" : "right", yanchor: "bottom" },
          },
        },
      ];
    });
  });
}

/**
 * Plotly's settings besides the layout. Not `responsive`: that makes plotly give the plot the height of its parent, which
 * in JupyterLab and Notebook is the height of the cell's number; their renderer has plots follow the cell's width by itself.
 */
export const config = {
  displaylogo: false,
  modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
};
