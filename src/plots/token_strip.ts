/** A text whose tokens have a ground each, the stronger the more unexpected the token was: in HTML, drawn, in letters. */
import { areIds } from "../insight/label";
import type { TokenScore } from "../insight/log_probs";
import { escapeMarkup } from "../markup";
import { percent } from "./said";
import { colourOf, palette, strength } from "./style";
import { rect, text } from "./svg";
import { tableHtml } from "./table";
import { makeVisible } from "./token_label";
import { textWidth } from "./words";

/** What the colour of a token's ground says. */
export type Surprise = "probability" | "rank" | "entropy";

/** Tokens that are shown as one: the pieces of a character are. */
export interface Shown {
  text: string;
  tokens: TokenScore[];
  /** From 0, expected, to 1; null: nothing is known of it. */
  surprise: number | null;
}

/** What the strongest colour stands for, in nats. */
const strongest: Record<Surprise, number> = { probability: Math.log(1000), rank: Math.log(1000), entropy: 8 };

function measure({ log_prob, rank, entropy }: TokenScore, colour: Surprise): number | null {
  if (colour === "probability") return log_prob === null ? null : -log_prob;
  if (colour === "rank") return rank === null ? null : Math.log(rank);
  return entropy;
}

/** The pieces of a character together; of their surprises the greatest. Where ids alone are known, a space follows each. */
export function grouped(tokens: readonly TokenScore[], colour: Surprise): Shown[] {
  const shown: Shown[] = [];
  const ids = areIds(tokens);
  for (const token of tokens) {
    const nats = measure(token, colour);
    const surprise = nats === null ? null : strength(nats, [0, strongest[colour]]);
    const last = shown.at(-1);
    if (token.piece[0] > 0 && last) {
      last.tokens.push(token);
      last.surprise = Math.max(last.surprise ?? 0, surprise ?? 0);
    } else shown.push({ text: ids ? `${token.text} ` : token.text, tokens: [token], surprise });
  }
  return shown;
}

/** What is said of a token: its label, its numbers, and what else stood to choose, with whether it is the token itself. */
export type Described = [label: string, numbers: string, top: [label: string, probability: number, own: boolean][]];

export function described(token: TokenScore): Described {
  const { label, log_prob, rank, entropy, id, top } = token;
  const numbers =
    log_prob === null
      ? ["given, not predicted"]
      : [
          percent(Math.exp(log_prob)),
          rank === null ? [] : `rank ${rank.toLocaleString("en-US")}`,
          `log-probability ${log_prob.toFixed(2)}`,
          entropy === null ? [] : `entropy ${entropy.toFixed(2)}`,
        ].flat();
  return [label, numbers.join(", "), top.map((one) => [one.label, Number(one.prob.toPrecision(4)), one.id === id])];
}

/** What the script that makes a strip live gets: what is said of each ground's tokens, and which it tells of first. */
export function stripData(shown: readonly Shown[]): { said: Described[][]; first: number } {
  const surprises = shown.map(({ surprise }) => surprise ?? -1);
  return { said: shown.map(({ tokens }) => tokens.map(described)), first: surprises.indexOf(Math.max(...surprises)) };
}

const others = (top: Described[2]): string => top.map(([other, p]) => `${other} ${percent(p)}`).join(", ");

/** The same as lines, for a tooltip. */
function tooltip({ tokens }: Shown): string {
  return tokens
    .map(described)
    .flatMap(([label, numbers, top]) => [
      `${label}: ${numbers}`,
      ...top.map(([other, p]) => `  ${other} ${percent(p)}`),
    ])
    .join("\n");
}

/** The ground of a token: one hue over the page's own ground. */
const ground = (surprise: number): string => `rgba(232, 118, 45, ${(surprise * 0.6).toFixed(2)})`;

/** The text as HTML, each ground an element with a tooltip. */
export function stripHtml(shown: readonly Shown[]): string {
  const words = shown.map((one) => {
    const style = one.surprise === null ? "" : ` style="background-color: ${ground(one.surprise)}; border-radius: 3px"`;
    return `<span title="${escapeMarkup(tooltip(one))}"${style}>${escapeMarkup(one.text)}</span>`;
  });
  return `<div style="white-space: pre-wrap; font-family: monospace; line-height: 1.7; padding: 6px 0px">${words.join("")}</div>`;
}

/** All tokens, folded away. */
export function stripTable(shown: readonly Shown[]): string {
  const rows = shown.flatMap(({ tokens }) =>
    tokens.map(described).map(([label, numbers, top]) => [label, numbers, others(top)]),
  );
  return tableHtml({ name: "Every token as a table", head: ["token", "how likely", "top tokens in its place"], rows });
}

/** On paper, so that the text upon it reads on every page. */
const onPaper = (surprise: number | null): string => colourOf(-(surprise ?? 0), [-1, 1], "paper");

/** Words in rows from `left` to `right`, the first at `top`, a rectangle behind each. */
export function stripShapes(shown: readonly Shown[], { left, right, top }: Record<"left" | "right" | "top", number>) {
  const [size, line, shapes] = [14, 26, [] as string[]];
  let [x, y] = [left, top + 16];
  for (const { text: words, surprise } of shown) {
    for (const [i, part] of words.split("\n").entries()) {
      if (i > 0) [x, y] = [left, y + line];
      const visible = part.replaceAll("\t", "    ");
      const wide = textWidth(visible, size);
      if (visible === "") continue;
      if (x + wide > right && x > left) [x, y] = [left, y + line];
      shapes.push(rect(x, y - 16, wide - 1, 21, onPaper(surprise), { radius: 3 }));
      shapes.push(text(x + 1, y, visible, { size, fill: palette.onPaper }));
      x += wide;
    }
  }
  return { shapes, bottom: y + 10 };
}

/** The text with a shade before each token that was a surprise, and the tokens that were the least expected. */
export function stripLetters(shown: readonly Shown[]): string[] {
  const marks = shown.map(({ text: words, surprise }) =>
    surprise === null || surprise < 0.5 ? words : `${"░▒▓█"[Math.min(3, Math.floor((surprise - 0.5) * 8))]}${words}`,
  );
  const least = shown
    .flatMap(({ tokens }) => tokens)
    .filter(({ log_prob }) => log_prob !== null)
    .sort((a, b) => (a.log_prob as number) - (b.log_prob as number))
    .slice(0, 5)
    .map(described)
    .map(([label, numbers, top]) => `  ${label}: ${numbers}${top.length > 0 ? `; top: ${others(top)}` : ""}`);
  return [marks.map(makeLines).join(""), ...(least.length > 0 ? ["the least expected:", ...least] : [])];
}

/** The same on grounds of colour, for a terminal that has them. */
export const stripAnsi = (shown: readonly Shown[]): string =>
  shown
    .map(({ text: words, surprise }) => {
      const made = makeLines(words);
      // From the terminal's own ground to orange, by the 256 colours that all of them have; the text on it is black.
      const colour = [0, 223, 216, 209, 202][Math.min(4, Math.floor((surprise ?? 0) * 5))] as number;
      return colour === 0 ? made : `\x1b[30;48;5;${colour}m${made}\x1b[0m`;
    })
    .join("");

/** Other control characters than the ends of lines are made visible. */
const makeLines = (words: string): string =>
  words.replace(/[^\n ]+/g, (part) => makeVisible(part)).replaceAll("\r", "");
