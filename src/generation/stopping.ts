/** When a text ends. Greedy generation's native loop is given the same values and asks the same question of them. */
import type { GreedyOptions } from "../native";

/** Where one prompt's continuation ends. */
export type Stopping = Pick<GreedyOptions, "eos_token_id" | "max_new_tokens" | "min_new_tokens">;

/** Whether `tokens`, the new ones so far, are all. */
export function ended({ eos_token_id, max_new_tokens }: Stopping, tokens: readonly number[]): boolean {
  return tokens.length >= max_new_tokens || eos_token_id.includes(tokens.at(-1) as number);
}
