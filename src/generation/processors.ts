/**
 * What happens to the scores between the model and the choice of a token, each step as transformers' LogitsProcessor of
 * that name does it, in the order in which transformers applies them.
 */

/** Changes the scores of the next token in place; `ids` is the text so far. */
export type LogitsProcessor = (scores: Float32Array, ids: readonly number[]) => void;

export interface ProcessorOptions {
  repetition_penalty: number;
  min_new_tokens: number;
  eos_token_id: readonly number[];
  /** Tokens of the prompt. */
  prompt_length: number;
  do_sample: boolean;
  temperature: number;
  top_k: number;
  top_p: number;
}

/** The steps that these options ask for. */
export function logitsProcessors(options: ProcessorOptions): LogitsProcessor[] {
  const { repetition_penalty, min_new_tokens, eos_token_id, prompt_length } = options;
  const list: LogitsProcessor[] = [];
  if (repetition_penalty !== 1) list.push(repetitionPenalty(repetition_penalty));
  if (min_new_tokens > 0 && eos_token_id.length > 0)
    list.push(minNewTokens(min_new_tokens, prompt_length, eos_token_id));
  if (!options.do_sample) return list;
  if (options.temperature !== 1) list.push(temperature(options.temperature));
  if (options.top_k > 0) list.push(topK(options.top_k));
  if (options.top_p < 1) list.push(topP(options.top_p));
  return list;
}

/** Scores of tokens that the text already holds are divided by the penalty, or multiplied where they are negative. */
export function repetitionPenalty(penalty: number): LogitsProcessor {
  return (scores, ids) => {
    for (const id of new Set(ids)) {
      const score = scores[id] as number;
      scores[id] = score < 0 ? score * penalty : score / penalty;
    }
  };
}

/** No end before so many new tokens. */
export function minNewTokens(least: number, promptLength: number, eos: readonly number[]): LogitsProcessor {
  return (scores, ids) => {
    if (ids.length - promptLength < least) for (const id of eos) scores[id] = Number.NEGATIVE_INFINITY;
  };
}

/** Below 1 the likely becomes likelier, above 1 less so. */
export function temperature(value: number): LogitsProcessor {
  return (scores) => {
    for (let i = 0; i < scores.length; i++) scores[i] = (scores[i] as number) / value;
  };
}

/** Keeps the k greatest scores, and all that equal the last of them. */
export function topK(k: number): LogitsProcessor {
  return (scores) => {
    if (k >= scores.length) return;
    const least = Float32Array.from(scores).sort()[scores.length - k] as number;
    for (let i = 0; i < scores.length; i++) if ((scores[i] as number) < least) scores[i] = Number.NEGATIVE_INFINITY;
  };
}

/** Keeps the fewest tokens whose probabilities add up to at least p; one at least. */
export function topP(p: number): LogitsProcessor {
  return (scores) => {
    const order = Array.from(scores.keys()).filter((i) => scores[i] !== Number.NEGATIVE_INFINITY);
    order.sort((a, b) => (scores[a] as number) - (scores[b] as number) || a - b);
    const most = scores[order.at(-1) as number] as number;
    const exps = order.map((i) => Math.exp((scores[i] as number) - most));
    const total = exps.reduce((sum, value) => sum + value, 0);
    let mass = 0;
    for (let n = 0; n < order.length - 1; n++) {
      mass += (exps[n] as number) / total;
      if (mass > 1 - p) break;
      scores[order[n] as number] = Number.NEGATIVE_INFINITY;
    }
  };
}

/** Index of the greatest score, the first of equals. @throws Error when a score is NaN. */
export function greedy(scores: Float32Array): number {
  let best = 0;
  for (let i = 0; i < scores.length; i++) {
    if (Number.isNaN(scores[i])) throw new Error("The scores of the next token hold NaN: the weights are damaged");
    if ((scores[i] as number) > (scores[best] as number)) best = i;
  }
  return best;
}

/** A token drawn with the probabilities that softmax makes of the scores. */
export function sample(scores: Float32Array, random: () => number): number {
  const most = scores[greedy(scores)] as number;
  const exps = Float64Array.from(scores, (score) => Math.exp(score - most));
  let left = random() * exps.reduce((sum, value) => sum + value, 0);
  let last = 0;
  for (let i = 0; i < exps.length; i++) {
    const mass = exps[i] as number;
    if (mass === 0) continue;
    last = i;
    left -= mass;
    if (left < 0) return i;
  }
  return last;
}
