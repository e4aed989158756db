/** How likely the chosen tokens of a generation were, and what stood beside them. */
import { inspect } from "node:util";
import { logSumExp } from "./warpers";

/** A token and the logarithm of its probability. */
export interface LogProb {
  /** The token. */
  id: number;
  /** The natural logarithm of its probability. */
  log_prob: number;
}

/** What the model said where a new token was chosen, before any option changed it. */
export interface ChosenLogProb extends LogProb {
  /** The most probable tokens in that place, in falling order. */
  top: LogProb[];
}

/** @throws RangeError for what is no count of tokens. */
export function checkTopLogprobs(count: unknown): void {
  if (count === undefined || count === null) return;
  if (!Number.isInteger(count) || (count as number) < 0 || (count as number) > 256)
    throw new RangeError(`Expected a whole number from 0 to 256 for top_logprobs but received ${inspect(count)}`);
}

/** Of a token that was chosen by these logits, and of the `count` greatest; of equals the smaller id goes before. */
export function chosenLogProb(logits: Float32Array, id: number, count: number): ChosenLogProb {
  const best: number[] = [];
  // What a number must be above to be one of the greatest, once there are so many.
  let bar = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < logits.length; i++) {
    const x = logits[i] as number;
    if (best.length === count && !(x > bar)) continue;
    let at = best.length;
    while (at > 0 && x > (logits[best[at - 1] as number] as number)) at--;
    best.splice(at, 0, i);
    if (best.length > count) best.pop();
    if (best.length === count && count > 0) bar = logits[best.at(-1) as number] as number;
  }
  const logsumexp = logSumExp(logits);
  const of = (token: number): LogProb => ({ id: token, log_prob: (logits[token] as number) - logsumexp });
  return { ...of(id), top: best.map(of) };
}
