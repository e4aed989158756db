/** The options of `generate`: their names, defaults and checks. */
import { inspect } from "node:util";
import { checkOptions, type FlagNames, type OptionNames } from "../options";
import type { IdsInput } from "../model/inputs";
import type { DynamicCache } from "../model/outputs";
import type { Stopping } from "./stopping";
import type { BaseStreamer } from "./streamer";

/** What decides which tokens come. */
export interface TokenOptions {
  /** New tokens at most. Default: 20, as in transformers. Generation also ends where the model's context does. */
  max_new_tokens?: number;
  /** Tokens at most, prompt included; `max_new_tokens` goes before it. */
  max_length?: number;
  /** No end before so many new tokens. Default: 0. */
  min_new_tokens?: number;
  /** true: draw from the distribution; false (default): always the most probable token. */
  do_sample?: boolean;
  /** Default: 1. Below it the distribution sharpens, above it flattens. */
  temperature?: number;
  /** Draws among the k most probable tokens; 0: all. Default: 50, as in transformers. */
  top_k?: number;
  /** Draws among the fewest tokens with this mass together. Default: 1, all. */
  top_p?: number;
  /** Above 1, tokens that the text already holds become less likely. Default: 1. */
  repetition_penalty?: number;
  /** Makes sampling repeatable: the same seed, the same tokens. Default: a random one. */
  seed?: number;
  /** The id, or ids, that end the text. Default: the model's own; [] ends nowhere. */
  eos_token_id?: number | number[];
  /** Fills rows that ended early. Default: the model's pad token, else its first eos token. */
  pad_token_id?: number;
  /** false: every position is computed again for every token. Default: true. */
  use_cache?: boolean;
  /** Gets the tokens as they come; with one prompt only. */
  streamer?: BaseStreamer;
  /** Stops the generation, beside the notebook's interrupt. */
  signal?: AbortSignal;
}

export interface GenerateOptions extends TokenOptions {
  /** Gives `scores`: of each step, after the processors, (rows, vocab). */
  output_scores?: boolean;
  /** Gives `logits`: of each step, before the processors, (rows, vocab). */
  output_logits?: boolean;
  /** Gives `hidden_states`: of each step, of each layer, (rows, T, hidden). */
  output_hidden_states?: boolean;
  /** Gives `attentions`: of each step, of each layer, (rows, heads, T, positions). */
  output_attentions?: boolean;
  /** Gives an object with `sequences` instead of the ids alone. */
  return_dict_in_generate?: boolean;
  /** Gives `timings`, measured natively in greedy generation; an object, as `return_dict_in_generate`. */
  return_timings?: boolean;
}

export interface GenerateArguments extends GenerateOptions {
  input_ids?: IdsInput;
  /** Another name of `input_ids`. */
  inputs?: IdsInput;
  attention_mask?: IdsInput;
  /** A cache that holds a beginning of `input_ids`; one prompt only. */
  past_key_values?: DynamicCache;
}

const flags: FlagNames<GenerateOptions> = {
  do_sample: true,
  use_cache: true,
  output_scores: true,
  output_logits: true,
  output_hidden_states: true,
  output_attentions: true,
  return_dict_in_generate: true,
  return_timings: true,
};

/** Names of {@link TokenOptions}. */
export const tokenOptions: OptionNames<TokenOptions> = {
  do_sample: true,
  use_cache: true,
  max_new_tokens: true,
  max_length: true,
  min_new_tokens: true,
  temperature: true,
  top_k: true,
  top_p: true,
  repetition_penalty: true,
  seed: true,
  eos_token_id: true,
  pad_token_id: true,
  streamer: true,
  signal: true,
};

/** Names of {@link GenerateArguments}. */
const generateArguments: OptionNames<GenerateArguments> = {
  ...tokenOptions,
  ...flags,
  input_ids: true,
  inputs: true,
  attention_mask: true,
  past_key_values: true,
};

/** What the defaults depend on. */
export interface ModelDefaults {
  eos_token_id: number[];
  pad_token_id: number | null;
  max_position_embeddings: number;
}

export type Settings = Required<
  Pick<GenerateOptions, "do_sample" | "temperature" | "top_k" | "top_p" | "repetition_penalty" | "seed" | "use_cache">
> & { pad: number; stopping: (prompt: number) => Stopping };

/** @throws {TypeError | RangeError} a sentence for the first option that cannot be. */
export function readSettings(options: GenerateArguments, model: ModelDefaults): Settings {
  checkOptions(options, generateArguments, "generate");
  const { max_new_tokens, max_length } = options;
  const given = { min_new_tokens: 0, temperature: 1, top_k: 50, top_p: 1, repetition_penalty: 1, ...defined(options) };
  whole(max_new_tokens, 1, "max_new_tokens");
  whole(max_length, 1, "max_length");
  whole(given.min_new_tokens, 0, "min_new_tokens");
  whole(given.top_k, 0, "top_k");
  whole(options.seed, 0, "seed");
  whole(options.pad_token_id, 0, "pad_token_id");
  positive(given.temperature, "temperature");
  positive(given.repetition_penalty, "repetition_penalty");
  if (typeof given.top_p !== "number" || !(given.top_p >= 0 && given.top_p <= 1))
    throw new RangeError(`Expected number from 0 to 1 for top_p but received ${inspect(given.top_p)}`);
  for (const name of Object.keys(flags) as (keyof typeof flags)[])
    if (options[name] !== undefined && typeof options[name] !== "boolean")
      throw new TypeError(`Expected true or false for ${name} but received ${inspect(options[name])}`);
  const { streamer } = options;
  if (streamer !== undefined && (typeof streamer?.put !== "function" || typeof streamer.end !== "function"))
    throw new TypeError(
      `Expected an object with put and end for streamer, as a TextStreamer, but received ${inspect(streamer, { depth: 0 })}`,
    );
  const eos = options.eos_token_id === undefined ? model.eos_token_id : [options.eos_token_id].flat();
  for (const id of eos) whole(id, 0, "eos_token_id");
  const context = model.max_position_embeddings;
  return {
    do_sample: options.do_sample ?? false,
    temperature: given.temperature,
    top_k: given.top_k,
    top_p: given.top_p,
    repetition_penalty: given.repetition_penalty,
    seed: options.seed ?? Math.floor(Math.random() * 0x100000000),
    use_cache: options.use_cache ?? true,
    pad: options.pad_token_id ?? model.pad_token_id ?? eos[0] ?? 0,
    stopping: (prompt) => {
      const wanted = max_new_tokens ?? (max_length === undefined ? 20 : max_length - prompt);
      if (wanted < 1)
        throw new RangeError(`Expected max_length above the prompt's ${prompt} tokens but received ${max_length}`);
      // The last token needs no position of its own: nothing is computed behind it.
      const most = Math.min(wanted, context - prompt + 1);
      return { eos_token_id: eos, max_new_tokens: most, min_new_tokens: given.min_new_tokens };
    },
  };
}

function defined<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function whole(value: unknown, least: number, name: string): void {
  if (value !== undefined && (!Number.isInteger(value) || (value as number) < least))
    throw new RangeError(`Expected integer ${least === 0 ? ">= 0" : "> 0"} for ${name} but received ${inspect(value)}`);
}

function positive(value: unknown, name: string): void {
  if (typeof value !== "number" || !(value > 0) || !Number.isFinite(value))
    throw new RangeError(`Expected number > 0 for ${name} but received ${inspect(value)}`);
}
