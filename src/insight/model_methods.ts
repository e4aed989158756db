/** What a model can be asked about what it does: the methods of every model that look inside. */
import { inspect } from "node:util";
import { Callable } from "../callable";
import type { Core } from "../model/core";
import type { Tensor } from "../tensor";
import type { ActivationCache } from "./activation_cache";
import { type AttributeOptions, attribute } from "./attribute";
import { compareCores, type CompareOptions } from "./compare";
import { headScores, type HeadScoresOptions } from "./head_scores";
import { type LogProbsOptions, logProbs, type TokenScores } from "./log_probs";
import { type LensResult, type LogitLensOptions, logitLens } from "./logit_lens";
import { nearestTokens, type NearestOptions } from "./nearest";
import { patchGrid, type PatchGridOptions } from "./patch_grid";
import type { Prompt, TokenChoice } from "./prompt";
import type { Attribution, Comparison, ContinuationTree, Grid, HeadScoreKind, HeadScores, Neighbour } from "./results";
import { type CacheChoice, cacheBytes, type RunWithCacheOptions, runWithCache } from "./run_with_cache";
import { continuationTree, type TreeOptions } from "./tree";

/**
 * A model's methods that look inside; {@link Phi3ForCausalLM} has them.
 *
 * @example
 * const lens = await model.logit_lens(prompt, { positions: "all" });
 * plotLens(lens);
 */
export abstract class InsightModel extends Callable {
  /** @internal */
  abstract get core(): Core;
  /** The id, folder or file it came from. */
  abstract readonly name_or_path: string;
  /** @internal */
  protected abstract during<T>(work: () => Promise<T>): Promise<T>;

  /**
   * Runs a prompt and keeps what it computes on its way, or a chosen part of it. Looking changes no number of the pass.
   *
   * @param prompt A text, or the ids of one.
   * @throws RangeError, before anything runs, where more would be kept than `max_bytes`, with what takes it; for names,
   *   layers, heads or positions that are not there.
   * @example
   * const cache = await model.run_with_cache(prompt, { positions: "last" });
   * cache.get("model.layers.29.mlp.down_proj").shape; // => [1, 1, 576]
   * @example
   * // One head's attention weights: the rest is neither kept nor copied.
   * const names = ["model.layers.23.self_attn.attn_weights"] as const;
   * const cache = await model.run_with_cache(prompt, { names, heads: [4], positions: "last" });
   * cache.get(names[0]).shape; // => [1, 1, 1, 5]
   */
  run_with_cache(prompt: Prompt, options?: RunWithCacheOptions): Promise<ActivationCache> {
    return this.during(() => runWithCache(this.core, prompt, options));
  }

  /**
   * The bytes that {@link Phi3ForCausalLM.run_with_cache} would keep of so many tokens, without running anything.
   *
   * @throws RangeError as `run_with_cache` does.
   * @example model.cache_bytes(1000, { names: /attn_weights$/ }); // => 1080000000
   */
  cache_bytes(tokens: number, options?: CacheChoice): number {
    return cacheBytes(this.core.config, tokens, options);
  }

  /**
   * The logit lens: what the head would say of the stream after each block, behind the final norm, in one pass. The scores
   * of all tokens are never kept.
   *
   * @param prompt A text, or the ids of one.
   * @throws RangeError for layers, positions or tokens that are not there, and for more than 4,096 layers times positions.
   * @example
   * const lens = await model.logit_lens(prompt, { watch: [" Paris", " London"] });
   * plotRanks(lens);
   */
  logit_lens(prompt: Prompt, options?: LogitLensOptions): Promise<LensResult> {
    return this.during(() => logitLens(this.core, prompt, options));
  }

  /**
   * How likely the model finds each token of a text, and what it would have said in its place, in one pass.
   *
   * @param prompt A text, or the ids of one: at least 2 tokens.
   * @throws RangeError for a shorter text, or a `k` that cannot be.
   * @example
   * const { perplexity } = await model.log_probs("The capital of France is Paris.");
   * perplexity < 100; // => true
   */
  log_probs(prompt: Prompt, options?: LogProbsOptions): Promise<TokenScores> {
    return this.during(() => logProbs(this.core, prompt, options));
  }

  /**
   * Which parts of the model add what to a token's score, or to the difference of two tokens' scores: the embeddings, each
   * block's attention (or each head) and each MLP. They sum to what the head gives. The final norm is held at what it divides
   * the whole stream by, so that a part which changes that divisor is not counted for it.
   *
   * @param prompt A text, or the ids of one.
   * @throws RangeError for a token, or a position, that is not there.
   * @example
   * const parts = await model.attribute(prompt, { token: " Paris", against: " London" });
   * parts.best(1)[0]!.label; // => "layer 23 attention"
   * @example
   * const { total, direct } = await model.attribute(prompt, { token: " Paris", by: "head" });
   * Math.abs(total - direct) < 1e-3; // => true
   */
  attribute(prompt: Prompt, options: AttributeOptions): Promise<Attribution> {
    return this.during(() => attribute(this.core, prompt, options));
  }

  /**
   * Where the difference between two prompts is, block by block: the corrupted prompt is run once a cell, each time with one
   * place set to what it was in the clean prompt's run. A cell says how much of the clean answer comes back. What stands
   * before the place is not computed anew.
   *
   * @param clean A text, or the ids of one, to which `token` is the answer.
   * @param corrupted Another of as many tokens, to which `against` is the answer.
   * @throws RangeError for prompts of different lengths, or the same, and for tokens and layers that are not there.
   * @example
   * const grid = await model.patch_grid(prompt, "The capital of Italy is", {
   *   token: " Paris",
   *   against: " Rome",
   *   layers: [10, 28],
   * });
   * grid.values.argmax(-1); // => tensor([3, 4])
   */
  patch_grid(clean: Prompt, corrupted: Prompt, options: PatchGridOptions): Promise<Grid> {
    return this.during(() => patchGrid(this.core, clean, corrupted, options));
  }

  /**
   * Where each head looks when random tokens come again: at what followed the same token before ("induction"), at the token
   * before ("previous"), at the first token ("first"), at the same token before ("duplicate"). A score is the share of the
   * head's attention that goes there, on average over the positions where there is such a place. (TransformerLens'
   * `detect_head` divides by all positions instead.)
   *
   * @param kinds Default: all four.
   * @throws TypeError or RangeError for another kind, or numbers that cannot be.
   * @example
   * const scores = await model.head_scores(["induction"]);
   * scores.scores.induction.shape; // => [30, 9]
   * scores.best("induction", 1); // the head that copies most, and its score
   */
  head_scores(kinds?: readonly HeadScoreKind[], options?: HeadScoresOptions): Promise<HeadScores> {
    return this.during(() => headScores(this.core, kinds, options));
  }

  /**
   * What the model may go on with, as a tree: behind each token those that may follow it, with their probabilities. The
   * likeliest ways are followed first, on one cache.
   *
   * @param prompt A text, or the ids of one.
   * @throws RangeError for numbers that cannot be.
   * @example
   * const tree = await model.tree(prompt, { width: 2, depth: 2 });
   * tree.root.children[0]!.text; // => " Paris"
   */
  tree(prompt: Prompt, options?: TreeOptions): Promise<ContinuationTree> {
    return this.during(() => continuationTree(this.core, prompt, options));
  }

  /**
   * The tokens whose vectors are nearest to a vector of the stream, or to a token's own, which is the nearest itself in most
   * cases. Without `tie_word_embeddings`, the head's vectors of cosines and of tokens are read by as many products as the
   * stream has numbers: some seconds in models of billions.
   *
   * @param tokenOrVector An id, a text of one token, or a tensor of `hidden_size` numbers.
   * @throws TypeError or RangeError for what is none, and for options that cannot be.
   * @example
   * const near = await model.nearest(" Paris", { metric: "cosine", k: 3 });
   * near[0]!.text; // => " Paris"
   */
  nearest(tokenOrVector: TokenChoice | Tensor, options?: NearestOptions): Promise<Neighbour[]> {
    return this.during(() => nearestTokens(this.core, tokenOrVector, options));
  }

  /** @internal */
  static both(
    models: readonly [InsightModel, InsightModel],
    prompt: Prompt,
    options?: CompareOptions,
  ): Promise<Comparison> {
    const [a, b] = models;
    const paths = [a.name_or_path, b.name_or_path] as const;
    const work = (): Promise<Comparison> => compareCores([a.core, b.core], paths, prompt, options);
    return a.during(() => b.during(work));
  }
}

/**
 * How far apart two models of one shape run a prompt: of each block's output the relative error and the cosine, what the
 * lens sees of it, and in the end the scores. It shows what a precision, a format of weights or a training changes, and
 * where.
 *
 * @param prompt A text, or the ids of one; with a text the two tokenizers must agree.
 * @throws RangeError for models of different shapes, and for more places times positions than 4,096.
 * @example
 * const half = await AutoModelForCausalLM.from_pretrained(id, { device: "cpu", kv_dtype: "float16" });
 * const { labels, top1_agreement } = await compare(model, half, prompt);
 * labels.at(-1); // => "lm_head"
 * top1_agreement[-1]; // => tensor(1.)
 * await half.dispose();
 */
export function compare(
  a: InsightModel,
  b: InsightModel,
  prompt: Prompt,
  options?: CompareOptions,
): Promise<Comparison> {
  for (const model of [a, b])
    if (!(model instanceof InsightModel))
      throw new TypeError(`Expected two models for compare but received ${inspect(model, { depth: 0 })}`);
  return InsightModel.both([a, b], prompt, options);
}
