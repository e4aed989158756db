/** What is done to scores that a token is drawn by: temperature and cutoffs, each as transformers' LogitsWarper does it. */
import type { ProcessorOptions, RowProcessor } from "./processors";

/** The steps that these options ask for. */
export function warpers(options: ProcessorOptions): RowProcessor[] {
  if (!options.do_sample) return [];
  const { temperature: divisor = 1, top_k = 0, top_p = 1, min_p = 0, typical_p = 1 } = options;
  const { top_h, epsilon_cutoff = 0, eta_cutoff = 0, num_beams = 1 } = options;
  // Beams go on only with tokens that do not end the text: one must be left.
  const least = num_beams > 1 ? options.eos_token_id.length + 1 + Number(options.eos_token_id.length === 0) : 1;
  const list: RowProcessor[] = [];
  if (divisor !== 1) list.push(temperature(divisor));
  if (top_h !== undefined) list.push(topH(top_h));
  if (top_k > 0) list.push(topK(Math.max(top_k, least)));
  if (top_p < 1) list.push(topP(top_p, least));
  if (min_p > 0) list.push(minP(min_p, least));
  if (typical_p < 1) list.push(typicalP(typical_p, least));
  if (epsilon_cutoff > 0) list.push(epsilonCutoff(epsilon_cutoff, least));
  if (eta_cutoff > 0) list.push(etaCutoff(eta_cutoff, least));
  return list;
}

/** Below 1 the likely becomes likelier, above 1 less so. */
export function temperature(value: number): RowProcessor {
  return (scores) => {
    for (let i = 0; i < scores.length; i++) scores[i] = (scores[i] as number) / value;
  };
}

/** Keeps the k greatest scores, and all that equal the last of them. */
function topK(k: number): RowProcessor {
  return (scores) => {
    if (k < scores.length) keepAbove(scores, scores, nthGreatest(scores, k));
  };
}

/** Keeps the fewest tokens whose probabilities add up to at least p; `least` at least. Of equal ones the first go first. */
function topP(p: number, least = 1): RowProcessor {
  return (scores) => {
    const order = scores.slice().sort();
    const most = order.at(-1) as number;
    const total = order.reduce((sum, score) => sum + Math.exp(score - most), 0);
    let dropped = 0;
    for (let mass = 0; dropped < order.length - least; dropped++) {
      mass += Math.exp((order[dropped] as number) - most) / total;
      if (mass > 1 - p) break;
    }
    if (dropped === 0) return;
    const last = order[dropped - 1] as number;
    let equal = dropped - order.indexOf(last);
    for (let i = 0; i < scores.length; i++)
      if ((scores[i] as number) < last || (scores[i] === last && equal-- > 0)) scores[i] = Number.NEGATIVE_INFINITY;
  };
}

/** Of the 100 greatest scores, keeps the first whose entropy is at most this share of that of all 100. */
function topH(share: number): RowProcessor {
  return (scores) => {
    const least = nthGreatest(scores, Math.min(100, scores.length));
    const order = possible(scores)
      .filter((i) => (scores[i] as number) >= least)
      .sort((a, b) => (scores[b] as number) - (scores[a] as number) || a - b)
      .slice(0, 100);
    const logs = logSoftmax(Float32Array.from(order, (i) => scores[i] as number));
    const terms = logs.map((log) => -log * Math.exp(log));
    const most = terms.reduce((sum, term) => sum + term, 0) * share;
    const before = scores.slice();
    scores.fill(Number.NEGATIVE_INFINITY);
    let sum = 0;
    order.forEach((i, rank) => {
      sum += terms[rank] as number;
      if (rank === 0 || sum <= most) scores[i] = before[i] as number;
    });
  };
}

/** Keeps tokens of at least p times the greatest probability. */
function minP(p: number, least = 1): RowProcessor {
  return (scores) => {
    const probabilities = softmax(scores);
    keepAbove(scores, probabilities, p * nthGreatest(probabilities, 1), least);
  };
}

/** Keeps those closest to the expected surprise whose probabilities add up to at least `mass`. */
function typicalP(mass: number, least = 1): RowProcessor {
  return (scores) => {
    const logs = logSoftmax(scores);
    const order = possible(scores);
    const expected = order.reduce((sum, i) => sum - (logs[i] as number) * Math.exp(logs[i] as number), 0);
    const away = logs.map((log) => Math.abs(-log - expected));
    order.sort((a, b) => (away[a] as number) - (away[b] as number) || a - b);
    let held = 0;
    const last = order.find((i) => {
      held += Math.exp(logs[i] as number);
      return held >= mass;
    });
    const farthest = away[last ?? (order.at(-1) as number)] as number;
    for (const i of order.subarray(least)) if ((away[i] as number) > farthest) scores[i] = Number.NEGATIVE_INFINITY;
  };
}

/** Keeps tokens of at least this probability. */
function epsilonCutoff(epsilon: number, least = 1): RowProcessor {
  return (scores) => keepAbove(scores, softmax(scores), epsilon, least);
}

/** The same with a probability that sinks where the distribution is flat. */
function etaCutoff(epsilon: number, least = 1): RowProcessor {
  return (scores) => {
    const probabilities = softmax(scores);
    const entropy = probabilities.reduce((sum, p) => (p > 0 ? sum - p * Math.log(p) : sum), 0);
    keepAbove(scores, probabilities, Math.min(epsilon, Math.sqrt(epsilon) * Math.exp(-entropy)), least);
  };
}

/** Drops tokens whose measure is below the limit, but for those of the `least` greatest scores. */
function keepAbove(scores: Float32Array, measure: ArrayLike<number>, limit: number, least = 1): void {
  const sure = nthGreatest(scores, Math.min(least, scores.length));
  for (let i = 0; i < scores.length; i++)
    if ((measure[i] as number) < limit && (scores[i] as number) < sure) scores[i] = Number.NEGATIVE_INFINITY;
}

/** Indices of the tokens that may come. */
function possible(scores: Float32Array): Int32Array {
  const list = new Int32Array(scores.length);
  let count = 0;
  for (let i = 0; i < scores.length; i++) if (scores[i] !== Number.NEGATIVE_INFINITY) list[count++] = i;
  return list.subarray(0, count);
}

/** The n-th greatest number, equal ones counted apart: by a heap of n, whose least is its first. */
function nthGreatest(numbers: ArrayLike<number>, n: number): number {
  const heap = new Float64Array(n).fill(Number.NEGATIVE_INFINITY);
  for (let i = 0; i < numbers.length; i++) {
    const value = numbers[i] as number;
    if (!(value > (heap[0] as number))) continue;
    let at = 0;
    for (let child = 1; child < n; child = 2 * at + 1) {
      if (child + 1 < n && (heap[child + 1] as number) < (heap[child] as number)) child++;
      if ((heap[child] as number) >= value) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = value;
  }
  return heap[0] as number;
}

/** Probabilities of the scores. */
export function softmax(scores: Float32Array): Float64Array {
  const most = nthGreatest(scores, 1);
  const result = new Float64Array(scores.length);
  let total = 0;
  for (let i = 0; i < result.length; i++) {
    const value = Math.exp((scores[i] as number) - most);
    result[i] = value;
    total += value;
  }
  for (let i = 0; i < result.length; i++) result[i] = (result[i] as number) / total;
  return result;
}

/** The logarithm of the sum of the scores' exponentials. */
export function logSumExp(scores: Float32Array): number {
  const most = nthGreatest(scores, 1);
  let total = 0;
  for (let i = 0; i < scores.length; i++) total += Math.exp((scores[i] as number) - most);
  return most + Math.log(total);
}

/** Logarithms of the probabilities. */
export function logSoftmax(scores: Float32Array): Float64Array {
  const log = logSumExp(scores);
  const result = new Float64Array(scores.length);
  for (let i = 0; i < result.length; i++) result[i] = (scores[i] as number) - log;
  return result;
}
