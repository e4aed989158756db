/**
 * What all live plots share: a title that no cell is too narrow for, a height of their own whatever the width, colours and
 * a tool bar that suit light and dark pages.
 */
import { escapePlotly } from "../markup";
import { palette } from "./svg";
import { wrap } from "./words";

interface Frame {
  title: string;
  /** A line in smaller letters below the title. */
  subtitle?: string;
  /** Whether a legend stands above the plot. */
  legend?: boolean;
  /** Of what is drawn, without the margins, in pixels. */
  height: number;
}

/**
 * Columns of a title's line at its size: about 350 pixels, which is what a cell has left in a window 760 pixels wide
 * with the side bar open.
 */
const titleColumns = 40;
const titleLines = 4;

/** An axis: its lines, and its name `text` if it has one. */
export const axis = (text?: string): Record<string, unknown> => ({
  gridcolor: palette.grid,
  zerolinecolor: palette.grid,
  ...(text === undefined ? {} : { title: { text, font: { size: 13 }, standoff: 8 } }),
});

/** The layout of a plot without its axes. */
export function frame({ title, subtitle, legend = false, height }: Frame): Record<string, unknown> {
  const lines = wrap(title, titleColumns, titleLines).map(escapePlotly);
  if (subtitle) lines.push(`<span style="font-size:12px">${escapePlotly(subtitle)}</span>`);
  const top = 18 + 20 * lines.length + (legend ? 22 : 0);
  const bottom = 46;
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
    // Beside the plot is room for what stands at the end of its longest bar, and for the tool bar.
    margin: { t: top, r: 70, b: bottom, l: 20 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: palette.ink },
    // A little left of the plot, whereby its one row may be as wide as the plot and the margin beside it.
    legend: { orientation: "h", x: -0.001, xanchor: "left", y: 1, yanchor: "bottom", bgcolor: "rgba(0,0,0,0)" },
    // Plotly's own colours for it are made from the ground's, and a transparent ground makes a dark block.
    modebar: {
      orientation: "v",
      bgcolor: "rgba(0,0,0,0)",
      color: palette.ink,
      activecolor: palette.first,
    },
  };
}

/**
 * Plotly's settings besides the layout. Not `responsive`: that makes plotly give the plot the height of its parent, which
 * in JupyterLab and Notebook is the height of the cell's number; their renderer has plots follow the cell's width by itself.
 */
export const config = {
  displaylogo: false,
  modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
};
