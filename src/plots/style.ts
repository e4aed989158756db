/** Colours and fonts of every plot, and the colours of a heatmap's cells. */

/** Colours that keep their contrast on light and dark pages alike. */
export const palette = {
  ink: "#7a7a7a",
  grid: "#7a7a7a40",
  /** What is drawn: one thing, another, and all that is left. */
  first: "#3d8ef0",
  second: "#e8762d",
  rest: "#9a9a9a",
  /** The ground of cells with text in them, and that text: it reads on each of their colours, whatever the page's. */
  paper: "#e9eff7",
  onPaper: "#1a1a1a",
} as const;

/** Colours of several lines, told apart without red beside green; whoever sees none reads the names at their ends. */
const several = [palette.first, palette.second, "#12a594", "#a061d6", palette.rest] as const;
export const seriesColour = (i: number): string => several[i % several.length] as string;

export const fonts = {
  /** Of pictures; the first comes with the library, for machines that have no fonts. */
  picture: "DejaVu Sans, Verdana, Segoe UI, sans-serif",
  bundled: "DejaVu Sans",
  code: "monospace",
} as const;

/** What stands below small numbers' colours: paper where text is on them, else the page's own ground. */
export type Ground = "paper" | "page";

/** The numbers of the palest and the strongest colour, or of the two hues' strongest, as far to either side of 0. */
export function colourEnds([low, high]: readonly [number, number]): [number, number] {
  const most = Math.max(-low, high);
  return low < 0 ? [-most, most] : [low, high];
}

/** How strong a number's colour is: from 0 to 1, or for negative numbers, which have another hue, to −1. */
export function strength(value: number, range: readonly [number, number]): number {
  const [low, high] = colourEnds(range);
  const part = low < 0 ? value / high : (value - low) / (high - low || 1);
  return Math.min(1, Math.max(low < 0 ? -1 : 0, part));
}

const faint = (hue: string, ground: Ground): string => (ground === "paper" ? palette.paper : `${hue}00`);

/** The colour of a number among those of a range. */
export function colourOf(value: number, range: readonly [number, number], ground: Ground): string {
  const part = strength(value, range);
  const hue = part < 0 ? palette.second : palette.first;
  const from = faint(hue, ground);
  const channel = (at: number): string => {
    const [a, b] = [from, hue].map((hex) => Number.parseInt(hex.slice(at, at + 2) || "ff", 16)) as [number, number];
    return Math.round(a + (b - a) * Math.abs(part))
      .toString(16)
      .padStart(2, "0");
  };
  return `#${[1, 3, 5, 7].map(channel).join("")}`;
}

/** All colours of a range, as plotly takes them: by the part of the way from its least to its greatest number. */
export function colourScale(range: readonly [number, number], ground: Ground): [part: number, colour: string][] {
  const { first, second } = palette;
  const up = (from: number): [number, string][] => [
    [from, faint(first, ground)],
    [1, first],
  ];
  return range[0] < 0 ? [[0, second], [0.5, faint(second, ground)], ...up(0.5)] : up(0);
}
