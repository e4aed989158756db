/** What heads do with a sequence of random tokens that is repeated: where each of them looks. */
import { inspect } from "node:util";
import { randomNumbers } from "../generation/random";
import type { Core } from "../model/core";
import { checkOptions } from "../options";
import { Tensor } from "../tensor";
import type { HeadScore, HeadScoreKind, HeadScores } from "./results";
import { runWithCache } from "./run_with_cache";
import { columns, costLine, shown } from "./shown";

/** What {@link Phi3ForCausalLM.head_scores} takes. */
export interface HeadScoresOptions {
  /** Different random tokens of the sequence that is repeated. Default: 24. */
  length?: number | null;
  /** How often it stands there, at least twice. Default: 2. */
  repeats?: number | null;
  /** What the random tokens are chosen by: the same seed gives the same tokens. Default: 0. */
  seed?: number | null;
  /** Bytes of attention weights that may be kept. Default: as of {@link Phi3ForCausalLM.run_with_cache}. */
  max_bytes?: number | null;
  /** Stops the work, as the notebook's interrupt does: the call rejects with an `AbortError`. */
  signal?: AbortSignal | null;
}

/** Of the position `q` of a sequence, those that a head of the kind looks at; TransformerLens' head_detector has the same. */
const looked: Record<HeadScoreKind, (ids: readonly number[], q: number) => number[]> = {
  previous: (_, q) => (q > 0 ? [q - 1] : []),
  first: (_, q) => (q > 0 ? [0] : []),
  duplicate: (ids, q) => earlier(ids, q),
  induction: (ids, q) => earlier(ids, q).map((position) => position + 1),
};
const kindNames = Object.keys(looked) as HeadScoreKind[];

/** Where the token at `q` stood before. */
function earlier(ids: readonly number[], q: number): number[] {
  return Array.from({ length: q }, (_, position) => position).filter((position) => ids[position] === ids[q]);
}

/** What `model.head_scores` does. */
export async function headScores(
  core: Core,
  kinds: readonly HeadScoreKind[] = ["induction", "previous", "first", "duplicate"],
  options: HeadScoresOptions = {},
): Promise<HeadScores> {
  const known = { length: true, repeats: true, seed: true, max_bytes: true, signal: true } as const;
  checkOptions(options, known, "head_scores");
  const start = performance.now();
  const all: unknown = kinds;
  if (!Array.isArray(all) || all.length === 0 || all.some((kind) => !kindNames.includes(kind)))
    throw new TypeError(`Expected kinds among ${kindNames.join(", ")} for head_scores but received ${inspect(kinds)}`);
  const [length, repeats, seed] = [options.length ?? 24, options.repeats ?? 2, options.seed ?? 0];
  const most = Math.floor(core.config.vocab_size / 2);
  whole("length", length, 1, most);
  whole("repeats", repeats, 2, Math.floor(core.config.max_position_embeddings / length));
  whole("seed", seed, 0, 2 ** 32 - 1);
  const sequence = randomTokens(core, length, seed);
  const ids = Array.from({ length: repeats }, () => sequence).flat();
  const { max_bytes, signal } = options;
  const cache = await runWithCache(core, ids, { names: /attn_weights$/, max_bytes, signal });
  const { num_hidden_layers: layers, num_attention_heads: heads } = core.config;
  const totals = new Map(kinds.map((kind) => [kind, new Float64Array(layers * heads)]));
  const pairs = kinds.map((kind) => ids.map((_, q) => looked[kind](ids, q)));
  const bytes = cache.nbytes;
  try {
    for (const [layer, name] of cache.names.entries()) {
      const weights = cache.get(name).data as Float32Array; // (heads, T, T)
      for (const [k, kind] of kinds.entries()) {
        const total = totals.get(kind) as Float64Array;
        const queries = (pairs[k] as number[][]).filter((keys) => keys.length > 0).length;
        for (let head = 0; head < heads; head++)
          (pairs[k] as number[][]).forEach((keys, q) => {
            for (const key of keys)
              total[layer * heads + head] =
                (total[layer * heads + head] as number) +
                (weights[(head * ids.length + q) * ids.length + key] as number) / queries;
          });
      }
    }
  } finally {
    cache.dispose();
  }
  const scores = Object.fromEntries(
    kinds.map((kind) => [
      kind,
      new Tensor("float32", Float32Array.from(totals.get(kind) as Float64Array), [layers, heads]),
    ]),
  ) as Record<HeadScoreKind, Tensor>;
  const best = (kind: HeadScoreKind, n: number): HeadScore[] => bestOf(scores[kind], kind, n, heads);
  const cost = { ms: performance.now() - start, passes: 1, bytes };
  return shown<HeadScores>({ kinds: [...kinds], scores, length, repeats, seed, input_ids: ids, cost, best }, asText);
}

function whole(name: string, value: number, from: number, to: number): void {
  if (!Number.isInteger(value) || value < from || value > to)
    throw new RangeError(
      `Expected an integer from ${from} to ${to} for ${name} of head_scores but received ${inspect(value)}`,
    );
}

/** Different tokens, none of which begins, ends or fills up a text. */
function randomTokens({ config }: Core, length: number, seed: number): number[] {
  const random = randomNumbers(seed);
  const special = [config.bos_token_id, config.pad_token_id, ...config.eos_token_id];
  const chosen = new Set<number>();
  while (chosen.size < length) {
    const id = Math.floor(random() * config.vocab_size);
    if (!special.includes(id)) chosen.add(id);
  }
  return [...chosen];
}

function bestOf(scores: Tensor | undefined, kind: HeadScoreKind, n: number, heads: number): HeadScore[] {
  if (scores === undefined) throw new RangeError(`Expected a kind that was asked for but received ${inspect(kind)}`);
  const { values, indices } = scores.flatten().topk(Math.min(n, scores.size));
  const at = indices.tolist() as bigint[];
  return (values.tolist() as number[]).map((score, i) => {
    const index = Number(at[i]);
    return { layer: Math.floor(index / heads), head: index % heads, score };
  });
}

/** The best heads of each kind. */
function asText({ kinds, length, repeats, cost, best }: HeadScores): string {
  const rows = kinds.map((kind) => [
    kind,
    ...best(kind, 5).map(({ layer, head, score }) => `L${layer}H${head} ${score.toFixed(2)}`),
  ]);
  return [
    `Where heads look in ${length} random tokens, ${repeats} times: share of attention`,
    ...columns(rows),
    costLine(cost),
  ].join("\n");
}
