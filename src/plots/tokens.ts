/** A text with each token's ground coloured by how likely the model found it. */
import { TokenScores } from "../insight/log_probs";
import { escapeMarkup } from "../markup";
import { checkOptions } from "../options";
import { document, heading } from "./svg";
import {
  grouped,
  type Shown,
  stripAnsi,
  stripData,
  stripHtml,
  stripLetters,
  stripShapes,
  stripTable,
  type Surprise,
} from "./token_strip";
import { liveTokens } from "./tokens_live";
import { View } from "./view";

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
  const caption = `${legend[colour]} ${scores.about}`;
  const [words, ...least] = stripLetters(shown);
  return new View({
    text: [title, words, ...least, caption].join("\n"),
    ansi: [title, stripAnsi(shown), ...least, caption].join("\n"),
    svg: picture(title, shown, caption),
    html: [
      `<div><b>${escapeMarkup(title)}</b></div>`,
      stripHtml(shown),
      `<div>${escapeMarkup(caption)}</div>`,
      stripTable(shown),
    ].join(""),
    live: { data: stripData(shown), script: liveTokens },
    shrink: "score the text in parts, or ask log_probs for fewer alternatives (k)",
  });
}

const legend: Record<Surprise, string> = {
  probability: "Strong ground: an improbable token (1 in 1,000 or less is the strongest).",
  rank: "Strong ground: far from the top token (rank 1,000 is the strongest).",
  entropy: "Strong ground: the model was unsure (8 nats are the strongest).",
};

function picture(title: string, shown: readonly Shown[], caption: string): string {
  const [left, width] = [12, 720];
  const { shapes, height } = heading(title, width, caption);
  const strip = stripShapes(shown, { left, right: width - left, top: height - 2 });
  return document(width, strip.bottom + 10, `${title}: ${caption}`, [...shapes, ...strip.shapes]);
}
