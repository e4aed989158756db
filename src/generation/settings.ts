/** The options of one call with everything filled in: by the call, its generation_config, the model's, the library. */
import { inspect } from "node:util";
import { checkOptions } from "../options";
import { checkValue, flag, wholeNumber } from "./checks";
import { saySampling } from "./generation_config";
import { flags, generateArguments, generationOptions } from "./option_names";
import type { GenerateArguments, GenerateOptions, GenerationOptions } from "./options";
import type { LogitsProcessor } from "./processors";
import type { StoppingCriterion } from "./stopping";

/** What the defaults depend on. */
export interface ModelDefaults {
  name: string;
  generation_config: GenerationOptions;
  max_position_embeddings: number;
}

/** Values that turn an option off: what null means, and where nothing else is said. */
const neutral = {
  max_new_tokens: undefined as number | undefined,
  max_length: undefined as number | undefined,
  min_new_tokens: 0,
  min_length: 0,
  max_time: Number.POSITIVE_INFINITY,
  stop_strings: [] as string | readonly string[],
  do_sample: false,
  num_beams: 1,
  early_stopping: false as boolean | "never",
  length_penalty: 1,
  num_return_sequences: 1,
  temperature: 1,
  top_k: 0,
  top_p: 1,
  top_h: undefined as number | undefined,
  min_p: 0,
  typical_p: 1,
  epsilon_cutoff: 0,
  eta_cutoff: 0,
  repetition_penalty: 1,
  encoder_repetition_penalty: 1,
  no_repeat_ngram_size: 0,
  encoder_no_repeat_ngram_size: 0,
  bad_words_ids: [] as readonly (readonly number[])[],
  sequence_bias: [] as readonly (readonly [readonly number[], number])[],
  suppress_tokens: [] as readonly number[],
  begin_suppress_tokens: [] as readonly number[],
  forced_bos_token_id: undefined as number | undefined,
  forced_eos_token_id: undefined as number | readonly number[] | undefined,
  exponential_decay_length_penalty: undefined as readonly [number, number] | undefined,
  remove_invalid_values: false,
  renormalize_logits: false,
  eos_token_id: [] as number | readonly number[],
  pad_token_id: undefined as number | undefined,
  use_cache: true,
};

/** What transformers takes where neither the call nor the model says anything, and is not neutral. */
const defaults: Partial<Values> = { top_k: 50 };
const defaultNewTokens = 20;

type Values = typeof neutral;

/** The values of every option of one call. */
export interface Settings extends Omit<Values, "eos_token_id" | "pad_token_id" | "stop_strings" | "max_length"> {
  eos_token_id: readonly number[];
  stop_strings: readonly string[];
  pad: number;
  seed: number;
  logits_processor: readonly LogitsProcessor[];
  stopping_criteria: readonly StoppingCriterion[];
  prefix_allowed_tokens_fn: ((batch_id: number, input_ids: number[]) => readonly number[]) | undefined;
  /** New tokens at most of a prompt whose row has so many, of which so many are real. */
  most: (width: number, real: number) => number;
}

/** @throws TypeError or RangeError, a sentence for the first option that cannot be. */
export function readSettings(options: GenerateArguments, model: ModelDefaults): Settings {
  checkOptions(options, generateArguments, "generate");
  const given = options.generation_config ?? {};
  checkOptions(given, generationOptions, "generation_config");
  checkAll(options, "");
  checkAll(given, " in generation_config");
  const values: Values = { ...neutral, ...defaults };
  // null in a configuration leaves an option open; in the call it turns it off.
  for (const layer of [model.generation_config, given]) Object.assign(values, said(layer, false));
  Object.assign(values, said(options, true));
  for (const name of Object.keys(flags) as (keyof typeof flags)[])
    if (options[name] !== undefined && options[name] !== null) flag(options[name], name);
  if (options.seed !== undefined && options.seed !== null) wholeNumber(options.seed, "seed");
  checkObjects(options);
  const asked = options.do_sample ?? given.do_sample;
  checkTogether(values, asked === true);
  if (values.temperature === 0) values.do_sample = false;
  if (values.do_sample && asked === undefined) saySampling(values, model.name);
  const eos = [values.eos_token_id].flat() as number[];
  const { eos_token_id, pad_token_id, stop_strings, max_length, ...rest } = values;
  return {
    ...rest,
    eos_token_id: eos,
    stop_strings: [stop_strings].flat() as string[],
    pad: pad_token_id ?? eos[0] ?? 0,
    seed: options.seed ?? Math.floor(Math.random() * 0x100000000),
    logits_processor: functions(options, "logits_processor"),
    stopping_criteria: functions(options, "stopping_criteria"),
    prefix_allowed_tokens_fn: functions(options, "prefix_allowed_tokens_fn")[0],
    most: (width, real) => {
      const wanted = values.max_new_tokens ?? (max_length === undefined ? defaultNewTokens : max_length - width);
      if (wanted < 1)
        throw new RangeError(`Expected max_length above the prompt's ${width} tokens but received ${max_length}`);
      // The last token needs no position of its own: nothing is computed behind it.
      return Math.min(wanted, model.max_position_embeddings - real + 1);
    },
  };
}

/** The options that a layer sets; null, where it counts, as the value that turns the option off. */
function said(layer: GenerationOptions, nulls: boolean): Partial<Values> {
  const entries = Object.entries(layer).filter(
    ([name, value]) => Object.hasOwn(neutral, name) && value !== undefined && (nulls || value !== null),
  );
  return Object.fromEntries(entries.map(([name, value]) => [name, value ?? neutral[name as keyof Values]]));
}

function checkAll(options: GenerationOptions, where: string): void {
  for (const name of Object.keys(generationOptions) as (keyof GenerationOptions)[]) {
    const value = options[name];
    if (value !== undefined && value !== null) checkValue(name, value, `${name}${where}`);
  }
}

/** Refuses what no options can ask for together, as transformers does. */
function checkTogether(values: Values, sampling: boolean): void {
  const { num_beams, num_return_sequences, do_sample, temperature } = values;
  if (temperature === 0 && sampling)
    throw new RangeError(
      "Expected number > 0 for temperature but received 0, with do_sample: true; do_sample: false takes the top-1 token",
    );
  if (num_return_sequences > 1 && num_beams === 1 && (!do_sample || temperature === 0))
    throw new RangeError(
      `Expected num_return_sequences 1 without do_sample or num_beams, which alone give different texts, but received ${num_return_sequences}`,
    );
  if (num_beams > 1 && num_return_sequences > num_beams)
    throw new RangeError(
      `Expected num_return_sequences of at most num_beams, ${num_beams}, but received ${num_return_sequences}`,
    );
}

/** Refuses a streamer or a tokenizer that lacks what is called of it. */
function checkObjects({ streamer, tokenizer }: GenerateArguments): void {
  if (streamer !== undefined && streamer !== null)
    if (typeof streamer.put !== "function" || typeof streamer.end !== "function")
      throw new TypeError(
        `Expected an object with put and end for streamer, as a TextStreamer, but received ${inspect(streamer, { depth: 0 })}`,
      );
  if (tokenizer !== undefined && tokenizer !== null && typeof tokenizer.stream !== "function")
    throw new TypeError(`Expected a tokenizer for tokenizer but received ${inspect(tokenizer, { depth: 0 })}`);
}

/** Functions given as one or as a list. */
function functions<Name extends "logits_processor" | "stopping_criteria" | "prefix_allowed_tokens_fn">(
  options: GenerateOptions,
  name: Name,
): Extract<NonNullable<GenerateOptions[Name]>, (...args: never[]) => unknown>[] {
  const list = [options[name] ?? []].flat() as unknown[];
  for (const one of list)
    if (typeof one !== "function")
      throw new TypeError(
        `Expected a function, or an array of functions, for ${name} but received ${inspect(one, { depth: 0 })}`,
      );
  return list as never;
}
