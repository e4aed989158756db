/** The options of `generate` and what they mean. settings.ts checks them and fills in what is not given. */
import type { EmbedsInput, IdsInput } from "../model/inputs";
import type { Edit } from "../insight/edit_types";
import type { DynamicCache } from "../model/cache";
import type { Tensor } from "../tensor";
import type { ChosenLogProb } from "./logprobs";
import type { LogitsProcessor } from "./processors";
import type { StoppingCriterion } from "./stopping";
import type { BaseStreamer, StreamTokenizer } from "./streamer";

/** Options of transformers that are accepted where they ask for nothing, so that code written for it runs as it is. */
export interface NeutralOptions {
  /** Accepted and ignored: there is one kind of cache. */
  cache_implementation?: string | null;
  /** What a pipeline begins with where the text is empty. Default: the tokenizer's. */
  bos_token_id?: number | null;
  /** 1 or null: there is no guidance by a second prompt. */
  guidance_scale?: 1 | null;
  /** 1 or null: all beams are of one group. */
  num_beam_groups?: 1 | null;
  /** 0 or null: all beams are of one group. */
  diversity_penalty?: 0 | null;
  /** 0 or null: there is no contrastive search. */
  penalty_alpha?: 0 | null;
  /** null: there is no DoLa. */
  dola_layers?: null;
  /** null: nothing is forced but single ids. */
  constraints?: null;
  /** null: nothing is forced but single ids. */
  force_words_ids?: null;
  /** null: there are no watermarks. */
  watermarking_config?: null;
  /** false or null: a prompt's last token stays. */
  token_healing?: false | null;
}

/**
 * What a {@link GenerationConfig} holds, and every generating call takes: names and defaults of transformers'
 * `GenerationConfig`. A model's own generation_config.json goes before the defaults here. `null` turns an option off.
 */
export interface GenerationOptions extends NeutralOptions {
  /** New tokens at most, > 0. Default: 20, as in transformers. Generation also ends where the model's context does. */
  max_new_tokens?: number | null;
  /** Tokens at most, prompt included: more than the prompt has. `max_new_tokens` goes before it. Default: none. */
  max_length?: number | null;
  /** No token that ends the text before so many new ones. Default: 0. */
  min_new_tokens?: number | null;
  /** No token that ends the text before it has so many tokens, prompt included. Default: 0. */
  min_length?: number | null;
  /** Seconds, >= 0, after which no more tokens are begun; one comes in any case. Default: none. */
  max_time?: number | null;
  /**
   * Texts that end the generation as soon as a new token completes one; the token stays in the result, whole. By
   * `generate`'s `tokenizer`, else by the model's own. Default: none.
   */
  stop_strings?: string | readonly string[] | null;

  /** true: tokens are drawn, each by its probability; false (default): always the top-1 token, which is greedy. */
  do_sample?: boolean | null;
  /**
   * Above 1: beam search, which follows so many texts at once and gives the one whose tokens are the most probable
   * together. Each has a cache of its own; all go through one pass a token. Default: 1, none.
   */
  num_beams?: number | null;
  /** When beam search ends: true: with the num_beams-th finished text; false (default): when no better one is likely;
   * "never": when no better one can be. */
  early_stopping?: boolean | "never" | null;
  /** Beam search divides a text's score by its new tokens' count to this power: above 0 favours long ones. Default: 1. */
  length_penalty?: number | null;
  /**
   * Continuations of each prompt, in rows one below the other: drawn anew with `do_sample`, or the best of `num_beams`.
   * The prompt is computed once for all. Default: 1.
   */
  num_return_sequences?: number | null;

  /** Divides the scores before a token is drawn: below 1 probable tokens gain, above 1 the others. Default: 1. 0, where
   * the call does not ask for `do_sample: true`: the top-1 token. */
  temperature?: number | null;
  /** Draws among the k most probable tokens alone; 0: among all. Default: 50, as in transformers. */
  top_k?: number | null;
  /** Draws among the fewest tokens whose probabilities sum to this, from 0 to 1. Default: 1, all. */
  top_p?: number | null;
  /** Draws among the most probable tokens whose part of the entropy is at most this share of it, > 0 to 1. Default: none. */
  top_h?: number | null;
  /** Draws among tokens that have at least this share, from 0 to 1, of the top-1 token's probability. Default: 0, all. */
  min_p?: number | null;
  /** Draws among the tokens closest to the expected surprise that sum to this, > 0 to 1. Default: 1, all. */
  typical_p?: number | null;
  /** Draws among tokens of at least this probability, from 0 to below 1. Default: 0, all. */
  epsilon_cutoff?: number | null;
  /** Draws by eta sampling: the cutoff sinks where the distribution is flat; from 0 to below 1. Default: 0, all. */
  eta_cutoff?: number | null;

  /** Above 1 (> 0), tokens that the text already holds become less probable, drawn or greedy. Default: 1. */
  repetition_penalty?: number | null;
  /** Above 1 (> 0), tokens that the prompt holds become more probable. Default: 1. */
  encoder_repetition_penalty?: number | null;
  /** Above 0: no run of so many tokens comes twice. Default: 0. */
  no_repeat_ngram_size?: number | null;
  /** Above 0: no run of so many tokens of the prompt comes again. Default: 0. */
  encoder_no_repeat_ngram_size?: number | null;
  /** Runs of ids that must not come. Default: none. */
  bad_words_ids?: readonly (readonly number[])[] | null;
  /** Runs of ids and what is added to the score of each one's last where the others came: `[[[5, 7], 2.5]]`. Default: none. */
  sequence_bias?: readonly (readonly [readonly number[], number])[] | null;
  /** Ids that never come. Default: none. */
  suppress_tokens?: readonly number[] | null;
  /** Ids that do not come as the first new token. Default: none. */
  begin_suppress_tokens?: readonly number[] | null;
  /** The id that follows a prompt of one token. Default: none. */
  forced_bos_token_id?: number | null;
  /** The id, or ids, of which one comes last where the length is reached. Default: none. */
  forced_eos_token_id?: number | readonly number[] | null;
  /** Start and factor: after so many new tokens the end gains by the factor to the count of those beyond. Default: none. */
  exponential_decay_length_penalty?: readonly [number, number] | null;
  /** true: scores that are NaN become 0, infinite ones the greatest numbers. Default: false, NaN is an error. */
  remove_invalid_values?: boolean | null;
  /** true: the scores are logarithms of probabilities again, when all else has changed them. Default: false. */
  renormalize_logits?: boolean | null;

  /** The id, or ids, that end the text. Default: the model's own; [] or null ends nowhere. */
  eos_token_id?: number | readonly number[] | null;
  /** Fills up rows that ended before others. Default: the model's pad token, else its first eos token. */
  pad_token_id?: number | null;
  /** false: keys and values are not kept, so that every position is computed again for every token. Default: true. */
  use_cache?: boolean | null;
}

/** What decides which tokens come: {@link GenerationOptions}, and what no file can hold. */
export interface TokenOptions extends GenerationOptions {
  /** A whole number >= 0 that makes drawing repeatable: the same seed, the same tokens. Default: a random one. */
  seed?: number | null;
  /** Options of the same names, which those beside it go before. Default: the model's own, `model.generation_config`. */
  generation_config?: GenerationOptions | null;
  /**
   * Changes the scores before a token is chosen, after the other options have (but before temperature, top_k and the like).
   * Default: none.
   */
  logits_processor?: LogitsProcessor | readonly LogitsProcessor[] | null;
  /** Says after each token which rows end. Default: none. */
  stopping_criteria?: StoppingCriterion | readonly StoppingCriterion[] | null;
  /** Gives the ids that may come next, of a prompt's number and the text so far. Default: all. */
  prefix_allowed_tokens_fn?: ((batch_id: number, input_ids: number[]) => readonly number[]) | null;
  /** Gets the prompt and then the tokens as they come, as a {@link TextStreamer} does; with one sequence only. */
  streamer?: BaseStreamer | null;
  /** Stops the generation, as the notebook's interrupt does: the call rejects with an `AbortError`. */
  signal?: AbortSignal | null;
  /** What is changed in every pass, the prompt's and the new tokens': {@link steer}, {@link ablate} and the others make it. */
  edits?: readonly Edit[] | null;
}

/**
 * What `model.generate` takes beside the ids. Names and defaults are those of transformers' `GenerationConfig`, but for
 * `seed`, `signal` and `return_timings`, which are our own. A name that does not exist, or a value out of its range, is
 * an error that says what was expected.
 *
 * @example
 * // Greedy: the most probable token at each step.
 * const ids = await model.generate({ input_ids, max_new_tokens: 2 });
 * tokenizer.decode(ids); // => "The capital of France is Paris."
 * @example
 * // Drawn by probability, the same each time for the same seed.
 * await model.generate({ input_ids, max_new_tokens: 20, do_sample: true, temperature: 0.7, top_p: 0.9, seed: 1 });
 * @example
 * // Beam search: the best two of four texts.
 * const ids = await model.generate({ input_ids, max_new_tokens: 8, num_beams: 4, num_return_sequences: 2 });
 * ids.shape; // => [2, 13]
 * @example
 * const ids = await model.generate({ input_ids, max_new_tokens: 50, stop_strings: ["."], tokenizer });
 * tokenizer.decode(ids); // => "The capital of France is Paris."
 */
export interface GenerateOptions extends TokenOptions {
  /** Decodes for `stop_strings`. Default: the model's own, which is loaded where it is needed. */
  tokenizer?: StreamTokenizer | null;
  /** Gives `scores`, what each token is chosen by: after temperature, top_k and the like. Default: false. */
  output_scores?: boolean | null;
  /** Gives `logits`, the head's own scores of each step. Default: false. */
  output_logits?: boolean | null;
  /**
   * Gives `logprobs`: of each new token the logarithm of its probability, and so many of the most probable in its place, from
   * 0 to 256, by the model's own scores. Default: none.
   */
  top_logprobs?: number | null;
  /** Gives `hidden_states`, each step's vectors after every layer; with one sequence only. Default: false. */
  output_hidden_states?: boolean | null;
  /** Gives `attentions`, each step's attention weights of every layer; with one sequence only. Default: false. */
  output_attentions?: boolean | null;
  /**
   * Gives a {@link GenerateOutput} instead of the ids alone, as every `output_…` and `return_timings` does; with
   * `past_key_values` for the next turn. Default: false.
   */
  return_dict_in_generate?: boolean | null;
  /** Gives `timings`: what the first token and each later one took. Default: false. */
  return_timings?: boolean | null;
  /**
   * Is told of each new token as it comes, of one sequence only; the next one waits for the promise that it may give, and an
   * error of it ends the generation. With `top_logprobs` it is told what else stood to choose, with `output_hidden_states`
   * the vectors. Default: none.
   */
  on_step?: ((step: GenerationStep) => void | Promise<void>) | null;
}

/** What `on_step` is told of a new token: its id, and its probability by the model's own scores. */
export interface GenerationStep extends ChosenLogProb {
  /** (1, T', hidden) after the embeddings and each layer, the last behind the final norm; empty unless they were asked for. */
  hidden_states: Tensor[];
}

/**
 * What `model.generate` takes: the ids, and {@link GenerateOptions}. What a tokenizer gives may be handed over whole.
 */
export interface GenerateArguments extends GenerateOptions {
  /** The prompt's ids, or several prompts' as rows of one length. */
  input_ids?: IdsInput | null;
  /** transformers.js' name for `input_ids`. */
  inputs?: IdsInput | null;
  /**
   * Vectors (rows, T, hidden) in place of the prompt's ids; without `input_ids` the result is the new tokens alone, as in
   * transformers.
   */
  inputs_embeds?: EmbedsInput | null;
  /**
   * (rows, T), of the prompt's shape: 0 over padding, which may stand at the ends of a row. With `past_key_values` the prompt
   * is the whole text, and so is the mask. Default: no padding.
   */
  attention_mask?: IdsInput | null;
  /** (rows, T): the prompt's positions, each one above the last. Default: from 0, over a row's real tokens. */
  position_ids?: IdsInput | null;
  /** A cache that holds a beginning of each row of `input_ids`, which is not computed again; an empty one is filled. */
  past_key_values?: DynamicCache | null;
}
