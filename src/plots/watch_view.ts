/** One moment of a generation that is watched: the text so far, the layers' words for the newest token, time and memory. */
import type { TokenScores } from "../insight/log_probs";
import { escapeMarkup } from "../markup";
import { bytesText, roughly } from "./said";
import { colourOf, palette } from "./style";
import { document, heading, rect, text } from "./svg";
import {
  grouped,
  type Shown,
  stripAnsi,
  stripData,
  stripHtml,
  stripLetters,
  stripShapes,
  stripTable,
} from "./token_strip";
import { liveTokens } from "./tokens_live";
import { View, type ViewParts, viewBytes } from "./view";
import { shorten } from "./words";

/** What is shown of a generation. */
export type WatchView = "tokens" | "lens";

/** What the head would say after a layer. */
export interface LayerWord {
  layer: string;
  label: string;
  probability: number;
}

/** A generation at one moment. */
export interface Moment {
  state: "running" | "done" | "stopped";
  title: string;
  views: readonly WatchView[];
  scores: TokenScores;
  /** Of which token, and what each layer would have said in its place. */
  lens: { token: string; words: readonly LayerWord[] } | undefined;
  /** Milliseconds a token, on average; NaN while there are none. */
  token_ms: number;
  /** Bytes of keys and values. */
  cache: number;
}

/** Tokens that a picture holds, and a state that the next one soon replaces: the newest. */
const newest = 300;
/** Bytes of the HTML and the text at most: the rest is the picture's. */
const room = 350_000;

/** The view of a moment; of a text too long for an output it shows the end. */
export function watchView(moment: Moment): View {
  const count = moment.scores.tokens.length;
  let shown = moment.state === "running" ? Math.min(newest, count) : count;
  let parts = partsOf(moment, shown);
  for (let bytes = viewBytes(parts); bytes > room && shown > 1; bytes = viewBytes(parts)) {
    shown = Math.max(1, Math.floor((0.95 * shown * room) / bytes));
    parts = partsOf(moment, shown);
  }
  return new View(parts);
}

/** What the view of the last `count` tokens is made of. */
function partsOf(moment: Moment, count: number): ViewParts {
  const { state, title, views } = moment;
  const last = (most: number): Shown[] =>
    views.includes("tokens") ? grouped(moment.scores.tokens.slice(-most), "probability") : [];
  const shown = last(count);
  const lens = views.includes("lens") ? moment.lens : undefined;
  const caption = captionOf(moment, count);
  const [words = "", ...least] = stripLetters(shown);
  const below = [...least, ...(lens ? lensLetters(lens) : []), caption];
  const running = state === "running";
  const drawn = Math.min(count, newest);
  return {
    text: [title, words, ...below].join("\n"),
    ansi: [title, stripAnsi(shown), ...below].join("\n"),
    svg: running ? "" : picture(title, last(drawn), lens, captionOf(moment, drawn)),
    html: [
      `<div><b>${escapeMarkup(title)}</b></div>`,
      stripHtml(shown),
      lens ? lensHtml(lens) : "",
      `<div>${escapeMarkup(caption)}</div>`,
      shown.length > 0 && !running ? stripTable(shown) : "",
    ].join(""),
    ...(running ? { live: { data: null, script: stopButton } } : {}),
    ...(shown.length > 0 && !running ? { live: { data: stripData(shown), script: liveTokens } } : {}),
    shrink: "ask for fewer alternatives (k)",
  };
}

/** `shown` of the tokens are. */
function captionOf({ state, views, scores, token_ms, cache }: Moment, shown: number): string {
  const { tokens } = scores;
  const count = tokens.filter(({ log_prob }) => log_prob !== null).length;
  const parts = [
    `${number(count)} new token${count === 1 ? "" : "s"}${{ running: " so far", done: "", stopped: ", then stopped" }[state]}`,
    ...(Number.isFinite(token_ms) ? [`${token_ms.toFixed(1)} ms a token, with the looking`] : []),
    `keys and values ${bytesText(cache)}`,
    `${(scores.cost.ms / 1000).toFixed(1)} s in all`,
    ...(views.includes("tokens") && shown < tokens.length
      ? [`shown are the last ${number(shown)} of ${number(tokens.length)} tokens`]
      : []),
  ];
  return parts.join("; ");
}

const number = (count: number): string => count.toLocaleString("en-US");

/** Layers that say the same, one behind the other, are one line. */
function runs(words: readonly LayerWord[]): { layers: string; label: string; probability: number }[] {
  const all: { first: string; last: string; label: string; probability: number }[] = [];
  for (const { layer, label, probability } of words) {
    const run = all.at(-1);
    if (run?.label === label) Object.assign(run, { last: layer, probability });
    else all.push({ first: layer, last: layer, label, probability });
  }
  return all.map(({ first, last, ...rest }) => ({
    layers: first === last ? first : `${first} to ${last.replace("layer ", "")}`,
    ...rest,
  }));
}

const lensTitle = (token: string): string => `What each layer would have said in the place of ${token}`;

const lensLetters = ({ token, words }: NonNullable<Moment["lens"]>): string[] => [
  `${lensTitle(token)}:`,
  ...runs(words).map(({ layers, label, probability }) => `  ${layers}: ${label} ${roughly(probability)}`),
];

/** The ground of a word, over the page's own. */
const ground = (probability: number): string => `rgba(61, 142, 240, ${(0.08 + 0.5 * probability).toFixed(2)})`;

/** A word for each layer, in their order; of layers that say the same the word stands once. */
function lensHtml({ token, words }: NonNullable<Moment["lens"]>): string {
  const items = runs(words).map(
    ({ layers, label, probability }) =>
      `<div style="display: inline-block; padding: 1px 6px; margin: 1px; border-radius: 3px; background-color: ${ground(probability)}"><small>${escapeMarkup(layers)}</small> <b style="white-space: pre; font-family: monospace">${escapeMarkup(label)}</b> <small>${roughly(probability)}</small></div>`,
  );
  return `<div style="padding: 4px 0px"><div>${escapeMarkup(lensTitle(token))}</div><div>${items.join(" ")}</div></div>`;
}

function picture(title: string, shown: readonly Shown[], lens: Moment["lens"], caption: string): string {
  const [left, width] = [12, 720];
  const { shapes, height } = heading(title, width, caption);
  const strip = stripShapes(shown, { left, right: width - left, top: height - 2 });
  shapes.push(...strip.shapes);
  let bottom = strip.bottom + 10;
  if (lens) {
    shapes.push(text(left, bottom + 14, lensTitle(lens.token), { size: 13 }));
    bottom += 22;
    const [columns, row] = [5, 21];
    const column = (width - 2 * left) / columns;
    const down = Math.ceil(lens.words.length / columns);
    lens.words.forEach(({ layer, label, probability }, i) => {
      const [x, y] = [left + Math.floor(i / down) * column, bottom + (i % down) * row];
      shapes.push(rect(x, y, column - 4, row - 2, colourOf(probability, [0, 1], "paper")));
      const words = `${layer.replace("layer ", "")} ${shorten(label, 11)} ${roughly(probability)}`;
      shapes.push(text(x + 5, y + 14, words, { size: 11, fill: palette.onPaper }));
    });
    bottom += down * row;
  }
  return document(width, bottom + 6, `${title}: ${caption}`, shapes);
}

/**
 * The script of a generation that runs: a button that presses the notebook's own stop button, where the page has one; no
 * other way leads from an output to the kernel without a network.
 */
const stopButton = `function (root) {
  const panel = root.closest(".jp-NotebookPanel");
  const own = panel && panel.querySelector("[data-command='notebook:interrupt-kernel']");
  if (!own) return;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "\\u25a0 Stop";
  button.style.cssText = "font: inherit; cursor: pointer; color: var(--jp-content-font-color1, currentColor); background: transparent; border: 1px solid currentColor; border-radius: 3px; padding: 1px 10px; margin: 2px 0";
  // Some front ends take the press, others the click.
  button.addEventListener("click", () => { button.disabled = true; own.dispatchEvent(new MouseEvent("mousedown", { bubbles: true, button: 0 })); own.click(); });
  root.append(button);
}`;
