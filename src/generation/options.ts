/** The options of `generate`: their names, defaults and checks. */
import { inspect } from "node:util";
import { checkOptions, type FlagNames, type OptionNames } from "../options";
import type { IdsInput } from "../model/inputs";
import type { DynamicCache } from "../model/outputs";
import type { Stopping } from "./stopping";
import type { BaseStreamer } from "./streamer";

/** What decides which tokens come. */
export interface TokenOptions {
  /** New tokens at most, > 0. Default: 20, as in transformers. Generation also ends where the model's context does. */
  max_new_tokens?: number;
  /** Tokens at most, prompt included: more than the prompt has. `max_new_tokens` goes before it. Default: none. */
  max_length?: number;
  /** No token that ends the text before so many new ones. Default: 0. */
  min_new_tokens?: number;
  /** true: tokens are drawn, each by its probability; false (default): always the top-1 token, which is greedy. */
  do_sample?: boolean;
  /** Divides the scores before a token is drawn, > 0: below 1 probable tokens gain, above 1 the others. Default: 1. */
  temperature?: number;
  /** Draws among the k most probable tokens alone; 0: among all. Default: 50, as in transformers. */
  top_k?: number;
  /** Draws among the fewest tokens whose probabilities sum to this, from 0 to 1. Default: 1, all. */
  top_p?: number;
  /** Above 1 (> 0), tokens that the text already holds become less probable, drawn or greedy. Default: 1. */
  repetition_penalty?: number;
  /** A whole number >= 0 that makes drawing repeatable: the same seed, the same tokens. Default: a random one. */
  seed?: number;
  /** The id, or ids, that end the text. Default: the model's own; [] ends nowhere. */
  eos_token_id?: number | number[];
  /** Fills up rows that ended before others. Default: the model's pad token, else its first eos token. */
  pad_token_id?: number;
  /** false: keys and values are not kept, so that every position is computed again for every token. Default: true. */
  use_cache?: boolean;
  /** Gets the prompt and then the tokens as they come, as a {@link TextStreamer} does; with one prompt only. */
  streamer?: BaseStreamer;
  /** Stops the generation, as the notebook's interrupt does: the call rejects with an `AbortError`. */
  signal?: AbortSignal;
}

/**
 * What `model.generate` takes beside the ids. Names and defaults are those of transformers' `GenerationConfig`, but for
 * `seed`, `signal` and `return_timings`, which are our own. A name that does not exist, or a value out of its range, is
 * an error that says what was expected.
 *
 * @example
 * // Greedy: the most probable token at each step.
 * const ids = await model.generate({ input_ids, max_new_tokens: 2 });
 * tokenizer.decode(ids); // => "The capital of France is Paris."
 * @example
 * // Drawn by probability, the same each time for the same seed.
 * await model.generate({ input_ids, max_new_tokens: 20, do_sample: true, temperature: 0.7, top_p: 0.9, seed: 1 });
 */
export interface GenerateOptions extends TokenOptions {
  /** Gives `scores`, what each token is chosen by: after temperature, top_k and the like. Default: false. */
  output_scores?: boolean;
  /** Gives `logits`, the head's own scores of each step. Default: false. */
  output_logits?: boolean;
  /** Gives `hidden_states`, each step's vectors after every layer; with one prompt only. Default: false. */
  output_hidden_states?: boolean;
  /** Gives `attentions`, each step's attention weights of every layer; with one prompt only. Default: false. */
  output_attentions?: boolean;
  /**
   * Gives a {@link GenerateOutput} instead of the ids alone, as every `output_…` and `return_timings` does. Default:
   * false.
   */
  return_dict_in_generate?: boolean;
  /** Gives `timings`: what the first token and each later one took. Default: false. */
  return_timings?: boolean;
}

/**
 * What `model.generate` takes: the ids, and {@link GenerateOptions}. What a tokenizer gives may be handed over whole.
 */
export interface GenerateArguments extends GenerateOptions {
  /** The prompt's ids, or several prompts' as rows of one length. */
  input_ids?: IdsInput;
  /** transformers.js' name for `input_ids`. */
  inputs?: IdsInput;
  /** Of the shape of `input_ids`: 0 over padding, which may stand at the ends of a row. Default: no padding. */
  attention_mask?: IdsInput;
  /** A cache that holds a beginning of `input_ids`, which is not computed again; with one prompt only. */
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

/** @throws TypeError or RangeError, a sentence for the first option that cannot be. */
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
