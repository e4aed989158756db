/** The distribution of the next token, as horizontal bars. */
import { inspect } from "node:util";
import { checkOptions } from "../options";
import { Tensor } from "../tensor";
import { Figure } from "./figure";
import { document, line, palette, rect, text, textWidth, ticks } from "./svg";
import { type LabelTokenizer, plotlyText, tokenLabel } from "./token_label";

export interface PlotNextTokenOptions {
  /** Names the tokens. */
  tokenizer: LabelTokenizer;
  /** Bars, the most probable first; default 10. */
  k?: number;
  /** Divides the logits before the softmax, as sampling does; default 1. */
  temperature?: number;
  /** Default: `Next token`. */
  title?: string;
}

interface Bar {
  label: string;
  probability: number;
  /** Of a token; absent for the rest's bar. */
  id?: number;
}

/**
 * Plots the probabilities of the next token: the `k` greatest, and the mass of all others.
 *
 * @param logits (vocab), (T, vocab) or (1, T, vocab): of several positions the last is plotted.
 * @throws Error for other shapes, a `k` that is no positive integer, and logits that hold a NaN.
 * @example
 * const { logits } = await model(input_ids);
 * plotNextToken(logits, { tokenizer, k: 10 });
 */
export function plotNextToken(logits: Tensor, options: PlotNextTokenOptions): Figure {
  checkOptions(options, ["tokenizer", "k", "temperature", "title"], "plotNextToken");
  const { tokenizer, k = 10, temperature = 1, title = "Next token" } = options;
  if (typeof tokenizer?.convert_ids_to_tokens !== "function")
    throw new Error("Expected a tokenizer for the option tokenizer of plotNextToken, to name the tokens");
  if (!Number.isInteger(k) || k < 1) throw new Error(`Expected integer > 0 for k but received ${k}`);
  if (!(temperature > 0) || !Number.isFinite(temperature))
    throw new Error(`Expected number > 0 for temperature but received ${temperature}`);
  const { bars, vocabulary } = distribution(lastRow(logits), tokenizer, k, temperature);
  return new Figure({
    data: traces(bars),
    layout: layout(bars, title),
    svg: picture(bars, title),
    text: letters(bars, title, vocabulary),
  });
}

function lastRow(logits: Tensor): ArrayLike<number> {
  if (!(logits instanceof Tensor))
    throw new TypeError(`Expected a tensor of logits for plotNextToken but received ${inspect(logits, { depth: 0 })}`);
  const { dims } = logits;
  const leading = dims.slice(0, -1);
  if (dims.length < 1 || dims.length > 3 || (dims.length === 3 && dims[0] !== 1) || leading.includes(0))
    throw new Error(
      `Expected logits of shape [vocab], [T, vocab] or [1, T, vocab] but received [${dims.join(", ")}]; of a batch take one row, as logits.slice(0)`,
    );
  const row = leading.length === 0 ? logits : logits.slice(...leading.map((size) => size - 1));
  return row.data as ArrayLike<number>;
}

function distribution(row: ArrayLike<number>, tokenizer: LabelTokenizer, k: number, temperature: number) {
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < row.length; i++) {
    const value = row[i] as number;
    if (Number.isNaN(value)) throw new Error(`Expected logits without NaN but received one for token ${i}`);
    if (value > max) max = value;
  }
  if (!Number.isFinite(max)) throw new Error(`Expected logits with a finite maximum but received ${max}`);
  const exps = Float64Array.from(row, (value) => Math.exp((value - max) / temperature));
  const sum = exps.reduce((total, value) => total + value, 0);
  const order = Array.from(exps.keys()).sort((a, b) => (exps[b] as number) - (exps[a] as number) || a - b);
  const bars: Bar[] = order
    .slice(0, k)
    .map((id) => ({ id, label: tokenLabel(tokenizer, id), probability: (exps[id] as number) / sum }));
  const others = row.length - bars.length;
  if (others > 0) {
    const mass = Math.max(0, 1 - bars.reduce((total, bar) => total + bar.probability, 0));
    bars.push({ label: `${others.toLocaleString("en-US")} others`, probability: mass });
  }
  return { bars, vocabulary: row.length };
}

const percent = (p: number): string => (p >= 0.0995 ? `${(p * 100).toFixed(1)}%` : `${(p * 100).toPrecision(2)}%`);
const colour = (bar: Bar): string => (bar.id === undefined ? palette.rest : palette.first);
/** A label no longer than a margin can hold. */
const short = (label: string): string => ([...label].length > 24 ? `${[...label].slice(0, 23).join("")}…` : label);
const describe = (bar: Bar): string => (bar.id === undefined ? bar.label : `${bar.label}  (token ${bar.id})`);

function traces(bars: Bar[]): object[] {
  return [
    {
      type: "bar",
      orientation: "h",
      // Places, not labels, are the categories: two tokens may look the same.
      y: bars.map((_, i) => i),
      x: bars.map((bar) => bar.probability),
      marker: { color: bars.map(colour) },
      text: bars.map((bar) => percent(bar.probability)),
      textposition: "outside",
      cliponaxis: false,
      customdata: bars.map((bar) => [plotlyText(describe(bar)), bar.probability.toPrecision(5)]),
      hovertemplate: "%{customdata[0]}<br>probability %{customdata[1]}<extra></extra>",
    },
  ];
}

function layout(bars: Bar[], title: string): Record<string, unknown> {
  return {
    title: { text: plotlyText(title), font: { size: 16 } },
    height: 110 + 26 * bars.length,
    margin: { t: 50, r: 70, b: 50 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: palette.ink },
    xaxis: { title: { text: "probability" }, rangemode: "tozero", gridcolor: palette.grid, tickformat: ".0%" },
    yaxis: {
      autorange: "reversed",
      tickmode: "array",
      tickvals: bars.map((_, i) => i),
      ticktext: bars.map((bar) => plotlyText(short(bar.label))),
      tickfont: { family: "monospace", size: 13 },
      automargin: true,
      fixedrange: true,
      zeroline: false,
    },
  };
}

function picture(bars: Bar[], title: string): string {
  const left = 24 + Math.max(...bars.map((bar) => textWidth(short(bar.label), 13)));
  const [width, top, row] = [Math.round(left + 520), 44, 26];
  const bottom = top + row * bars.length;
  const marks = ticks(Math.max(...bars.map((bar) => bar.probability)));
  const scale = 440 / (marks.at(-1) as number);
  const shapes = [text(left, 26, title, { size: 16, weight: 600 })];
  for (const mark of marks) {
    shapes.push(line(left + mark * scale, top, left + mark * scale, bottom));
    const label = `${Number((mark * 100).toPrecision(6))}%`;
    shapes.push(text(left + mark * scale, bottom + 18, label, { anchor: "middle", size: 12 }));
  }
  bars.forEach((bar, i) => {
    const y = top + row * i;
    const length = Math.max(bar.probability * scale, 0.5);
    shapes.push(text(left - 8, y + 18, short(bar.label), { anchor: "end" }));
    shapes.push(rect(left, y + 4, length, row - 8, colour(bar), `${describe(bar)}: ${bar.probability.toPrecision(5)}`));
    shapes.push(text(left + length + 6, y + 18, percent(bar.probability), { size: 12 }));
  });
  shapes.push(text(left + 220, bottom + 40, "probability", { anchor: "middle" }));
  const alt = `${title}: ${bars.map((bar) => `${bar.label} ${percent(bar.probability)}`).join(", ")}`;
  return document(width, bottom + 52, alt, shapes);
}

function letters(bars: Bar[], title: string, vocabulary: number): string {
  const width = Math.max(...bars.map((bar) => [...short(bar.label)].length));
  const most = Math.max(...bars.map((bar) => bar.probability), Number.MIN_VALUE);
  const rows = bars.map((bar) => {
    const label = short(bar.label);
    const length = Math.round((bar.probability / most) * 40);
    const pad = " ".repeat(Math.max(0, width - [...label].length));
    return `${label}${pad}  ${percent(bar.probability).padStart(8)}  ${"█".repeat(length)}`;
  });
  return [`${title} (of ${vocabulary.toLocaleString("en-US")} tokens)`, ...rows].join("\n");
}
