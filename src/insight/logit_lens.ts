/** The logit lens: what the head would say of the stream after each block. */
import { inspect } from "node:util";
import { jupyterDisplay, type MimeBundle, mime } from "../host";
import { abortable } from "../model/abort";
import type { Core } from "../model/core";
import type { Summary } from "../native";
import { checkOptions } from "../options";
import { makeVisible } from "../plots/token_label";
import { editedCore } from "./edited_native";
import type { Edit } from "./edit_types";
import { runWithCache } from "./run_with_cache";
import { writing } from "./label";
import { chosenNumbers, chosenPositions, type Positions } from "./positions";
import { type Prompt, promptIds, type TokenChoice, tokenIds } from "./prompt";

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

/** How long it took, how often the model was run, and the bytes that were kept. */
export interface Cost {
  /** Milliseconds, all in all. */
  ms: number;
  /** Forward passes. */
  passes: number;
  /** Bytes of the intermediates that were kept for it. */
  bytes: number;
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
  /** The blocks, -1 for the embeddings. */
  readonly layers: number[];
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
  /** How far the model's last word is from each distribution, Kullback and Leibler's in nats: (layers, positions). */
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
    const rows = this.layers.map((layer, l) => {
      const cells = this.positions.map((_, p) => {
        const part = Math.round((this.probabilities[l]?.[p]?.[0] ?? 0) * 100);
        return `${this.tokens[l]?.[p]?.[0] ?? ""} ${part}%`;
      });
      return `${layerName(layer).padStart(8)}  ${cells.join("  ")}`;
    });
    return [this.about, ...rows].join("\n");
  }
  /** @internal */
  get about(): string {
    const { ms, passes, bytes } = this.cost;
    const how = this.norm
      ? ""
      : " WITHOUT the final norm, which the head was trained behind: this is not what the layers say.";
    return `Logit lens of ${this.layers.length} layers at ${this.positions.length} positions.${how} ${ms.toFixed(0)} ms, ${passes} pass, ${(bytes / 2 ** 20).toFixed(1)} MiB kept.`;
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

/** What `model.logit_lens` does. */
export async function logitLens(core: Core, prompt: Prompt, options: LogitLensOptions = {}): Promise<LensResult> {
  const names = { positions: true, layers: true, k: true, watch: true, norm: true, edits: true, signal: true } as const;
  checkOptions(options, names, "logit_lens");
  const start = performance.now();
  core = editedCore(core, options.edits);
  const { native, config } = core;
  const last = config.num_hidden_layers - 1;
  const k = Math.min(options.k ?? 5, config.vocab_size);
  if (!Number.isInteger(k) || k < 1 || k > 256)
    throw new RangeError(`Expected k from 1 to 256 for logit_lens but received ${inspect(options.k)}`);
  const norm = options.norm ?? true;
  const ids = await promptIds(core, prompt, "logit_lens");
  const positions = chosenPositions(options.positions ?? "last", ids.length);
  const layers = chosenLayers(options.layers, last);
  // The last block's row stands at the end of each position's: what the others are compared with.
  const looked = layers.at(-1) === last ? layers : [...layers, last];
  const [group, rows] = [looked.length, looked.length * positions.length];
  if (rows > most)
    throw new RangeError(
      `Expected at most ${most.toLocaleString("en-US")} rows for logit_lens but ${looked.length} layers at ${positions.length} positions are ${rows.toLocaleString("en-US")}: name positions or layers`,
    );
  const watched = await tokenIds(core, options.watch ?? [], "watch");
  const signal = options.signal ?? undefined;
  const cache = await runWithCache(core, Array.from(ids), {
    names: looked.map((layer) => (layer < 0 ? "model.embed_tokens" : (`model.layers.${layer}` as const))),
    positions,
    signal,
  });
  const hidden = new Float32Array(rows * config.hidden_size);
  looked.forEach((layer, l) => {
    const data = cache.get(layer < 0 ? "model.embed_tokens" : `model.layers.${layer}`).data as Float32Array;
    for (let p = 0; p < positions.length; p++)
      hidden.set(
        data.subarray(p * config.hidden_size, (p + 1) * config.hidden_size),
        (p * group + l) * config.hidden_size,
      );
  });
  const bytes = cache.nbytes;
  cache.dispose();
  const input = native.upload(hidden, [rows, config.hidden_size]);
  const tokens = Int32Array.from({ length: rows * watched.length }, (_, i) => watched[i % watched.length] as number);
  const named = watched.length > 0 ? { tokens } : {};
  let summary: Summary;
  try {
    summary = await abortable(signal, (abort) =>
      native.summarise({ hidden: input, start: 0, rows, norm, k, group, abort, ...named }),
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
