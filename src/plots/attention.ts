/** What heads look at: each token's attention to those before it. */
import { inspect } from "node:util";
import type { StreamTokenizer } from "../generation/streamer";
import { ActivationCache } from "../insight/activation_cache";
import { pieceLabel, tokenTexts } from "../insight/label";
import type { TapName } from "../insight/names";
import { checkOptions } from "../options";
import { liveAttention } from "./attention_live";
import { attentionPicture } from "./attention_picture";
import { tableHtml } from "./table";
import { stillImage, View } from "./view";
import { columns, shorten } from "./words";

/** The options of {@link plotAttention}. */
export interface PlotAttentionOptions {
  /** The layer, or several. Default: all whose weights the cache holds. */
  layer?: number | readonly number[];
  /** Heads, of those kept. Default: all of them. */
  heads?: readonly number[];
  /** Names the tokens; the pieces of a character are named as that character. */
  tokenizer?: StreamTokenizer;
  /** What the tokens are called, all that are looked at, in place of a tokenizer. Default: their ids. */
  tokens?: readonly string[];
  /** Default: `What heads look at`. */
  title?: string;
}

/** Attention weights, picked out of a cache. */
export interface Weights {
  /** What the tokens that are looked at are called. */
  labels: string[];
  /** Whether those are words of their own, as ids are, and not the text itself, piece by piece. */
  apart?: boolean;
  /** Of each row the last token that it may look at: its own place. */
  rows: number[];
  maps: HeadMap[];
}

/** One head's weights. */
export interface HeadMap {
  layer: number;
  head: number;
  /** (rows, tokens) */
  values: Float32Array;
  /** The greatest weight but those on the first token, which soaks up what no other wants. */
  most: number;
}

/**
 * Draws the attention of a layer's heads, or of several layers': a small map of each, and one head large, with the tokens
 * from the top down looking at those to the right. First shown is the head that looks the hardest at one token, the first and
 * the token itself aside. Live, heads and layers are chosen, and a token that is pointed at, or reached by the arrow keys,
 * shows its row as arcs on the text.
 *
 * @param cache What {@link Phi3ForCausalLM.run_with_cache} kept, attention weights among it.
 * @throws TypeError for anything else; RangeError for layers or heads that were not kept, and for more weights than a
 *   notebook's output holds.
 * @example
 * const cache = await model.run_with_cache(prompt, { names: /attn_weights$/, layers: [23] });
 * plotAttention(cache, { layer: 23, tokenizer });
 */
export function plotAttention(cache: ActivationCache, options: PlotAttentionOptions = {}): View {
  const names = { layer: true, heads: true, tokenizer: true, tokens: true, title: true } as const;
  checkOptions(options, names, "plotAttention");
  checkKept(cache, "plotAttention");
  const { title = "What heads look at" } = options;
  const weights = picked(cache, options);
  return attentionView(weights, title);
}

/** @internal What the script of attention gets of all the heads that a cache holds. */
export function attentionData(cache: ActivationCache, options: PlotAttentionOptions): object {
  checkKept(cache, "cache of plotHeads");
  return packed(picked(cache, options), 0);
}

function checkKept(cache: unknown, where: string): void {
  if (!(cache instanceof ActivationCache))
    throw new TypeError(
      `Expected what model.run_with_cache gave for ${where} but received ${inspect(cache, { depth: 0 })}`,
    );
}

/** @internal The view of weights that are picked out already. */
export function attentionView(weights: Weights, title: string): View {
  const shown = pointed(weights);
  const { layer, head } = weights.maps[shown] as HeadMap;
  const caption = `Large: layer ${layer}, head ${head}. A row is a token, its cells what it looks at, in percent. Colours are each head's own, and leave the first token out: it soaks up what no other wants.`;
  const svg = attentionPicture(weights, shown, title, caption);
  const rows = weights.rows.map((own, r) => [
    labelOf(weights, own),
    ...strongest(weights, shown, r, 3).map(said(weights)),
  ]);
  const table = tableHtml({
    name: `Layer ${layer}, head ${head} as a table`,
    head: ["token", "looks at most", "then at", "then at"],
    rows,
  });
  return new View({
    text: letters(weights, shown, title),
    svg,
    // The picture has the title and what is said of it.
    html: stillImage(svg, `${title}: ${caption}`) + table,
    live: { data: { title, ...packed(weights, shown) }, script: liveAttention },
    shrink: "show fewer heads (heads), or keep fewer positions (run_with_cache's positions)",
  });
}

const labelOf = ({ labels }: Weights, token: number): string => labels[token] as string;

/** The weights that are wanted, with names for all tokens. */
function picked(cache: ActivationCache, options: PlotAttentionOptions): Weights {
  const kept = cache.names.flatMap((name) => {
    const layer = /^model\.layers\.(\d+)\.self_attn\.attn_weights$/.exec(name)?.[1];
    return layer === undefined ? [] : Number(layer);
  });
  if (kept.length === 0)
    throw new RangeError("Expected attention weights in the cache: run_with_cache's names: /attn_weights$/");
  const layers = [options.layer ?? kept].flat();
  const heads = options.heads ?? cache.heads;
  for (const [what, list, all] of [
    ["layers", layers, kept],
    ["heads", heads, cache.heads],
  ] as const) {
    const missing = list.find((one) => !all.includes(one));
    if (missing !== undefined || list.length === 0)
      throw new RangeError(`Expected ${what} that were kept, ${all.join(", ")}, but received ${inspect(missing)}`);
  }
  const maps = layers.flatMap((layer) => {
    const tensor = cache.get(`model.layers.${layer}.self_attn.attn_weights` as TapName);
    const size = (tensor.dims[2] as number) * (tensor.dims[3] as number);
    const data = tensor.data as Float32Array;
    return heads.map((head) => {
      const at = cache.heads.indexOf(head);
      return headMap(layer, head, data.subarray(at * size, (at + 1) * size), tensor.dims[3] as number);
    });
  });
  const tokens = (maps[0] as HeadMap).values.length / cache.positions.length;
  const past = tokens - cache.input_ids.length;
  return {
    labels: labels(cache, options, tokens, past),
    apart: options.tokenizer === undefined && options.tokens === undefined,
    rows: cache.positions.map((position) => past + position),
    maps,
  };
}

function headMap(layer: number, head: number, values: Float32Array, tokens: number): HeadMap {
  return {
    layer,
    head,
    values,
    most: values.reduce((most, one, i) => (i % tokens > 0 && one > most ? one : most), 0.01),
  };
}

function labels({ input_ids }: ActivationCache, options: PlotAttentionOptions, tokens: number, past: number): string[] {
  const { tokenizer, tokens: given } = options;
  if (given) {
    if (given.length !== tokens) throw new RangeError(`Expected ${tokens} tokens but received ${given.length}`);
    return given.map(String);
  }
  const own = tokenizer
    ? tokenTexts(tokenizer, input_ids).map(({ text, piece }) => pieceLabel(text, piece))
    : input_ids.map(String);
  return [...Array.from({ length: past }, (_, i) => `#${i}`), ...own];
}

/** A row's tokens in falling order of its weights on them. */
function strongest({ maps, labels, rows }: Weights, map: number, row: number, count: number) {
  const { values } = maps[map] as HeadMap;
  const own = Array.from(values.subarray(row * labels.length, row * labels.length + (rows[row] as number) + 1));
  const order = Array.from(own.keys()).sort((a, b) => (own[b] as number) - (own[a] as number));
  return order.slice(0, count).map((token) => ({ token, weight: own[token] as number }));
}

const said =
  (weights: Weights) =>
  ({ token, weight }: { token: number; weight: number }): string =>
    `${labelOf(weights, token)} ${weight.toFixed(2)}`;

/** The head whose rows look, on average, the hardest at one token other than the first and their own. */
function pointed({ maps, labels, rows }: Weights): number {
  const hardest = maps.map(({ values }) => {
    const each = rows.map((own, r) => values.subarray(r * labels.length + 1, r * labels.length + own));
    return each.reduce((sum, row) => sum + row.reduce((most, one) => Math.max(most, one), 0), 0);
  });
  return hardest.indexOf(Math.max(...hardest));
}

function letters(weights: Weights, shown: number, title: string): string {
  const { maps, rows } = weights;
  const { layer, head } = maps[shown] as HeadMap;
  const names = rows.map((own) => shorten(labelOf(weights, own), 16));
  const width = Math.max(...names.map(columns));
  const lines = rows.slice(-40).map((_, i) => {
    const row = Math.max(0, rows.length - 40) + i;
    const name = names[row] as string;
    return `${name}${" ".repeat(width - columns(name))}  looks at  ${strongest(weights, shown, row, 3).map(said(weights)).join(", ")}`;
  });
  const others = maps.map((map, m) => {
    const row = rows.length - 1;
    const [first] = strongest(weights, m, row, weights.labels.length).filter(({ token }) => token > 0);
    return `L${map.layer}H${map.head} ${first ? said(weights)(first) : "the first token alone"}`;
  });
  const last = labelOf(weights, rows.at(-1) as number);
  return [
    `${title}: layer ${layer}, head ${head}`,
    ...(rows.length > 40 ? [`the last 40 of ${rows.length} tokens:`] : []),
    ...lines,
    `${last} in each head, the first token aside: ${others.slice(0, 64).join("; ")}`,
  ].join("\n");
}

/** All weights of the causal triangle, row after row, each as a part of 65,535. */
function packed({ maps, labels, apart, rows }: Weights, shown: number) {
  const size = rows.reduce((sum, own) => sum + own + 1, 0);
  const all = new Uint16Array(maps.length * size);
  let at = 0;
  for (const { values } of maps)
    rows.forEach((own, r) => {
      for (let token = 0; token <= own; token++)
        all[at++] = Math.round(65_535 * (values[r * labels.length + token] as number));
    });
  return {
    ...{ labels, apart, rows, shown, maps: maps.map(({ layer, head }) => [layer, head]) },
    weights: Buffer.from(all.buffer).toString("base64"),
  };
}
