/** Teacher forcing: what a model makes of each token of a given text, and how two models' answers differ. */
import type { NativeModel, NativeTensor } from "../../src/native";

/** Of each position: the top-1 token, its logit's lead over the second, and the given next token's -log p. */
export interface Scores {
  best: number[];
  lead: number[];
  surprise: number[];
}

/** Adds a row of logits; `next` is the token that follows in the text. */
function add(scores: Scores, logits: Float32Array, next: number | undefined): void {
  let [best, second] = [0, -1];
  for (let i = 1; i < logits.length; i++) {
    const x = logits[i] as number;
    if (x > (logits[best] as number)) [best, second] = [i, best];
    else if (second < 0 || x > (logits[second] as number)) second = i;
  }
  const most = logits[best] as number;
  let sum = 0;
  for (const x of logits) sum += Math.exp(x - most);
  scores.best.push(best);
  scores.lead.push(most - (logits[second] as number));
  if (next !== undefined) scores.surprise.push(Math.log(sum) + most - (logits[next] as number));
}

async function addRows(scores: Scores, model: NativeModel, hidden: NativeTensor, ids: Int32Array): Promise<void> {
  const [rows = 0] = hidden.dims;
  for (let row = 0; row < rows; row += 50) {
    const count = Math.min(50, rows - row);
    const logits = await model.lmHead(hidden, row, count);
    const [, vocab = 0] = logits.dims;
    const numbers = logits.read(0, count * vocab);
    for (let i = 0; i < count; i++)
      add(scores, numbers.subarray(i * vocab, (i + 1) * vocab), ids[scores.best.length + 1]);
    logits.dispose();
  }
  hidden.dispose();
}

/** The whole text in one prompt. */
export async function prefilled(model: NativeModel, ids: Int32Array): Promise<Scores> {
  const scores: Scores = { best: [], lead: [], surprise: [] };
  await addRows(scores, model, (await model.forward({ ids })).last_hidden_state, ids);
  return scores;
}

/** A token at a time, after the first. */
export async function decoded(model: NativeModel, ids: Int32Array): Promise<Scores> {
  const scores: Scores = { best: [], lead: [], surprise: [] };
  const cache = model.createCache();
  for (const id of ids)
    await addRows(scores, model, (await model.forward({ ids: Int32Array.of(id), cache })).last_hidden_state, ids);
  cache.dispose();
  return scores;
}

export interface Comparison {
  /** The share of positions with the same top-1 token. */
  agreement: number;
  /** One model's perplexity by the other's. */
  perplexity: number;
  /** Where they differ: the position, both tokens, and by how much the reference's best led. */
  misses: { position: number; token: number; expected: number; lead: number }[];
}

const mean = (numbers: number[]): number => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;

export function compare(scores: Scores, reference: Scores): Comparison {
  const misses = reference.best.flatMap((expected, position) => {
    const token = scores.best[position] as number;
    return token === expected ? [] : [{ position, token, expected, lead: reference.lead[position] as number }];
  });
  return {
    agreement: 1 - misses.length / reference.best.length,
    perplexity: Math.exp(mean(scores.surprise) - mean(reference.surprise)),
    misses,
  };
}
