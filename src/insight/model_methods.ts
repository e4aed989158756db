/** What a model can be asked about what it does: the methods of every model that look inside. */
import { Callable } from "../callable";
import type { Core } from "../model/core";
import type { ActivationCache } from "./activation_cache";
import { type LogProbsOptions, logProbs, type TokenScores } from "./log_probs";
import { type LensResult, type LogitLensOptions, logitLens } from "./logit_lens";
import type { Prompt } from "./prompt";
import { type CacheChoice, cacheBytes, type RunWithCacheOptions, runWithCache } from "./run_with_cache";

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
}
