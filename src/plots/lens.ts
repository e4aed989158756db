/** The logit lens drawn: the top token of each layer at each position, and the rank of chosen tokens from layer to layer. */
import { LensResult } from "../insight/logit_lens";
import { checkOptions } from "../options";
import { Figure } from "./figure";
import { lensData, liveLens } from "./lens_live";
import { letters } from "./letters";
import { mapView } from "./map";
import type { Cells, Line, Plot } from "./plot";
import { seriesColour, strength } from "./style";
import type { Table } from "./table";
import type { View } from "./view";

/** The options of {@link plotLens}. */
export interface PlotLensOptions {
  /**
   * What a cell's colour says: the top token's probability (default), the distribution's entropy, how far the model's last
   * word is from it ("kl"), or the rank of the first watched token.
   */
  colour?: "probability" | "entropy" | "kl" | "rank";
  /** Default: `Logit lens`. */
  title?: string;
}

/** The options of {@link plotRanks}. */
export interface PlotRanksOptions {
  /** The position of the prompt, of those looked at. Default: the last. */
  position?: number;
  /** Default: `Ranks by layer`. */
  title?: string;
}

/** Cells of the still picture and of the table: they show the end of a longer prompt, and the live map all of it. */
const most = 500;

/**
 * Draws a lens: layers upwards, positions to the right, and in each cell the token that the head would have said there.
 * Live, a cell that is pointed at, or reached by the arrow keys, tells its numbers; a click or Enter shows that position's
 * top tokens through all layers, and buttons choose what colours say.
 *
 * @param lens What {@link Phi3ForCausalLM.logit_lens} gave.
 * @throws TypeError for anything else; RangeError for ranks where no token was watched, and for more than a notebook's output
 *   holds.
 * @example
 * const lens = await model.logit_lens(prompt, { positions: "all" });
 * plotLens(lens);
 */
export function plotLens(lens: LensResult, options: PlotLensOptions = {}): View {
  checkOptions(options, { colour: true, title: true }, "plotLens");
  checkLens(lens, "plotLens");
  const { colour = "probability", title = "Logit lens" } = options;
  const shown = coloured(lens, colour);
  const names = ["probability", "entropy", "kl", ...(lens.watch.length > 0 ? ["rank"] : [])] as const;
  const others = names.filter((name) => name !== colour).map((name) => coloured(lens, name as typeof colour));
  const { positions } = lens;
  const count = Math.min(positions.length, Math.max(1, Math.floor(most / lens.layers.length)));
  const note =
    count < positions.length
      ? `\nThis picture shows the last ${count} of ${positions.length.toLocaleString("en-US")} positions.`
      : "";
  const from = positions.length - count;
  const still = {
    ...plotOf(lens, shown, { title, from, note }),
    table: tableOf(lens, from),
    shrink: "look at fewer positions or layers, or fewer tokens in each place (k)",
  };
  const data = lensData(
    lens,
    [shown, ...others].map(({ name, ends, values, range }) => ({
      ...{ name, ends },
      strength: values.map((row) => row.map((value) => strength(value, range))),
    })),
    title,
  );
  return mapView(still, { data, script: liveLens }, letters(plotOf(lens, shown, { title, from: 0, note: "" })));
}

/** The lens' positions from the `from`th on as a plot. */
function plotOf(
  lens: LensResult,
  shown: ReturnType<typeof coloured>,
  { title, from, note }: { title: string; from: number; note: string },
): Plot {
  const { labels, positions, tokens, probabilities } = lens;
  const cells: Cells = {
    mark: "cells",
    values: shown.values.map((row) => row.slice(from)),
    colour: { name: shown.name, range: shown.range, format: shown.format },
    text: tokens.map((row) => row.slice(from).map((top) => top[0] ?? "")),
    about: labels.map((label, l) =>
      positions.slice(from).map((position, i) => {
        const p = from + i;
        const top = tokens[l]?.[p]?.map((token, n) => `${token} ${percent(probabilities[l]?.[p]?.[n] as number)}`);
        const where = `${label}, position ${position} (${lens.prompt[p]})`;
        const numbers = `entropy ${number(lens.entropy[l]?.[p])}, KL ${number(lens.kl[l]?.[p])} nats`;
        const ranks = lens.watch.map(({ label, rank }) => `${label}: rank ${rank[l]?.[p]?.toLocaleString("en-US")}`);
        return [where, ...(top ?? []), numbers, ...ranks].join("\n");
      }),
    ),
  };
  const x = { kind: "category" as const, labels: lens.prompt.slice(from), name: "position" };
  const y = { kind: "category" as const, labels, reversed: true };
  return { title, caption: `${lens.about}${note}`, panels: [{ x, y, marks: [cells] }] };
}

function tableOf({ labels, prompt, positions, tokens, probabilities }: LensResult, from: number): Table {
  return {
    name: from === 0 ? "Every cell as a table" : `The last ${positions.length - from} positions as a table`,
    head: ["layer", ...prompt.slice(from)],
    rows: labels.map((label, l) => [
      label,
      ...positions
        .slice(from)
        .map((_, i) => `${tokens[l]?.[from + i]?.[0]} ${percent(probabilities[l]?.[from + i]?.[0] as number)}`),
    ]),
  };
}

/** The numbers that colours stand for, and how far they reach. */
function coloured(lens: LensResult, colour: PlotLensOptions["colour"]) {
  const table = { entropy: lens.entropy, kl: lens.kl };
  const greatest = (values: number[][]): number => Math.max(1e-6, ...values.flat());
  if (colour === "probability") {
    const values = lens.probabilities.map((row) => row.map(([first]) => first as number));
    return {
      name: "probability",
      ends: "pale 0%, strong 100%",
      values,
      range: [0, 1] as [number, number],
      format: "percent" as const,
    };
  }
  if (colour === "entropy" || colour === "kl") {
    const values = table[colour];
    const ends = `pale 0, strong ${greatest(values).toFixed(2)}`;
    return { name: `${colour} (nats)`, ends, values, range: [0, greatest(values)] as [number, number] };
  }
  if (colour !== "rank")
    throw new TypeError(`Expected "probability", "entropy", "kl" or "rank" for colour but received ${String(colour)}`);
  const [watched] = lens.watch;
  if (!watched) throw new RangeError("Expected a lens with a watched token for the colour rank: logit_lens's watch");
  // The first rank is the strongest colour: powers of ten below it are as far apart from each other.
  const values = watched.rank.map((row) => row.map((rank) => -Math.log10(rank)));
  const low = Math.min(-1, ...values.flat());
  const shifted = values.map((row) => row.map((value) => value - low));
  const ends = `pale rank ${Math.round(10 ** -low).toLocaleString("en-US")}, strong rank 1`;
  return { name: `rank of ${watched.label}, from 1 down`, ends, values: shifted, range: [0, -low] as [number, number] };
}

/**
 * Draws the ranks of the watched tokens after each layer: 1, the top token, is above, on a logarithmic axis.
 *
 * @param lens What {@link Phi3ForCausalLM.logit_lens} gave, with `watch`.
 * @throws TypeError for anything else; RangeError where no token was watched, or not at this position, and for a lens of
 *   parts.
 * @example
 * const lens = await model.logit_lens(prompt, { watch: [" Paris", " London"] });
 * plotRanks(lens);
 */
export function plotRanks(lens: LensResult, options: PlotRanksOptions = {}): Figure {
  checkOptions(options, { position: true, title: true }, "plotRanks");
  checkLens(lens, "plotRanks");
  const { position = lens.positions.at(-1) as number, title = "Ranks by layer" } = options;
  if (new Set(lens.layers).size < lens.layers.length)
    throw new RangeError("Expected a lens of blocks for plotRanks but this one is of parts; plotLens draws it");
  const p = lens.positions.indexOf(position);
  if (p < 0)
    throw new RangeError(`Expected one of the positions ${lens.positions.join(", ")} but received ${position}`);
  if (lens.watch.length === 0)
    throw new RangeError("Expected a lens with watched tokens for plotRanks: logit_lens's watch");
  const marks = lens.watch.map(
    ({ label, rank }, w): Line => ({
      mark: "line",
      x: [...lens.layers],
      y: rank.map((row) => row[p] as number),
      colour: seriesColour(w),
      series: label,
      label,
      about: "layer {x}: rank {y:,}",
      words: rank.map((row) => row[p]?.toLocaleString("en-US")).join(" "),
    }),
  );
  const x = { kind: "linear" as const, name: "layer (-1: embeddings)", format: "whole" as const };
  const y = { kind: "log" as const, name: "rank", format: "whole" as const, reversed: true };
  const caption = `At position ${position} (${lens.prompt[p]}). ${lens.about}`;
  return new Figure({ title, caption, panels: [{ x, y, marks }] });
}

function checkLens(lens: unknown, where: string): void {
  if (!(lens instanceof LensResult))
    throw new TypeError(`Expected what model.logit_lens gave for ${where} but received ${typeof lens}`);
}

const percent = (p: number): string => `${(p * 100).toFixed(1)}%`;
const number = (value: number | undefined): string => (value ?? Number.NaN).toFixed(2);
