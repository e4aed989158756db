/** Horizontal bars with a label each: the common form of plots that compare named things. */
import { escapePlotly } from "../markup";
import { Figure } from "./figure";
import { axis as axisLines, frame } from "./layout";
import { document, heading as svgHeading, line, rect, text, textWidth, ticks } from "./svg";
import { columns, shorten, wrap } from "./words";

export interface Bar {
  label: string;
  /** Its length, ≥ 0. */
  value: number;
  /** Stands at its end. */
  text: string;
  /** What it is, in full, for whoever points at it. */
  about: string;
  colour: string;
}

export interface BarAxis {
  name: string;
  /** The form of its numbers, for plotly and as letters. */
  tickformat: string;
  tick: (mark: number) => string;
}

interface Bars {
  bars: Bar[];
  axis: BarAxis;
  title: string;
  /** The first line of the plot in letters; default: the title. */
  heading?: string;
}

/** Of a bar and the space below it, in pixels. */
const row = 26;

/** The bars from top to bottom as they are given. */
export function barFigure(given: Bars): Figure {
  return new Figure({ data: traces(given), layout: layout(given), svg: picture(given), text: letters(given) });
}

/** A label no longer than a margin can hold. */
const shortLabel = (label: string): string => shorten(label, 24);

function traces({ bars, axis }: Bars): object[] {
  return [
    {
      type: "bar",
      orientation: "h",
      // Places, not labels, are the categories: two bars may be called the same.
      y: bars.map((_, i) => i),
      x: bars.map((bar) => bar.value),
      marker: { color: bars.map((bar) => bar.colour) },
      text: bars.map((bar) => bar.text),
      textposition: "outside",
      cliponaxis: false,
      customdata: bars.map((bar) => [escapePlotly(bar.about), bar.value.toPrecision(5)]),
      hovertemplate: `%{customdata[0]}<br>${axis.name} %{customdata[1]}<extra></extra>`,
    },
  ];
}

function layout({ bars, axis, title }: Bars): Record<string, unknown> {
  return {
    ...frame({ title, height: row * bars.length }),
    xaxis: { ...axisLines(axis.name), rangemode: "tozero", tickformat: axis.tickformat },
    yaxis: {
      range: [bars.length - 0.5, -0.5],
      tickmode: "array",
      tickvals: bars.map((_, i) => i),
      ticktext: bars.map((bar) => escapePlotly(shortLabel(bar.label))),
      tickfont: { family: "monospace", size: 12 },
      ticklabelstandoff: 4,
      automargin: true,
      fixedrange: true,
      zeroline: false,
    },
  };
}

function picture({ bars, axis, title }: Bars): string {
  const left = 24 + Math.max(...bars.map((bar) => textWidth(shortLabel(bar.label), 13)));
  const width = Math.round(left + 520);
  const { shapes, height: top } = svgHeading(title, width);
  const bottom = top + row * bars.length;
  const marks = ticks(Math.max(...bars.map((bar) => bar.value)));
  const scale = 440 / (marks.at(-1) as number);
  for (const mark of marks) {
    shapes.push(line(left + mark * scale, top, left + mark * scale, bottom));
    shapes.push(text(left + mark * scale, bottom + 18, axis.tick(mark), { anchor: "middle", size: 12 }));
  }
  bars.forEach((bar, i) => {
    const y = top + row * i;
    const length = Math.max(bar.value * scale, 0.5);
    shapes.push(text(left - 8, y + 18, shortLabel(bar.label), { anchor: "end" }));
    shapes.push(rect(left, y + 4, length, row - 8, bar.colour, `${bar.about}: ${bar.value.toPrecision(5)}`));
    shapes.push(text(left + length + 6, y + 18, bar.text, { size: 12 }));
  });
  shapes.push(text(left + 220, bottom + 40, axis.name, { anchor: "middle" }));
  const alt = `${title}: ${bars.map((bar) => `${bar.label} ${bar.text}`).join(", ")}`;
  return document(width, bottom + 52, alt, shapes);
}

function letters({ bars, title, heading = title }: Bars): string {
  const width = Math.max(...bars.map((bar) => columns(shortLabel(bar.label))));
  const most = Math.max(...bars.map((bar) => bar.value), Number.MIN_VALUE);
  const rows = bars.map((bar) => {
    const label = shortLabel(bar.label);
    const pad = " ".repeat(width - columns(label));
    return `${label}${pad}  ${bar.text.padStart(8)}  ${"█".repeat(Math.round((bar.value / most) * 40))}`;
  });
  return [...wrap(heading, 80), ...rows].join("\n");
}
