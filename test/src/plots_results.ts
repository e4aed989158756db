/** Results of looking inside, made by hand, as small or as large as a test wants them. */
import type { Attribution, Comparison, ContinuationTree, Grid, HeadScoreKind, HeadScores, TreeNode } from "../../src";
import { LensResult, Tensor, TokenScores } from "../../src";

const cost = { ms: 812.4, passes: 90, bytes: 3_250_585 };
const named = (label: string, id = 1) => ({ id, label, text: label.replaceAll("␣", " ") });

/** The same numbers in [-1, 1] each time. */
export const noise = (i: number): number => Math.sin(12.9898 * (i + 1) + 78.233) * Math.cos(4.1 * i);

/** A floating-point tensor of these dimensions, by a number for each place. */
export const filled = (dims: number[], make: (i: number) => number): Tensor =>
  new Tensor(
    "float32",
    Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => make(i)),
    dims,
  );

export function attribution(by: "layer" | "head", layers = 30, heads = 9, label = "␣Paris"): Attribution {
  const labels = ["embed"];
  for (let layer = 0; layer < layers; layer++) {
    if (by === "layer") labels.push(`layer ${layer} attention`);
    else for (let head = 0; head < heads; head++) labels.push(`layer ${layer} head ${head}`);
    labels.push(`layer ${layer} mlp`);
  }
  const strong = by === "layer" ? "layer 23 attention" : "layer 23 head 4";
  const values = filled([labels.length], (i) => (labels[i] === strong ? 3.02 : 0.25 * noise(i)));
  const total = (values.data as Float32Array).reduce((sum, one) => sum + one, 0);
  const tokens = { token: named(label), against: named("␣London", 2) };
  return {
    by,
    ...tokens,
    position: 4,
    labels,
    values,
    total,
    direct: total + 1e-5,
    frozen_rms: 21.37,
    cost,
    best: () => [],
  };
}

export function grid(over: "position" | "head" = "position", layers = 30, columns = 5, label = "␣France"): Grid {
  const text = ["The", "␣capital", "␣of", label, "␣is"];
  const tokens = Array.from({ length: columns }, (_, i) => named(text[i] ?? `␣word${i}`));
  const restored = (i: number): number => {
    const [layer, column] = [Math.floor(i / columns), i % columns];
    if (over === "head") return layer === 23 && column === 4 ? 0.93 : 0.04 * noise(i);
    if (column === 3) return layer < 23 ? 1 - 0.01 * layer : 0.02;
    return column === 4 && layer >= 23 ? 0.99 : 0.01 * noise(i);
  };
  return {
    ...{ over, at: over === "head" ? "attention" : "block", token: named("␣Paris"), against: named("␣Rome") },
    layers: Array.from({ length: layers }, (_, i) => i),
    values: filled([layers, columns], restored),
    clean_tokens: tokens,
    corrupted_tokens: tokens.map((token, i) => (i === 3 ? named("␣Italy") : token)),
    ...{ clean: 6.21, corrupted: -5.87, normalised: true, cost },
  };
}

export function headScores(kinds: HeadScoreKind[] = ["induction", "previous"], layers = 30, heads = 9): HeadScores {
  const strong = new Map([
    [18 * heads + 6, 0.82],
    [17 * heads + 3, 0.74],
    [17 * heads + 4, 0.735],
    [18 * heads + 7, 0.6],
  ]);
  const scores = Object.fromEntries(
    kinds.map((kind, k) => [
      kind,
      filled([layers, heads], (i) => (k === 0 ? strong.get(i) : undefined) ?? Math.abs(noise(i + 100 * k)) ** 3 * 0.4),
    ]),
  ) as Record<HeadScoreKind, Tensor>;
  const best = (kind: HeadScoreKind, n: number) =>
    Array.from(scores[kind].data as Float32Array, (score, i) => ({
      ...{ layer: Math.floor(i / heads), head: i % heads, score },
    }))
      .sort((a, b) => b.score - a.score)
      .slice(0, n);
  return { kinds, scores, length: 24, repeats: 2, seed: 0, input_ids: [1], cost, best };
}

export function comparison(places = 31): Comparison {
  return {
    labels: Array.from({ length: places }, (_, i) => (i === places - 1 ? "lm_head" : `model.layers.${i}`)),
    relative_error: filled([places], (i) => 1e-5 * 10 ** (1.5 + noise(i))),
    cosine: filled([places], (i) => 1 - 1e-7 * i),
    kl: filled([places], (i) => 1e-6 * 10 ** (2 * noise(i))),
    top1_agreement: filled([places], (i) => (i === 3 ? 0.8 : 1)),
    tokens: ["The", "␣capital", "␣of", "␣France", "␣is"].map((label) => named(label)),
    names: ["float32 keys and values", "float16 keys and values"],
    cost,
  };
}

type Branch = [label: string, probability: number, children?: Branch[]];

export function tree(
  branches: Branch[] = [
    [
      "␣Paris",
      0.77,
      [
        [
          ".",
          0.61,
          [
            ["↵", 0.42],
            ["␣The", 0.31],
            ["␣It", 0.08],
          ],
        ],
        [
          ",",
          0.22,
          [
            ["␣and", 0.35],
            ["␣the", 0.2],
          ],
        ],
      ],
    ],
    [
      "␣the",
      0.065,
      [
        ["␣city", 0.31, [["␣of", 0.9, [["␣Paris", 0.83]]]]],
        ["␣most", 0.12],
      ],
    ],
    ["␣London", 0.0125],
  ],
): ContinuationTree {
  let nodes = 0;
  const grow = (list: Branch[], cumulative: number): TreeNode[] =>
    list.map(([label, probability, children = []]) => {
      nodes++;
      const text = label.replaceAll("␣", " ").replaceAll("↵", "\n");
      const below = grow(children, cumulative * probability);
      const others = 1 - below.reduce((sum, child) => sum + child.probability, 0);
      return { id: nodes, text, label, probability, cumulative: cumulative * probability, others, children: below };
    });
  const children = grow(branches, 1);
  const others = 1 - children.reduce((sum, child) => sum + child.probability, 0);
  const prompt = "The capital of France is";
  const root = { id: -1, text: prompt, label: prompt, probability: 1, cumulative: 1, others, children };
  return { prompt, root, nodes, cost };
}

export const memory = (positions: number, layers = 30) => ({
  positions,
  committed: Math.ceil(positions / 128) * 128 * 46_080,
  needed: positions * 46_080,
  per_position: 46_080,
  by_layer: Array.from({ length: layers }, () => positions * 1536),
});

/** Weights of heads that each row gives to all tokens up to its own, the last row's mostly to the token before. */
export function weights(tokens: number, labels: string[], heads = 1) {
  const map = (head: number) => {
    const values = new Float32Array(tokens * tokens);
    for (let r = 0; r < tokens; r++) {
      const row = Array.from({ length: r + 1 }, (_, t) => 1.1 + noise(t + head) + (t === r - 1 ? 9 : 0));
      const sum = row.reduce((total, one) => total + one, 0);
      row.forEach((one, t) => {
        values[r * tokens + t] = one / sum;
      });
    }
    return { layer: 18, head, values, most: 1 };
  };
  return {
    labels: Array.from({ length: tokens }, (_, i) => labels[i % labels.length] as string),
    rows: Array.from({ length: tokens }, (_, i) => i),
    maps: Array.from({ length: heads }, (_, head) => map(head)),
  };
}

/** Scores of a text of these tokens, the first given. */
export const scores = (labels: string[]): TokenScores =>
  new TokenScores(
    labels.map((label, i) => ({
      ...{ id: i, text: label, label, piece: [0, 1] as [number, number], rank: i + 1, entropy: 2.5 },
      ...{ log_prob: i === 0 ? null : -3.2, top: [{ id: 7, label, prob: 0.25 }] },
    })),
    cost,
  );

/** A lens of layers, the first of them the embeddings, at positions. */
export function lensResult(layers: number, positions: number, labels = ["␣Paris", "␣the", "\n"], k = 5): LensResult {
  const each = <T>(make: (layer: number, position: number) => T): T[][] =>
    Array.from({ length: layers }, (_, l) => Array.from({ length: positions }, (_position, p) => make(l, p)));
  const word = (l: number, p: number, i: number) => labels[(l + 2 * p + i) % labels.length] as string;
  return new LensResult({
    ...{ layers: Array.from({ length: layers }, (_, l) => l - 1), norm: true, cost },
    labels: Array.from({ length: layers }, (_, l) => (l === 0 ? "embed" : `layer ${l - 1}`)),
    positions: Array.from({ length: positions }, (_, p) => p),
    prompt: Array.from({ length: positions }, (_, p) => labels[p % labels.length] as string),
    ids: each(() => Array.from({ length: k }, (_, i) => i)),
    tokens: each((l, p) => Array.from({ length: k }, (_, i) => word(l, p, i))),
    probabilities: each((l) => Array.from({ length: k }, (_, i) => (0.1 + (0.8 * l) / layers) / 2 ** i)),
    entropy: each((l) => 6 - (5 * l) / layers),
    kl: each((l) => 8 - (8 * l) / layers),
    watch: [{ id: 1, label: "␣Paris", rank: each((l) => 40_000 - 1000 * l), log_prob: each(() => -1) }],
  } as unknown as LensResult);
}

/** What the script of a view is given. */
export const dataOf = (html: string): unknown =>
  JSON.parse(/\)\(root, (.+)\); \} \}\)\(\);<\/script>/s.exec(html)?.[1] as string);
