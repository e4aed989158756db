/** What each head of each layer does: maps of the scores of all heads. */
import { inspect } from "node:util";
import type { HeadScoreKind, HeadScores } from "../insight/results";
import type { StreamTokenizer } from "../generation/streamer";
import type { ActivationCache } from "../insight/activation_cache";
import { checkOptions } from "../options";
import { attentionData } from "./attention";
import { liveHeads } from "./heads_live";
import { mapView } from "./map";
import type { Cells, Panel } from "./plot";
import { costLine } from "./said";
import type { View } from "./view";

/** The options of {@link plotHeads}. */
export interface PlotHeadsOptions {
  /** What is shown, a map each. Default: all that was scored; of a model of more than 500 heads the first of it. */
  kinds?: HeadScoreKind[];
  /** Heads of each kind that are numbered on its map and named below, from 0 to 99. Default: 5. */
  n?: number;
  /**
   * Attention weights of some of the heads, which a click shows: what `run_with_cache` kept of the scores' `input_ids`.
   * Default: a click says what to type for it.
   */
  cache?: ActivationCache;
  /** Names the tokens of that attention. */
  tokenizer?: StreamTokenizer;
  /** Default: `What heads look at`. */
  title?: string;
}

/** What a head of a kind looks at. */
const looksAt: Record<HeadScoreKind, string> = {
  induction: "what followed the same token before",
  previous: "the token before",
  first: "the first token",
  duplicate: "the same token before",
};

/**
 * Draws a map for each kind of score: layers to the right, heads downwards, the strongest numbered. Live, a head that is
 * pointed at, or reached by the arrow keys, tells its score; a click or Enter shows what it looks at, where `cache` holds
 * that.
 *
 * @param scores What {@link Phi3ForCausalLM.head_scores} gave.
 * @throws TypeError for anything else; RangeError for a kind that was not scored, and for a cache without
 *   attention weights.
 * @example
 * const scores = await model.head_scores(["induction", "previous"]);
 * plotHeads(scores, { kinds: ["induction"] });
 */
export function plotHeads(scores: HeadScores, options: PlotHeadsOptions = {}): View {
  checkOptions(options, { kinds: true, n: true, cache: true, tokenizer: true, title: true }, "plotHeads");
  if (typeof scores?.best !== "function")
    throw new TypeError(
      `Expected what model.head_scores gave for plotHeads but received ${inspect(scores, { depth: 0 })}`,
    );
  const { kinds = usualKinds(scores), n = 5, title = "What heads look at" } = options;
  if (!Number.isInteger(n) || n < 0 || n > 99)
    throw new RangeError(`Expected n from 0 to 99 but received ${inspect(n)}`);
  for (const kind of kinds)
    if (!scores.kinds.includes(kind))
      throw new RangeError(`Expected kinds among ${scores.kinds.join(", ")} but received ${inspect(kind)}`);
  const best = kinds.map((kind) => scores.best(kind, n));
  const named = kinds.map((kind, k) => {
    const heads = best[k]?.map(({ layer, head, score }) => `L${layer}H${head} ${score.toFixed(2)}`) ?? [];
    return `${kind} (${looksAt[kind]}): ${heads.join(", ")}`;
  });
  const { length, repeats, seed, cost } = scores;
  const how = `${length} random tokens, ${repeats} times (seed ${seed}); ${costLine(cost)}`;
  const about = [...(n > 0 ? named : []), how];
  const table = {
    name: "The strongest heads as a table",
    head: ["kind", "layer", "head", "score"],
    rows: kinds.flatMap((kind) =>
      scores
        .best(kind, Math.max(10, n))
        .map(({ layer, head, score }) => [kind, String(layer), String(head), score.toFixed(3)]),
    ),
  };
  const plot = {
    ...{ title, caption: about.join("\n"), table },
    panels: kinds.map((kind, k) => map(scores, kind, best[k] ?? [])),
    shrink: "name fewer kinds, or keep the attention of fewer heads",
  };
  const { cache, tokenizer } = options;
  const kept = cache && attentionData(cache, { tokenizer });
  return mapView(plot, { data: { title, about, kept, ...mapsOf(scores, kinds, best) }, script: liveHeads });
}

/** The maps as their script gets them. */
function mapsOf({ scores }: HeadScores, kinds: readonly HeadScoreKind[], best: ReturnType<HeadScores["best"]>[]) {
  const [layers = 0, heads = 0] = scores[kinds[0] as HeadScoreKind]?.dims ?? [];
  const maps = kinds.map((kind, k) => ({
    ...{ kind, looks: looksAt[kind], best: best[k]?.map(({ layer, head }) => layer * heads + head) ?? [] },
    scores: Array.from(scores[kind].data as Float32Array, (score) => Number(score.toFixed(4))),
  }));
  return { layers, heads, maps };
}

function usualKinds({ kinds, scores }: HeadScores): HeadScoreKind[] {
  const [first] = kinds;
  return first === undefined || scores[first].size <= 500 ? kinds : [first];
}

function map({ scores }: HeadScores, kind: HeadScoreKind, best: ReturnType<HeadScores["best"]>): Panel {
  const [layers = 0, heads = 0] = scores[kind].dims;
  const data = scores[kind].data as Float32Array;
  const all = <T>(make: (layer: number, head: number) => T): T[][] =>
    Array.from({ length: heads }, (_, head) => Array.from({ length: layers }, (_layer, layer) => make(layer, head)));
  const cells: Cells = {
    mark: "cells",
    values: all((layer, head) => data[layer * heads + head] as number),
    colour: { name: kind, range: [0, 1] },
    text: all((layer, head) => {
      const place = best.findIndex((one) => one.layer === layer && one.head === head);
      return place < 0 ? "" : String(place + 1);
    }),
    about: all((layer, head) => {
      const score = data[layer * heads + head] as number;
      return `layer ${layer}, head ${head}\n${kind} ${score.toFixed(3)}: its attention to ${looksAt[kind]}`;
    }),
  };
  const x = { kind: "category" as const, labels: Array.from({ length: layers }, (_, i) => String(i)), name: "layer" };
  const y = { kind: "category" as const, labels: Array.from({ length: heads }, (_, i) => String(i)), name: "head" };
  return { x, y, marks: [cells] };
}
