/** What looking inside gives, as plain data: the model's methods make it, the plots draw it. */
import type { Tensor } from "../tensor";

/** How long it took, how often the model was run, and the bytes that were kept. */
export interface Cost {
  /** Milliseconds, all in all. */
  ms: number;
  /** Forward passes. */
  passes: number;
  /** Bytes of the intermediates that were kept for it. */
  bytes: number;
}

/** A token and what it says. */
export interface NamedToken {
  /** The token. */
  id: number;
  /** Its characters; of the pieces of a character in a prompt, that character. */
  text: string;
  /** As plots call it. */
  label: string;
}

/** A part of the model, and what it adds to a score. */
export interface AttributedPart {
  /** What the part is, as in `labels`. */
  label: string;
  /** Its block; null: the embeddings. */
  layer: number | null;
  /** The head's number within the block; null: no single head. */
  head: number | null;
  /** What it adds. */
  value: number;
}

/** Which parts of the model add what to a token's score: of {@link Phi3ForCausalLM.attribute}. */
export interface Attribution {
  /** What the parts are: each block's attention and MLP, or each head and MLP. */
  by: "layer" | "head";
  /** The token whose score is divided. */
  token: NamedToken;
  /** The token whose score is taken from it; null: none. */
  against: NamedToken | null;
  /** The position of the prompt. */
  position: number;
  /** What each part is: "embed", "layer 0 attention" or "layer 0 head 3", "layer 0 mlp". */
  labels: string[];
  /** (parts): what each adds. */
  values: Tensor;
  /** The sum of `values`. */
  total: number;
  /** The score, or the difference of scores, as the head gives it: the sum is equal to it, but for rounding. */
  direct: number;
  /** What the final norm divides by at this position: it is held, as if no part had a share in it. */
  frozen_rms: number;
  /** What it took. */
  cost: Cost;
  /** The `n` parts that add the most, the greatest first. */
  best(n: number): AttributedPart[];
}

/** How much of an answer comes back when one place of a run is set from another: of {@link Phi3ForCausalLM.patch_grid}. */
export interface Grid {
  /** What the columns are. */
  over: "position" | "head";
  /** What was set: blocks' outputs, or what attention or MLP add. */
  at: "block" | "attention" | "mlp";
  /** The answer to the clean prompt. */
  token: NamedToken;
  /** The answer to the corrupted prompt. */
  against: NamedToken;
  /** The rows, by their blocks' numbers. */
  layers: number[];
  /** (layers, columns): differences of scores, or, `normalised`, 0 for the corrupted run's and 1 for the clean one's. */
  values: Tensor;
  /** The clean prompt. */
  clean_tokens: NamedToken[];
  /** The corrupted prompt. */
  corrupted_tokens: NamedToken[];
  /** The difference of scores, of `token` less `against`, of the clean run. */
  clean: number;
  /** The same of the corrupted run. */
  corrupted: number;
  /** Whether `values` are shares of the way from corrupted to clean. */
  normalised: boolean;
  /** What it took. */
  cost: Cost;
}

/** What a head may do: look at what followed the same token, the token before, the first token, the same token earlier. */
export type HeadScoreKind = "induction" | "previous" | "first" | "duplicate";

/** A head and a score of it. */
export interface HeadScore {
  /** Its block. */
  layer: number;
  /** Its number within the block. */
  head: number;
  /** From 0 to 1. */
  score: number;
}

/** How much of its attention each head gives to the positions of a kind: of {@link Phi3ForCausalLM.head_scores}. */
export interface HeadScores {
  /** Those that were asked for. */
  kinds: HeadScoreKind[];
  /** Of each kind (layers, heads), from 0 to 1. */
  scores: Record<HeadScoreKind, Tensor>;
  /** Random tokens of the sequence that is repeated. */
  length: number;
  /** How often it stands there. */
  repeats: number;
  /** What the random tokens were chosen by. */
  seed: number;
  /** The sequence, repeated: what the model was given. */
  input_ids: number[];
  /** What it took. */
  cost: Cost;
  /** The `n` heads with the greatest scores of a kind, the greatest first. */
  best(kind: HeadScoreKind, n: number): HeadScore[];
}

/** A token that may come next, and what may follow it. */
export interface TreeNode {
  /** The token. */
  id: number;
  /** Its text. */
  text: string;
  /** As plots call it. */
  label: string;
  /** Its probability behind its parent. */
  probability: number;
  /** The probability of the way to it from the prompt. */
  cumulative: number;
  /** Of what may follow it, the probability that no child shows; 1 where nothing was looked at. */
  others: number;
  /** Falling in probability. */
  children: TreeNode[];
}

/** What a model may go on with: of {@link Phi3ForCausalLM.tree}. */
export interface ContinuationTree {
  /** The text in front. */
  prompt: string;
  /** The prompt: probability 1. */
  root: TreeNode;
  /** Nodes, without the prompt's. */
  nodes: number;
  /** What it took. */
  cost: Cost;
}

/** How far two models' runs of one prompt lie apart, place by place: of {@link compare}. */
export interface Comparison {
  /** The places: "model.layers.0", …; of blocks the last one is "lm_head", the scores themselves. */
  labels: string[];
  /** (places): length of the difference as a share of the first model's vector, on average over the positions. */
  relative_error: Tensor;
  /** (places): between the two models' vectors, on average over the positions. */
  cosine: Tensor;
  /**
   * (places): the Kullback–Leibler divergence, in nats, of the second model's distribution from the first's, as the first
   * model's final norm and head see the places (for "lm_head" each model's own), on average over the positions.
   */
  kl: Tensor;
  /** (places): share of the positions at which the top token is the same. */
  top1_agreement: Tensor;
  /** The prompt. */
  tokens: NamedToken[];
  /** The models. */
  names: [string, string];
  /** What it took. */
  cost: Cost;
}

/** A token near a vector: of {@link Phi3ForCausalLM.nearest}. */
export interface Neighbour extends NamedToken {
  /** The product of the two vectors, or the cosine of the angle between them. */
  score: number;
}

/** What keys and values take: of {@link DynamicCache.memory}. */
export interface CacheMemory {
  /** Positions held, of all rows. */
  positions: number;
  /** Bytes that are set aside for them. */
  committed: number;
  /** Bytes that these positions need. */
  needed: number;
  /** Bytes of one position, in all layers. */
  per_position: number;
  /** Bytes needed, layer by layer. */
  by_layer: number[];
}
