/**
 * What happens to the scores between the model and the choice of a token, each step as transformers' LogitsProcessor of
 * that name does it, in the order in which transformers applies them.
 */
import type { Tensor } from "../tensor";
import type { Settings } from "./settings";
import { logSoftmax, warpers } from "./warpers";

/**
 * What `generate` takes as its `logits_processor`: gets the texts so far, with their padding, a row each, and the scores
 * of their next tokens, (rows, vocab), which it changes in place or gives anew.
 *
 * @example
 * const logits_processor: LogitsProcessor = (input_ids, scores) => {
 *   for (let r = 0; r < input_ids.length; r++) scores[r].data[7042] = -Infinity; // never " Paris"
 * };
 */
// biome-ignore lint/suspicious/noConfusingVoidType: a function that changes the scores in place returns nothing.
export type LogitsProcessor = (input_ids: number[][], scores: Tensor) => Tensor | void;

/** Changes the scores of a row's next token in place; `ids` is its text so far, without padding. */
export type RowProcessor = (scores: Float32Array, ids: readonly number[]) => void;

/** The options that the steps look at, and of the row that they are for. */
export interface ProcessorOptions extends Partial<Settings> {
  eos_token_id: readonly number[];
  do_sample: boolean;
  /** Tokens of the prompt, without padding. */
  prompt_length: number;
  /** The prompt's ids; default: none are known. */
  prompt?: readonly number[];
  /** New tokens at most. */
  max_new_tokens?: number;
}

/** The steps that these options ask for; {@link changes}, then those for drawing. */
export function logitsProcessors(options: ProcessorOptions): RowProcessor[] {
  return [...changes(options), ...warpers(options)];
}

/** The steps for greedy choice, drawing and beams alike: a user's own come behind them. */
export function changes(options: ProcessorOptions): RowProcessor[] {
  const { prompt = [], prompt_length, eos_token_id: eos, forced_bos_token_id, forced_eos_token_id } = options;
  const list: RowProcessor[] = [];
  const { repetition_penalty = 1, encoder_repetition_penalty = 1, sequence_bias = [], bad_words_ids = [] } = options;
  if (sequence_bias.length > 0) list.push(sequenceBias(sequence_bias));
  if (encoder_repetition_penalty !== 1) list.push(repetitionPenalty(1 / encoder_repetition_penalty, prompt));
  if (repetition_penalty !== 1) list.push(repetitionPenalty(repetition_penalty));
  const { no_repeat_ngram_size: size = 0, encoder_no_repeat_ngram_size: promptSize = 0 } = options;
  if (size > 0) list.push(noRepeat(size));
  if (promptSize > 0) list.push(noRepeat(promptSize, prompt));
  if (bad_words_ids.length > 0) list.push(badWords(bad_words_ids, eos));
  const { min_new_tokens = 0, max_new_tokens, exponential_decay_length_penalty: decay } = options;
  if (min_new_tokens > 0 && eos.length > 0) list.push(minNewTokens(min_new_tokens, prompt_length, eos));
  if (forced_bos_token_id !== undefined) list.push(forced([forced_bos_token_id], (length) => length === 1));
  if (forced_eos_token_id !== undefined && max_new_tokens !== undefined) {
    const last = prompt_length + max_new_tokens - 1;
    list.push(forced([forced_eos_token_id].flat() as number[], (length) => length === last));
  }
  if (options.remove_invalid_values) list.push(finite);
  if (decay) list.push(decayLength(decay, prompt_length, eos));
  const { suppress_tokens = [], begin_suppress_tokens = [] } = options;
  if (suppress_tokens.length > 0) list.push(suppress(suppress_tokens, () => true));
  const begin = prompt_length > 1 || forced_bos_token_id === undefined ? prompt_length : prompt_length + 1;
  if (begin_suppress_tokens.length > 0) list.push(suppress(begin_suppress_tokens, (length) => length === begin));
  return list;
}

/** The step behind all others, a user's and those for drawing too. */
export function lastly({ renormalize_logits }: ProcessorOptions): RowProcessor[] {
  return renormalize_logits ? [(scores) => scores.set(logSoftmax(scores))] : [];
}

/** Scores of tokens that the text (or `of`) holds are divided by the penalty, or multiplied where they are negative. */
function repetitionPenalty(penalty: number, of?: readonly number[]): RowProcessor {
  return (scores, ids) => {
    for (const id of new Set(of ?? ids)) {
      const score = scores[id];
      if (score !== undefined) scores[id] = score < 0 ? score * penalty : score / penalty;
    }
  };
}

/** No end before so many new tokens. */
function minNewTokens(least: number, promptLength: number, eos: readonly number[]): RowProcessor {
  return suppress(eos, (length) => length - promptLength < least);
}

/** These ids never come while `when` holds of the text's length. */
function suppress(banned: readonly number[], when: (length: number) => boolean): RowProcessor {
  return (scores, ids) => {
    if (when(ids.length)) for (const id of banned) if (id < scores.length) scores[id] = Number.NEGATIVE_INFINITY;
  };
}

/** One of these ids comes while `when` holds of the text's length. */
function forced(only: readonly number[], when: (length: number) => boolean): RowProcessor {
  return (scores, ids) => {
    if (!when(ids.length)) return;
    scores.fill(Number.NEGATIVE_INFINITY);
    for (const id of only) if (id < scores.length) scores[id] = 0;
  };
}

/** No run of so many tokens comes twice; with `of`, none of its runs comes. */
function noRepeat(size: number, of?: readonly number[]): RowProcessor {
  return (scores, ids) => {
    const from = of ?? ids;
    if (ids.length + 1 < size || from.length < size) return;
    const begun = ids.slice(ids.length + 1 - size);
    for (let i = 0; i + size <= from.length; i++)
      if (begun.every((id, k) => from[i + k] === id)) scores[from[i + size - 1] as number] = Number.NEGATIVE_INFINITY;
  };
}

/** What is added to the score of a run's last token where the text ends with the others. */
function sequenceBias(list: readonly (readonly [readonly number[], number])[]): RowProcessor {
  return (scores, ids) => {
    for (const [run, bias] of list) {
      const last = run.at(-1) as number;
      const start = ids.length - run.length + 1;
      if (last < scores.length && start >= 0 && run.every((id, k) => k === run.length - 1 || ids[start + k] === id))
        scores[last] = (scores[last] as number) + bias;
    }
  };
}

/** Runs of ids that do not come; an id that ends the text stays possible. */
function badWords(words: readonly (readonly number[])[], eos: readonly number[]): RowProcessor {
  const kept = words.filter((word) => !(word.length === 1 && eos.includes(word[0] as number)));
  return sequenceBias(kept.map((word) => [word, Number.NEGATIVE_INFINITY] as const));
}

/** The end's score grows by its size times factor^(tokens beyond the start) - 1. */
function decayLength(decay: readonly [number, number], promptLength: number, eos: readonly number[]): RowProcessor {
  const [start, factor] = decay;
  return (scores, ids) => {
    const beyond = ids.length - promptLength - start;
    if (beyond <= 0) return;
    for (const id of eos) {
      const score = scores[id] as number;
      if (Number.isFinite(score)) scores[id] = score + Math.abs(score) * (factor ** beyond - 1);
    }
  };
}

const greatest = 3.4028234663852886e38;

/** NaN becomes 0, infinite scores the greatest numbers. */
function finite(scores: Float32Array): void {
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i] as number;
    scores[i] = Number.isNaN(score) ? 0 : Math.min(greatest, Math.max(-greatest, score));
  }
}
