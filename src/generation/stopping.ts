/** When a text ends. Greedy generation's native loop is given the same lengths and ids and asks the same of them. */
import { inspect } from "node:util";
import type { GreedyOptions } from "../native";
import { Tensor } from "../tensor";
import type { StreamTokenizer } from "./streamer";

/** Where one prompt's continuation ends. */
export type Stopping = Pick<GreedyOptions, "eos_token_id" | "max_new_tokens" | "min_new_tokens">;

/**
 * What `generate` takes as its `stopping_criteria`: gets the texts so far, with their padding, a row each, and with
 * `output_scores` the scores of each step so far; says whether all rows end here, or of each row whether it does.
 *
 * @example
 * const stopping_criteria: StoppingCriterion = (input_ids) => input_ids.map((row) => row.at(-1) === 30);
 */
export type StoppingCriterion = (input_ids: number[][], scores: Tensor[] | undefined) => boolean | boolean[] | Tensor;

/** Whether `tokens`, the new ones so far, are all. */
export function ended({ eos_token_id, max_new_tokens }: Stopping, tokens: readonly number[]): boolean {
  return tokens.length >= max_new_tokens || eos_token_id.includes(tokens.at(-1) as number);
}

/** Of each row whether one of the criteria ends it. @throws TypeError for an answer that is none. */
export function criteriaEnd(
  criteria: readonly StoppingCriterion[],
  rows: number[][],
  scores: Tensor[] | undefined,
): boolean[] {
  const end = rows.map(() => false);
  for (const criterion of criteria) {
    const said = criterion(rows, scores);
    const each = said instanceof Tensor ? Array.from(said.data, Boolean) : [said].flat();
    const fits = each.every((one) => typeof one === "boolean") && (each.length === rows.length || !Array.isArray(said));
    if (!fits || (each.length !== 1 && each.length !== rows.length))
      throw new TypeError(
        `Expected true or false, or one of them for each of ${rows.length} rows, of a stopping criterion but received ${inspect(said, { depth: 1 })}`,
      );
    for (const r of end.keys()) if (each.length === 1 ? each[0] : each[r]) end[r] = true;
  }
  return end;
}

/**
 * A test of whether a text's last token completes one of these strings: what the tokens decode to holds one that ends
 * within the last token. It may begin in the prompt.
 */
export function stopStrings(
  strings: readonly string[],
  tokenizer: StreamTokenizer,
): (ids: readonly number[]) => boolean {
  // Of bytes, so many tokens may hold the longest; a decoder may drop a space of the first one.
  const most = Math.max(...strings.map((text) => Buffer.byteLength(text))) + 1;
  const decode = (ids: number[]): string => {
    const stream = tokenizer.stream();
    return stream.push(ids) + stream.end();
  };
  return (ids) => {
    const tail = ids.slice(-most);
    const text = decode(tail);
    // Half a character before the last token is none any more with it.
    const before = commonLength(text, decode(tail.slice(0, -1)));
    return strings.some((stop) => text.indexOf(stop, Math.max(0, before - stop.length + 1)) >= 0);
  };
}

function commonLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}
