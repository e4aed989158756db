/** What the values of generation options can be; every error is a sentence that says what was expected. */
import { inspect } from "node:util";
import type { GenerationOptions, NeutralOptions } from "./options";

type Check = (value: unknown, name: string) => void;

/** Refuses what `test` does not take. */
function check(test: (value: unknown) => boolean, expected: string, kind: typeof RangeError = RangeError): Check {
  return (value, name) => {
    if (!test(value)) throw new kind(`Expected ${expected} for ${name} but received ${inspect(value, { depth: 1 })}`);
  };
}

const isWhole = (value: unknown, least: number): boolean => Number.isInteger(value) && (value as number) >= least;
const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
const listOf = (test: (item: unknown) => boolean) => (value: unknown) => Array.isArray(value) && value.every(test);
const isId = (value: unknown): boolean => isWhole(value, 0);
const isRun = (value: unknown): boolean => listOf(isId)(value) && (value as unknown[]).length > 0;

const positiveInteger = check((value) => isWhole(value, 1), "integer > 0");
export const wholeNumber = check(isId, "integer >= 0");
export const flag = check((value) => typeof value === "boolean", "true or false", TypeError as typeof RangeError);
const positive = check((value) => isNumber(value) && value > 0, "number > 0");
const notNegative = check((value) => isNumber(value) && value >= 0, "number >= 0");
const share = check((value) => isNumber(value) && value >= 0 && value <= 1, "number from 0 to 1");
const aboveNone = check((value) => isNumber(value) && value > 0 && value <= 1, "number > 0, at most 1,");
const cutoff = check((value) => isNumber(value) && value >= 0 && value < 1, "number from 0 to below 1");
const ids = check(listOf(isId), "an array of token ids");
const oneOrMore: Check = (value, name) => {
  for (const id of [value].flat()) wholeNumber(id, name);
};

/** Options that are not computed, and their values that ask for nothing; of other ones there is nothing to ignore. */
export const asksForNothing: {
  [Name in Exclude<keyof NeutralOptions, "cache_implementation" | "bos_token_id">]-?: readonly unknown[];
} = {
  guidance_scale: [1],
  num_beam_groups: [1],
  diversity_penalty: [0],
  penalty_alpha: [0],
  dola_layers: [],
  constraints: [],
  force_words_ids: [],
  watermarking_config: [],
  token_healing: [false],
};
const nothing = Object.fromEntries(
  Object.entries(asksForNothing).map(([name, values]) => [
    name,
    check((value) => values.includes(value), `${[...values, "null"].join(" or ")} (others are not computed)`),
  ]),
) as Record<keyof typeof asksForNothing, Check>;

const checks: { [Name in keyof GenerationOptions]-?: Check } = {
  max_new_tokens: positiveInteger,
  max_length: positiveInteger,
  min_new_tokens: wholeNumber,
  min_length: wholeNumber,
  max_time: notNegative,
  stop_strings: check(
    (value) => typeof value === "string" || listOf((text) => typeof text === "string" && text !== "")(value),
    "a text or an array of texts, none of them empty,",
  ),
  do_sample: flag,
  num_beams: positiveInteger,
  early_stopping: check((value) => typeof value === "boolean" || value === "never", 'true, false or "never"'),
  length_penalty: check(isNumber, "a number"),
  num_return_sequences: positiveInteger,
  // 0 is the limit, which is greedy; settings.ts says where it is none.
  temperature: check((value) => isNumber(value) && value >= 0, "number > 0"),
  top_k: wholeNumber,
  top_p: share,
  top_h: aboveNone,
  min_p: share,
  typical_p: aboveNone,
  epsilon_cutoff: cutoff,
  eta_cutoff: cutoff,
  repetition_penalty: positive,
  encoder_repetition_penalty: positive,
  no_repeat_ngram_size: wholeNumber,
  encoder_no_repeat_ngram_size: wholeNumber,
  bad_words_ids: check(listOf(isRun), "arrays of token ids, none of them empty,"),
  sequence_bias: check(
    listOf((pair) => Array.isArray(pair) && pair.length === 2 && isRun(pair[0]) && typeof pair[1] === "number"),
    "an array of [ids, bias]",
  ),
  suppress_tokens: ids,
  begin_suppress_tokens: ids,
  forced_bos_token_id: wholeNumber,
  forced_eos_token_id: oneOrMore,
  exponential_decay_length_penalty: check(
    (value) => Array.isArray(value) && value.length === 2 && isId(value[0]) && isNumber(value[1]) && value[1] > 0,
    "[start, factor]",
  ),
  remove_invalid_values: flag,
  renormalize_logits: flag,
  eos_token_id: oneOrMore,
  pad_token_id: wholeNumber,
  use_cache: flag,
  cache_implementation: check((value) => typeof value === "string", "a text"),
  bos_token_id: wholeNumber,
  ...nothing,
};

/** @throws RangeError or TypeError, a sentence, where the option cannot have that value. */
export function checkValue(option: keyof GenerationOptions, value: unknown, name: string = option): void {
  checks[option](value, name);
}
