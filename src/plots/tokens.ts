/** A text with each token's ground coloured by how likely the model found it. */
import { type TokenScore, TokenScores } from "../insight/log_probs";
import { escapeMarkup } from "../markup";
import { checkOptions } from "../options";
import { liveTokens } from "./tokens_live";
import { colourOf, palette, strength } from "./style";
import { document, heading, rect, text } from "./svg";
import { makeVisible } from "./token_label";
import { View } from "./view";
import { textWidth } from "./words";

/** The options of {@link plotTokens}. */
export interface PlotTokensOptions {
  /**
   * What the colour of a token's ground says, the stronger the more unexpected: its probability (default), its rank, or the
   * entropy of the distribution it was drawn from.
   */
  colour?: "probability" | "rank" | "entropy";
  /** Default: `How likely each token was`. */
  title?: string;
}

type Colour = NonNullable<PlotTokensOptions["colour"]>;

/** Tokens that are shown as one: the pieces of a character are. */
interface Shown {
  text: string;
  tokens: TokenScore[];
  /** From 0, expected, to 1; null: nothing is known of it. */
  surprise: number | null;
}

/**
 * Draws a text with its tokens coloured: plain is what the model expected, strong what surprised it. Live, a token that is
 * pointed at, or reached by the arrow keys, shows what else stood to choose; a click keeps it shown.
 *
 * @param scores What {@link Phi3ForCausalLM.log_probs} gave.
 * @throws TypeError for anything else; RangeError for a text whose output would be too large.
 * @example
 * const scores = await model.log_probs("The capital of France is Paris.");
 * plotTokens(scores);
 */
export function plotTokens(scores: TokenScores, options: PlotTokensOptions = {}): View {
  checkOptions(options, { colour: true, title: true }, "plotTokens");
  if (!(scores instanceof TokenScores))
    throw new TypeError(`Expected what model.log_probs gave for plotTokens but received ${typeof scores}`);
  const { colour = "probability", title = "How likely each token was" } = options;
  if (colour !== "probability" && colour !== "rank" && colour !== "entropy")
    throw new TypeError(`Expected "probability", "rank" or "entropy" for colour but received ${String(colour)}`);
  const shown = grouped(scores.tokens, colour);
  const caption = `${scores.about}. ${legend[colour]}`;
  const data = shown.map(({ text: label, tokens }) => [label, tokens.map(described)]);
  return new View({
    text: letters(title, shown, caption),
    svg: picture(title, shown, caption),
    html: page(title, shown, caption),
    live: { data, script: liveTokens },
    shrink: "score the text in parts, or ask log_probs for fewer alternatives (k)",
  });
}

const legend: Record<Colour, string> = {
  probability: "Strong ground: an improbable token (1 in 1,000 or less is the strongest).",
  rank: "Strong ground: far from the top token (rank 1,000 is the strongest).",
  entropy: "Strong ground: the model was unsure (8 nats are the strongest).",
};
/** What the strongest colour stands for, in nats. */
const strongest: Record<Colour, number> = { probability: Math.log(1000), rank: Math.log(1000), entropy: 8 };

function measure({ log_prob, rank, entropy }: TokenScore, colour: Colour): number | null {
  if (log_prob === null || rank === null || entropy === null) return null;
  return { probability: -log_prob, rank: Math.log(rank), entropy }[colour];
}

/** The pieces of a character together; of their surprises the greatest. */
function grouped(tokens: readonly TokenScore[], colour: Colour): Shown[] {
  const shown: Shown[] = [];
  for (const token of tokens) {
    const nats = measure(token, colour);
    const surprise = nats === null ? null : strength(nats, [0, strongest[colour]]);
    const last = shown.at(-1);
    if (token.piece[0] > 0 && last) {
      last.tokens.push(token);
      last.surprise = Math.max(last.surprise ?? 0, surprise ?? 0);
    } else shown.push({ text: token.text, tokens: [token], surprise });
  }
  return shown;
}

const percent = (p: number): string => (p >= 0.0995 ? `${(p * 100).toFixed(1)}%` : `${(p * 100).toPrecision(2)}%`);

/** What is said of a token, for the script: its label, its numbers, and what else stood to choose. */
function described(token: TokenScore): [label: string, numbers: string, top: [string, number, boolean][]] {
  const { label, log_prob, rank, entropy, id } = token;
  const numbers =
    log_prob === null
      ? "the first token: nothing stands before it"
      : `${percent(Math.exp(log_prob))}, rank ${rank?.toLocaleString("en-US")}, log-probability ${log_prob.toFixed(2)}, entropy ${entropy?.toFixed(2)}`;
  return [label, numbers, token.top.map((one) => [one.label, Number(one.prob.toPrecision(4)), one.id === id])];
}

/** The same as lines, for a tooltip. */
function tooltip({ tokens }: Shown): string {
  return tokens
    .map(described)
    .map(([label, numbers, top]) =>
      [`${label}: ${numbers}`, ...top.map(([other, p]) => `  ${other} ${percent(p)}`)].join("\n"),
    )
    .join("\n");
}

/** The ground of a token: one hue over the page's own ground. */
const ground = (surprise: number): string => `rgba(232, 118, 45, ${(surprise * 0.6).toFixed(2)})`;

function page(title: string, shown: readonly Shown[], caption: string): string {
  const words = shown.map((one) => {
    const style = one.surprise === null ? "" : ` style="background-color: ${ground(one.surprise)}; border-radius: 3px"`;
    return `<span title="${escapeMarkup(tooltip(one))}"${style}>${escapeMarkup(one.text)}</span>`;
  });
  const rows = shown.flatMap(({ tokens }) =>
    tokens.map((token) => {
      const [label, numbers, top] = described(token);
      const others = top.map(([other, p]) => `${other} ${percent(p)}`).join(", ");
      return `<tr><td>${escapeMarkup(label)}</td><td>${escapeMarkup(numbers)}</td><td>${escapeMarkup(others)}</td></tr>`;
    }),
  );
  return [
    `<div><b>${escapeMarkup(title)}</b></div>`,
    `<div style="white-space: pre-wrap; font-family: monospace; line-height: 1.7; padding: 6px 0px">${words.join("")}</div>`,
    `<div>${escapeMarkup(caption)}</div>`,
    `<details><summary>Every token as a table</summary><table><tr><th>token</th><th>how likely</th><th>top tokens in its place</th></tr>${rows.join("")}</table></details>`,
  ].join("");
}

/** Words in rows, a rectangle behind each. */
function picture(title: string, shown: readonly Shown[], caption: string): string {
  const [left, size, width, line] = [12, 14, 720, 26];
  const { shapes, height } = heading(title, width, caption);
  let [x, y] = [left, height + 14];
  for (const { text: words, surprise } of shown) {
    for (const [i, part] of words.split("\n").entries()) {
      if (i > 0) [x, y] = [left, y + line];
      const visible = part.replaceAll("\t", "    ");
      const wide = textWidth(visible, size);
      if (visible === "") continue;
      if (x + wide > width - left && x > left) [x, y] = [left, y + line];
      shapes.push(rect(x, y - 16, wide - 1, 21, onPaper(surprise), { radius: 3 }));
      shapes.push(text(x + 1, y, visible, { size, fill: palette.onPaper }));
      x += wide;
    }
  }
  return document(width, y + 20, `${title}: ${caption}`, shapes);
}

/** On paper, so that the text upon it reads on every page. */
const onPaper = (surprise: number | null): string => colourOf(-(surprise ?? 0), [-1, 1], "paper");

/** The text with its shades, and the tokens that surprised the most. */
function letters(title: string, shown: readonly Shown[], caption: string): string {
  const marks = shown.map(({ text: words, surprise }) =>
    surprise === null || surprise < 0.5 ? words : `${"░▒▓█"[Math.min(3, Math.floor((surprise - 0.5) * 8))]}${words}`,
  );
  const least = shown
    .flatMap(({ tokens }) => tokens)
    .filter(({ log_prob }) => log_prob !== null)
    .sort((a, b) => (a.log_prob as number) - (b.log_prob as number))
    .slice(0, 5)
    .map((token) => {
      const [label, numbers, top] = described(token);
      return `  ${label}: ${numbers}${top.length > 0 ? `; top: ${top.map(([other, p]) => `${other} ${percent(p)}`).join(", ")}` : ""}`;
    });
  return [title, marks.map(makeLines).join(""), "the least expected:", ...least, caption].join("\n");
}

/** Other control characters than the ends of lines are made visible. */
const makeLines = (words: string): string =>
  words.replace(/[^\n ]+/g, (part) => makeVisible(part)).replaceAll("\r", "");
