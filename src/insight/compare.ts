/** How far apart two models run the same prompt, block by block: one in two precisions, say, or before and after training. */
import { inspect } from "node:util";
import { logSoftmax } from "../generation/warpers";
import { abortable } from "../model/abort";
import type { Core } from "../model/core";
import type { ModelConfig, NativeTensor } from "../native";
import { checkOptions } from "../options";
import { type Tensor, tensor } from "../tensor";
import type { ActivationCache } from "./activation_cache";
import { namedPrompt } from "./label";
import type { TapName } from "./names";
import { chosenPositions, type Positions } from "./positions";
import { type Prompt, promptIds } from "./prompt";
import type { Comparison } from "./results";
import { runWithCache } from "./run_with_cache";
import { columns, costLine, shown } from "./shown";

/** What {@link compare} takes. */
export interface CompareOptions {
  /** The blocks' outputs and in the end the scores ("block", the default), or these places alone. */
  at?: "block" | readonly TapName[] | null;
  /** Positions of the prompt. Default: "all". */
  positions?: Positions | null;
  /** What the models are called. Default: what they were loaded from. */
  names?: readonly [string, string] | null;
  /** Stops the work, as the notebook's interrupt does: the call rejects with an `AbortError`. */
  signal?: AbortSignal | null;
}

/** Scores of this many positions are looked at together. */
const scoresAtOnce = 8;
/** Places times positions that are compared: the lens looks at two vectors of each. */
const most = 4096;

interface Row {
  label: string;
  relative_error: number;
  cosine: number;
  kl: number;
  top1_agreement: number;
}

/** What `compare` does. */
export async function compareCores(
  cores: readonly [Core, Core],
  paths: readonly [string, string],
  prompt: Prompt,
  options: CompareOptions = {},
): Promise<Comparison> {
  checkOptions(options, { at: true, positions: true, names: true, signal: true }, "compare");
  const start = performance.now();
  const [a, b] = cores;
  checkAlike(a.config, b.config);
  const at = options.at ?? "block";
  if (at !== "block" && !Array.isArray(at))
    throw new TypeError(`Expected "block" or names for at of compare but received ${inspect(at)}`);
  const [ids, others] = await Promise.all(cores.map((core) => promptIds(core, prompt, "compare")));
  if (ids === undefined || ids.join() !== others?.join())
    throw new RangeError("Expected models whose tokenizers agree on the text for compare; give the ids instead");
  const positions = chosenPositions(options.positions, ids.length);
  const blocks = Array.from({ length: a.config.num_hidden_layers }, (_, i): TapName => `model.layers.${i}`);
  const places: readonly TapName[] = at === "block" ? blocks : at;
  if (places.length * positions.length > most)
    throw new RangeError(
      `Expected at most ${most.toLocaleString("en-US")} places times positions for compare but ${places.length} at ${positions.length} positions are ${(places.length * positions.length).toLocaleString("en-US")}: name positions or places`,
    );
  const signal = options.signal ?? undefined;
  const names = at === "block" ? [...places, "model.norm" as const] : places;
  const caches: ActivationCache[] = [];
  try {
    for (const core of cores) caches.push(await runWithCache(core, Array.from(ids), { names, positions, signal }));
    const pair = (name: TapName): [Float32Array, Float32Array] =>
      caches.map((cache) => cache.get(name).data) as [Float32Array, Float32Array];
    const rows: Row[] = [];
    for (const label of places) {
      const [x, y] = pair(label);
      const seen = isStream(label)
        ? await throughLens(a, x, y, positions.length, signal)
        : { kl: Number.NaN, top1_agreement: Number.NaN };
      rows.push({ label, ...distance(x, y, positions.length), ...seen });
    }
    if (at === "block") rows.push(await scores(cores, pair("model.norm"), positions.length));
    const column = (name: Exclude<keyof Row, "label">) =>
      tensor(
        rows.map((row) => row[name]),
        "float32",
      );
    const bytes = caches.reduce((sum, cache) => sum + cache.nbytes, 0);
    return shown<Comparison>(
      {
        labels: rows.map(({ label }) => label),
        relative_error: column("relative_error"),
        cosine: column("cosine"),
        kl: column("kl"),
        top1_agreement: column("top1_agreement"),
        tokens: await namedPrompt(a, ids, positions),
        names: [...(options.names ?? paths)] as [string, string],
        cost: { ms: performance.now() - start, passes: 2, bytes },
      },
      asText,
    );
  } finally {
    for (const cache of caches) cache.dispose();
  }
}

function checkAlike(a: ModelConfig, b: ModelConfig): void {
  for (const name of ["hidden_size", "num_hidden_layers", "vocab_size"] as const)
    if (a[name] !== b[name])
      throw new RangeError(`Expected models of one shape for compare but their ${name} are ${a[name]} and ${b[name]}`);
}

const isStream = (name: string): boolean => name === "model.embed_tokens" || /^model\.layers\.\d+$/.test(name);

/** How far the vectors of y lie from those of x, on average over the rows. */
function distance(x: Float32Array, y: Float32Array, rows: number): Pick<Row, "relative_error" | "cosine"> {
  const width = x.length / rows;
  let [error, cosine] = [0, 0];
  for (let row = 0; row < rows; row++) {
    let [xx, yy, xy, dd] = [0, 0, 0, 0];
    for (let i = row * width; i < (row + 1) * width; i++) {
      const [p, q] = [x[i] as number, y[i] as number];
      xx += p * p;
      yy += q * q;
      xy += p * q;
      dd += (p - q) ** 2;
    }
    error += Math.sqrt(dd / Math.max(xx, Number.MIN_VALUE)) / rows;
    cosine += xy / Math.max(Math.sqrt(xx * yy), Number.MIN_VALUE) / rows;
  }
  return { relative_error: error, cosine };
}

/** What the first model's final norm and head see of both streams. */
async function throughLens(
  { native, config }: Core,
  x: Float32Array,
  y: Float32Array,
  rows: number,
  signal: AbortSignal | undefined,
): Promise<Pick<Row, "kl" | "top1_agreement">> {
  const width = config.hidden_size;
  const both = new Float32Array(2 * rows * width);
  for (let row = 0; row < rows; row++) {
    both.set(y.subarray(row * width, (row + 1) * width), 2 * row * width);
    both.set(x.subarray(row * width, (row + 1) * width), (2 * row + 1) * width);
  }
  const hidden = native.upload(both, [2 * rows, width]);
  try {
    const { divergence, ids } = await abortable(signal, (abort) =>
      native.summarise({ hidden, start: 0, rows: 2 * rows, norm: true, k: 1, group: 2, abort }),
    );
    let [kl, agreed] = [0, 0];
    for (let row = 0; row < rows; row++) {
      kl += (divergence[2 * row] as number) / rows;
      agreed += Number(ids[2 * row] === ids[2 * row + 1]) / rows;
    }
    return { kl, top1_agreement: agreed };
  } finally {
    hidden.dispose();
  }
}

/** The scores themselves, by each model's own head. */
async function scores(
  cores: readonly [Core, Core],
  normed: readonly [Float32Array, Float32Array],
  rows: number,
): Promise<Row> {
  const { hidden_size: width, vocab_size: vocab } = cores[0].config;
  const total: Row = { label: "lm_head", relative_error: 0, cosine: 0, kl: 0, top1_agreement: 0 };
  for (let first = 0; first < rows; first += scoresAtOnce) {
    const count = Math.min(scoresAtOnce, rows - first);
    const [x, y] = (await Promise.all(
      cores.map(async ({ native }, i) => {
        const part = (normed[i] as Float32Array).slice(first * width, (first + count) * width);
        const hidden = native.upload(part, [count, width]);
        return readAll(await native.lmHead(hidden, 0, count).finally(() => hidden.dispose()));
      }),
    )) as [Float32Array, Float32Array];
    const apart = distance(x, y, count);
    total.relative_error += (apart.relative_error * count) / rows;
    total.cosine += (apart.cosine * count) / rows;
    for (let row = 0; row < count; row++) {
      const [p, q] = [x, y].map((of) => of.subarray(row * vocab, (row + 1) * vocab)) as [Float32Array, Float32Array];
      total.kl += divergence(p, q) / rows;
      total.top1_agreement += Number(top(p) === top(q)) / rows;
    }
  }
  return total;
}

function readAll(made: NativeTensor): Float32Array {
  const data = made.read(0, made.nbytes / 4);
  made.dispose();
  return data;
}

const top = (scores: Float32Array): number =>
  scores.reduce((best, x, i) => (x > (scores[best] as number) ? i : best), 0);

function divergence(p: Float32Array, q: Float32Array): number {
  const [own, other] = [logSoftmax(p), logSoftmax(q)];
  return own.reduce((sum, log, i) => sum + Math.exp(log) * (log - (other[i] as number)), 0);
}

/** A line a place. */
function asText({ labels, relative_error, cosine, kl, top1_agreement, names, tokens, cost }: Comparison): string {
  const small = (values: Tensor, i: number, from = 0): string => {
    const value = Math.abs(from - ((values.data as Float32Array)[i] as number));
    return Number.isNaN(value) ? "" : value.toExponential(1);
  };
  const share = (values: Tensor, i: number): string => {
    const value = (values.data as Float32Array)[i] as number;
    return Number.isNaN(value) ? "" : `${(value * 100).toFixed(0)}%`;
  };
  const rows = labels.map((label, i) => [
    label,
    small(relative_error, i),
    small(cosine, i, 1),
    small(kl, i),
    share(top1_agreement, i),
  ]);
  return [
    `${names[1]} beside ${names[0]}, ${tokens.length} positions`,
    ...columns([["place", "error", "1 - cosine", "KL", "same top token"], ...rows]),
    costLine(cost),
  ].join("\n");
}
