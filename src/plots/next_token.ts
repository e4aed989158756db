/** The distribution of the next token, as horizontal bars. */
import { inspect } from "node:util";
import { checkOptions } from "../options";
import { Tensor } from "../tensor";
import { Figure } from "./figure";
import type { Axis, Bar } from "./plot";
import { palette } from "./style";
import { type LabelTokenizer, tokenLabel } from "./token_label";

/** The options of {@link plotNextToken}. */
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

interface Candidate {
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
  checkOptions(options, { tokenizer: true, k: true, temperature: true, title: true }, "plotNextToken");
  const { tokenizer, k = 10, temperature = 1, title = "Next token" } = options;
  if (typeof tokenizer?.convert_ids_to_tokens !== "function")
    throw new Error("Expected a tokenizer for the option tokenizer of plotNextToken, to name the tokens");
  if (!Number.isInteger(k) || k < 1) throw new Error(`Expected integer > 0 for k but received ${k}`);
  if (!(temperature > 0) || !Number.isFinite(temperature))
    throw new Error(`Expected number > 0 for temperature but received ${temperature}`);
  const { bars, vocabulary } = distribution(lastRow(logits), tokenizer, k, temperature);
  const heading = `${title} (of ${vocabulary.toLocaleString("en-US")} tokens)`;
  const x: Axis = { kind: "linear", name: "probability", format: "percent" };
  const y: Axis = { kind: "category", labels: bars.map(({ label }) => label), monospace: true };
  return new Figure({ title, heading, panels: [{ x, y, marks: [{ mark: "bars", bars: bars.map(drawn) }] }] });
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
  const bars: Candidate[] = order
    .slice(0, k)
    .map((id) => ({ id, label: tokenLabel(tokenizer, id), probability: (exps[id] as number) / sum }));
  const others = row.length - bars.length;
  if (others > 0) {
    const mass = Math.max(0, 1 - bars.reduce((total, bar) => total + bar.probability, 0));
    bars.push({ label: `${others.toLocaleString("en-US")} other${others === 1 ? "" : "s"}`, probability: mass });
  }
  return { bars, vocabulary: row.length };
}

const percent = (p: number): string => (p >= 0.0995 ? `${(p * 100).toFixed(1)}%` : `${(p * 100).toPrecision(2)}%`);

/** A bar as it is drawn. */
const drawn = ({ id, label, probability }: Candidate): Bar => ({
  value: probability,
  text: percent(probability),
  about: `${label}${id === undefined ? "" : `  (token ${id})`}\nprobability ${probability.toPrecision(5)}`,
  colour: id === undefined ? palette.rest : palette.first,
});
