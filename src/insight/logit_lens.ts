/** The logit lens: what the head would say of the stream after each block. */
import { inspect } from "node:util";
import { jupyterDisplay, type MimeBundle, mime } from "../host";
import { abortable } from "../model/abort";
import type { Core } from "../model/core";
import type { NativeTensor, Summary } from "../native";
import { checkOptions } from "../options";
import { makeVisible } from "../plots/token_label";
import { normedBy, rmsOf } from "./frozen_norm";
import type { TapName } from "./names";
import { editedCore } from "./edited_native";
import type { Edit } from "./edit_types";
import { runWithCache } from "./run_with_cache";
import { writing } from "./label";
import { chosenNumbers, chosenPositions, type Positions } from "./positions";
import { type Prompt, promptIds, type TokenChoice, tokenIds } from "./prompt";
import type { Cost } from "./results";
import { costLine } from "./shown";

/** What {@link Phi3ForCausalLM.logit_lens} takes. */
export interface LogitLensOptions {
  /** Positions of the prompt. Default: "last". */
  positions?: Positions | null;
  /** Blocks after which the stream is looked at, by their numbers from 0; -1 is the embeddings. Default: all. */
  layers?: readonly number[] | null;
  /** Top tokens of each, from 1 to 256. Default: 5. */
  k?: number | null;
  /** Tokens, ids or texts of one token each, that are followed from block to block. Default: none. */
  watch?: readonly TokenChoice[] | null;
  /**
   * What is looked at: the stream after each block ("block", the default), or what each block's attention and MLP add to it
   * ("parts"), the final norm held at what it divides the whole stream by.
   */
  at?: "block" | "parts" | null;
  /**
   * false: the stream goes to the head without the final norm. It shows what goes wrong so, confident nonsense, and is no
   * way to look inside. Default: true.
   */
  norm?: boolean | null;
  /** What is changed on the way: {@link steer}, {@link ablate}, {@link patch} and the others make it. Default: nothing. */
  edits?: readonly Edit[] | null;
  /** Stops the work, as the notebook's interrupt does: the call rejects with an `AbortError`. */
  signal?: AbortSignal | null;
}

/** A token followed from block to block. */
export interface WatchedToken {
  /** The token. */
  id: number;
  /** As plots call it. */
  label: string;
  /** By layer, then position: 1 is the top token. */
  rank: number[][];
  /** By layer, then position: the logarithm of its probability. */
  log_prob: number[][];
}

/**
 * What {@link Phi3ForCausalLM.logit_lens} gives; lists go by layer, then by position. {@link plotLens} and
 * {@link plotRanks} draw it.
 *
 * @example
 * const lens = await model.logit_lens(prompt, { watch: [" Paris"], k: 1 });
 * lens.tokens.at(-1); // => [["␣Paris"]]
 * lens.watch[0]!.rank.slice(-3); // => [[7], [3], [1]]
 */
export class LensResult {
  /** The blocks, -1 for the embeddings; of parts, each block twice: its attention and its MLP. */
  readonly layers: number[];
  /** What each is called: "embed", "layer 0", …; or "layer 0 attention", "layer 0 mlp". */
  readonly labels: string[];
  /** The positions of the prompt. */
  readonly positions: number[];
  /** The prompt's tokens at these positions, as plots call them. */
  readonly prompt: string[];
  /** Top tokens: (layers, positions, k). */
  readonly ids: number[][][];
  /** The same, as plots call them. */
  readonly tokens: string[][][];
  /** Their probabilities. */
  readonly probabilities: number[][][];
  /** Of each distribution, in nats: (layers, positions). */
  readonly entropy: number[][];
  /** The Kullback–Leibler divergence of each distribution from the model's last word, in nats: (layers, positions). */
  readonly kl: number[][];
  /** The tokens of `watch`, in its order. */
  readonly watch: WatchedToken[];
  /** Whether the final norm came before the head, as it must. */
  readonly norm: boolean;
  /** What it took. */
  readonly cost: Cost;

  /** @internal */
  constructor(fields: Omit<LensResult, "toString">) {
    this.layers = fields.layers;
    this.labels = fields.labels;
    this.positions = fields.positions;
    this.prompt = fields.prompt;
    this.ids = fields.ids;
    this.tokens = fields.tokens;
    this.probabilities = fields.probabilities;
    this.entropy = fields.entropy;
    this.kl = fields.kl;
    this.watch = fields.watch;
    this.norm = fields.norm;
    this.cost = fields.cost;
  }

  /** A line a layer: the top token at each position, and its probability. */
  toString(): string {
    const width = Math.max(8, ...this.labels.map((label) => label.length));
    const rows = this.labels.map((label, l) => {
      const cells = this.positions.map((_, p) => {
        const part = Math.round((this.probabilities[l]?.[p]?.[0] ?? 0) * 100);
        return `${this.tokens[l]?.[p]?.[0] ?? ""} ${part}%`;
      });
      return `${label.padStart(width)}  ${cells.join("  ")}`;
    });
    return [this.about, ...rows].join("\n");
  }
  /** @internal */
  get about(): string {
    const how = this.norm
      ? ""
      : " WITHOUT the final norm, which the head was trained behind: this is not what the layers say.";
    return `Logit lens of ${this.layers.length} ${this.labels.some((label) => label.endsWith("mlp")) ? "parts" : "layers"} at ${this.positions.length} positions.${how} ${costLine(this.cost)}.`;
  }
  /** @internal */
  [inspect.custom](): string {
    return this.toString();
  }
  /** @internal */
  [jupyterDisplay](): MimeBundle {
    return { [mime.text]: this.toString() };
  }
}

/** As plots call a layer. */
export const layerName = (layer: number): string => (layer < 0 ? "embed" : `layer ${layer}`);

/** Rows that a lens may look at: more are the work of minutes, and no picture. */
const most = 4096;

/** What a lens looks at. */
interface Place {
  name: TapName;
  layer: number;
  label: string;
}

/** What `model.logit_lens` does. */
export async function logitLens(core: Core, prompt: Prompt, options: LogitLensOptions = {}): Promise<LensResult> {
  const names = {
    positions: true,
    layers: true,
    k: true,
    watch: true,
    at: true,
    norm: true,
    edits: true,
    signal: true,
  } as const;
  checkOptions(options, names, "logit_lens");
  const start = performance.now();
  core = editedCore(core, options.edits);
  const { native, config } = core;
  const last = config.num_hidden_layers - 1;
  const k = Math.min(options.k ?? 5, config.vocab_size);
  if (!Number.isInteger(k) || k < 1 || k > 256)
    throw new RangeError(`Expected k from 1 to 256 for logit_lens but received ${inspect(options.k)}`);
  const at = options.at ?? "block";
  if (at !== "block" && at !== "parts")
    throw new TypeError(`Expected "block" or "parts" for at of logit_lens but received ${inspect(at)}`);
  const norm = options.norm ?? true;
  const ids = await promptIds(core, prompt, "logit_lens");
  const positions = chosenPositions(options.positions ?? "last", ids.length);
  const places = chosenLayers(options.layers, last).flatMap((layer) => placesOf(layer, at));
  const layers = places.map(({ layer }) => layer);
  // The last block's row stands at the end of each position's: what the others are compared with.
  const whole = `model.layers.${last}` as const;
  const looked = [...places.map(({ name }) => name), ...(places.at(-1)?.name === whole ? [] : [whole])];
  const [group, rows] = [looked.length, looked.length * positions.length];
  if (rows > most)
    throw new RangeError(
      `Expected at most ${most.toLocaleString("en-US")} rows for logit_lens but ${looked.length} layers at ${positions.length} positions are ${rows.toLocaleString("en-US")}: name positions or layers`,
    );
  const watched = await tokenIds(core, options.watch ?? [], "watch");
  const signal = options.signal ?? undefined;
  const cache = await runWithCache(core, Array.from(ids), { names: looked, positions, signal });
  const width = config.hidden_size;
  const hidden = new Float32Array(rows * width);
  looked.forEach((name, l) => {
    const data = cache.get(name).data as Float32Array;
    for (let p = 0; p < positions.length; p++)
      hidden.set(data.subarray(p * width, (p + 1) * width), (p * group + l) * width);
  });
  const bytes = cache.nbytes;
  cache.dispose();
  const held = at === "parts" && norm;
  const input = held ? await partsNormed(core, hidden, group) : native.upload(hidden, [rows, width]);
  const tokens = Int32Array.from({ length: rows * watched.length }, (_, i) => watched[i % watched.length] as number);
  const named = watched.length > 0 ? { tokens } : {};
  let summary: Summary;
  try {
    summary = await abortable(signal, (abort) =>
      native.summarise({ hidden: input, start: 0, rows, norm: norm && !held, k, group, abort, ...named }),
    );
  } finally {
    input.dispose();
  }
  const { label, texts } = await writing(core, ids);
  const by = <T>(read: (row: number) => T): T[][] =>
    layers.map((_, l) => positions.map((_position, p) => read(p * group + l)));
  const several = <T>(n: number, read: (row: number, i: number) => T): T[][][] =>
    by((row) => Array.from({ length: n }, (_, i) => read(row, row * n + i)));
  const logOf = (row: number, logit: number | undefined): number =>
    (logit as number) - (summary.logsumexp[row] as number);
  return new LensResult({
    layers,
    labels: places.map(({ label }) => label),
    positions,
    prompt: positions.map((position) => (texts ? makeVisible(texts[position]?.text ?? "") : String(ids[position]))),
    ids: several(k, (_, i) => summary.ids[i] as number),
    tokens: several(k, (_, i) => label(summary.ids[i] as number)),
    probabilities: several(k, (row, i) => Math.exp(logOf(row, summary.logits[i]))),
    entropy: by((row) => summary.entropy[row] as number),
    kl: by((row) => summary.divergence[row] as number),
    watch: watched.map((id, w) => ({
      id,
      label: label(id),
      rank: by((row) => summary.token_ranks[row * watched.length + w] as number),
      log_prob: by((row) => logOf(row, summary.token_logits[row * watched.length + w])),
    })),
    norm,
    cost: { ms: performance.now() - start, passes: 1, bytes },
  } as LensResult);
}

function chosenLayers(layers: readonly number[] | null | undefined, last: number): number[] {
  if (layers === undefined || layers === null) return Array.from({ length: last + 2 }, (_, i) => i - 1);
  if (!Array.isArray(layers) || layers.length === 0)
    throw new TypeError(`Expected numbers for layers of logit_lens but received ${inspect(layers)}`);
  // -1 is the embeddings, not the last one.
  return chosenNumbers(
    layers.map((layer: number) => (layer < -1 ? Number.NaN : layer + 1)),
    last + 2,
    "layers, counted from 1 with 0 for the embeddings,",
  ).map((layer) => layer - 1);
}

function placesOf(layer: number, at: "block" | "parts"): Place[] {
  if (layer < 0) return [{ name: "model.embed_tokens", layer, label: "embed" }];
  const block = `model.layers.${layer}` as const;
  const label = layerName(layer);
  if (at === "block") return [{ name: block, layer, label }];
  return [
    { name: `${block}.self_attn.o_proj`, layer, label: `${label} attention` },
    { name: `${block}.mlp.down_proj`, layer, label: `${label} mlp` },
  ];
}

/** Groups of rows, of which the last is the whole stream, behind the final norm held at what it divides that by. */
function partsNormed(core: Core, hidden: Float32Array, group: number): Promise<NativeTensor> {
  const { hidden_size: width, rms_norm_eps: eps } = core.config;
  const rows = hidden.length / width;
  const held = Array.from({ length: rows }, (_, row) => {
    const whole = (Math.floor(row / group) + 1) * group - 1;
    return rmsOf(hidden.subarray(whole * width, (whole + 1) * width), eps);
  });
  return normedBy(core, hidden, held);
}
