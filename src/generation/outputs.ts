/** What `generate` gives where more than ids is asked for, and how the rows of a batch become it. */
import type { DynamicCache } from "../model/cache";
import { Tensor } from "../tensor";
import type { ChosenLogProb } from "./logprobs";

/**
 * Times of one generation, measured where the work is done; {@link plotTimings} draws two of them beside each other.
 */
export interface GenerationTimings {
  /** From the start to the first token, in milliseconds. */
  prompt_ms: number;
  /** Of each later token, in milliseconds: one fewer than there are new tokens. */
  token_ms: Float64Array;
}

/**
 * What `generate` gives where more than ids is asked for. Lists have one entry a step, that is a new token; the names
 * are those of transformers' `GenerateDecoderOnlyOutput` and `GenerateBeamDecoderOnlyOutput`.
 *
 * @example
 * const { sequences, timings } = await model.generate({ input_ids, max_new_tokens: 5, return_timings: true });
 * sequences.shape; // => [1, 10]
 * timings!.token_ms.length; // => 4
 */
export interface GenerateOutput {
  /** (rows, prompt + new), int64: each prompt and what follows it, filled up with `pad_token_id`. */
  sequences: Tensor;
  /**
   * With `output_scores`: what each token was chosen by, (rows, vocab); -Infinity for tokens that could not be. Of beams
   * logarithms of probabilities, (prompts * beams, vocab).
   */
  scores?: Tensor[];
  /** With `output_logits`: what the head gave at each step, (rows, vocab). */
  logits?: Tensor[];
  /**
   * With `output_hidden_states`: of each step the embeddings, each block's output, the last one after the final norm,
   * (1, T, hidden) each. T is the prompt's length at first, then 1, or all so far with `use_cache: false`.
   */
  hidden_states?: Tensor[][];
  /** With `output_attentions`: of each step each block's attention weights, (1, heads, T, positions). */
  attentions?: Tensor[][];
  /** Of beam search with `output_scores`: each row's score, the best first, (rows). */
  sequences_scores?: Tensor;
  /** Of beam search with `output_scores`: of which beam each token went on, (rows, new), int64; -1 behind the end. */
  beam_indices?: Tensor;
  /** With `top_logprobs`: of each row, of each new token, how likely it was and what stood beside it. */
  logprobs?: ChosenLogProb[][];
  /** With `return_timings`: the times of the first row. */
  timings?: GenerationTimings;
  /**
   * The cache that was given, or with `return_dict_in_generate` a new one: it holds the text but each row's last token, for
   * the next turn's `past_key_values`. Beam search gives none.
   */
  past_key_values?: DynamicCache;
}

/** The options that make `generate` give a {@link GenerateOutput}: any one of these. */
export type MoreThanIds =
  | Record<"return_dict_in_generate", true>
  | Record<"return_timings", true>
  | Record<"output_scores", true>
  | Record<"output_logits", true>
  | Record<"top_logprobs", number>
  | Record<"output_hidden_states", true>
  | Record<"output_attentions", true>;

/** Rows as one tensor of ids, those that are shorter filled up behind. */
export function idsTensor(rows: readonly (readonly number[])[], fill: number): Tensor {
  const width = Math.max(...rows.map((row) => row.length));
  const data = new BigInt64Array(rows.length * width).fill(BigInt(fill));
  rows.forEach((row, r) => {
    data.set(row.map(BigInt), r * width);
  });
  return new Tensor("int64", data, [rows.length, width]);
}

/** Rows of numbers, (rows, n). */
export function stacked(rows: readonly Float32Array[]): Tensor {
  const n = (rows[0] as Float32Array).length;
  const data = new Float32Array(rows.length * n);
  rows.forEach((row, r) => {
    data.set(row, r * n);
  });
  return new Tensor("float32", data, [rows.length, n]);
}
