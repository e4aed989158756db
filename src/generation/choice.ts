/** How a token is chosen by its scores. */
import { softmax } from "./warpers";

/** Index of the greatest score, the first of equals. @throws Error when a score is NaN. */
export function greedy(scores: ArrayLike<number>): number {
  let best = 0;
  for (let i = 0; i < scores.length; i++) {
    if (Number.isNaN(scores[i])) throw new Error("The scores of the next token hold NaN: the weights are damaged");
    if ((scores[i] as number) > (scores[best] as number)) best = i;
  }
  return best;
}

/** A token drawn with the probabilities that softmax makes of the scores. */
export function sample(scores: Float32Array, random: () => number): number {
  if (scores[greedy(scores)] === Number.NEGATIVE_INFINITY)
    throw new Error("Expected at least one token that may come next, but every score is -Infinity");
  return draw(softmax(scores), random);
}

/** An index drawn with these weights, which sum to `total`. */
export function draw(weights: Float64Array, random: () => number, total = 1): number {
  let left = random() * total;
  let last = 0;
  for (let i = 0; i < weights.length; i++) {
    const weight = weights[i] as number;
    if (weight === 0) continue;
    last = i;
    left -= weight;
    if (left < 0) return i;
  }
  return last;
}

/** So many different indices drawn one after the other, each with its weight's share of what is left. */
export function drawSeveral(weights: Float64Array, count: number, random: () => number): number[] {
  const left = weights.slice();
  return Array.from({ length: count }, () => {
    const index = draw(
      left,
      random,
      left.reduce((sum, value) => sum + value, 0),
    );
    left[index] = 0;
    return index;
  });
}
