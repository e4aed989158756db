/**
 * `model.generate`: greedy generation runs in the native loop; what looks at the scores or changes them runs in loops
 * here, one pass a token. A batch's sequences, and a prompt's beams, go through the same passes.
 */
import { abortable, abortError } from "../model/abort";
import { checkCache, DynamicCache } from "../model/cache";
import { type Batch, type IdsInput, readBatch } from "../model/inputs";
import type { Core } from "../model/core";
import { editedCore } from "../insight/edited_native";
import type { AbortFlag, NativeCache } from "../native";
import { Tensor } from "../tensor";
import { searchPrompt } from "./beams";
import { endingOf } from "./ending";
import { Passes } from "./forward";
import { loopRows } from "./loop";
import { checkTopLogprobs } from "./logprobs";
import type { GenerateArguments } from "./options";
import type { GenerateOutput } from "./outputs";
import { logitsProcessors } from "./processors";
import { randomNumbers } from "./random";
import { beamOutput, rowOutput } from "./results";
import { type Prompt, readPrompts, Row, withEmbeds } from "./row";
import { scoreChanger } from "./scores";
import { readSettings, type Settings } from "./settings";
import type { BaseStreamer, StreamTokenizer } from "./streamer";

/** One call: what it was given, and what that means. */
interface Call {
  core: Core;
  given: GenerateArguments;
  settings: Settings;
  batch: Batch;
  prompts: Prompt[];
  tokenizer: StreamTokenizer | undefined;
  /** Positions of the longest prompt: which angles LongRoPE takes follows the longest row. */
  longest: number;
}

/** See `Phi3ForCausalLM.generate`. */
export async function generate(
  core: Core,
  first: GenerateArguments | IdsInput,
  second: GenerateArguments | undefined,
  name: string,
): Promise<Tensor | GenerateOutput> {
  const given = readArguments(first, second);
  core = editedCore(core, given.edits);
  const { config, generation_config } = core;
  const { max_position_embeddings } = config;
  const settings = readSettings(given, { name, generation_config, max_position_embeddings });
  const input_ids = given.input_ids ?? given.inputs;
  const batch = readBatch({ ...given, input_ids }, config.hidden_size);
  const known = batch.embeds && input_ids ? readBatch({ ...given, input_ids, inputs_embeds: null }, 0) : batch;
  const prompts = readPrompts(batch, batch.embeds && !input_ids ? undefined : known, settings);
  checkCache(given.past_key_values);
  checkAlone(given, settings, prompts.length * settings.num_return_sequences);
  const longest = Math.max(...batch.rows.map((row, r) => row.length + (batch.firsts?.[r] ?? 0)));
  const tokenizer = settings.stop_strings.length > 0 ? await tokenizerOf(core, given) : undefined;
  const call: Call = { core, given, settings, batch, prompts, tokenizer, longest };
  const output = await streaming(given.streamer, () => {
    given.streamer?.put(prompts[0]?.embedded && !input_ids ? [] : Array.from((prompts[0] as Prompt).ids));
    return abortable(given.signal ?? undefined, (abort) =>
      settings.num_beams > 1 ? searchBeams(call, abort) : continueRows(call, abort),
    );
  });
  return wantsMore(given) ? output : output.sequences;
}

/** Work whose tokens a streamer is told of, and then of their end: also where it fails, so that the next call begins anew. */
async function streaming<T>(streamer: BaseStreamer | null | undefined, work: () => Promise<T>): Promise<T> {
  let result: T;
  try {
    result = await work();
  } catch (error) {
    try {
      streamer?.end();
    } catch {
      // The first error stands.
    }
    throw error;
  }
  streamer?.end();
  return result;
}

function readArguments(first: GenerateArguments | IdsInput, second: GenerateArguments | undefined): GenerateArguments {
  const options =
    typeof first === "object" && first !== null && !(first instanceof Tensor) && !("length" in first)
      ? { ...(first as GenerateArguments), ...second }
      : { ...second, input_ids: first as IdsInput };
  // What a tokenizer gives may be handed over whole: its fields are options of the same names.
  if ((options.input_ids ?? options.inputs ?? options.inputs_embeds ?? undefined) === undefined)
    throw new TypeError("Expected input_ids for generate, as a tokenizer makes them");
  return options;
}

const extras = ["output_scores", "output_logits", "output_hidden_states", "output_attentions"] as const;

const wantsMore = (given: GenerateArguments): boolean =>
  Boolean(given.return_dict_in_generate || given.return_timings || extras.some((name) => given[name])) ||
  typeof given.top_logprobs === "number";

/** Refuses what is for one sequence only, and what beams cannot do. */
function checkAlone(given: GenerateArguments, { num_beams }: Settings, sequences: number): void {
  for (const name of ["streamer", "on_step", "output_hidden_states", "output_attentions"] as const) {
    if (given[name] && sequences > 1)
      throw new RangeError(`Expected one prompt with ${name} but received ${sequences} sequences to continue`);
    if (given[name] && num_beams > 1)
      throw new RangeError(`Expected num_beams 1 with ${name} but received ${num_beams}`);
  }
  checkTopLogprobs(given.top_logprobs);
  if (given.on_step && typeof given.on_step !== "function")
    throw new TypeError(`Expected a function for on_step but received ${typeof given.on_step}`);
  if (num_beams === 1) return;
  if (typeof given.top_logprobs === "number")
    throw new RangeError(`Expected num_beams 1 with top_logprobs but received ${num_beams}`);
  for (const name of ["past_key_values", "return_timings"] as const)
    if (given[name]) throw new RangeError(`Expected num_beams 1 with ${name} but received ${num_beams}`);
}

async function tokenizerOf(core: Core, { tokenizer }: GenerateArguments): Promise<StreamTokenizer> {
  if (tokenizer) return tokenizer;
  try {
    return await core.tokenizer();
  } catch (error) {
    throw new Error(
      `Expected a tokenizer beside stop_strings, since the model's own cannot be loaded: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

/** Beam search, prompt after prompt. */
async function searchBeams(call: Call, abort: AbortFlag): Promise<GenerateOutput> {
  const { core, given, settings, batch, prompts, longest } = call;
  const { native } = core;
  const run = {
    native,
    passes: new Passes(core, given, abort),
    settings,
    change: scoreChanger(
      settings,
      prompts.map(({ options }) => options),
    ),
    ending: endingOf(settings, call.tokenizer),
    abort,
    signal: given.signal ?? undefined,
    longest,
    random: randomNumbers(settings.seed),
  };
  const results = [];
  for (const prompt of prompts)
    results.push(await withEmbeds(native, batch, prompt.index, (embeds) => searchPrompt(prompt, embeds, run)));
  return beamOutput(prompts, results, settings, given);
}

/** Greedy choice or drawing: each prompt's sequences, with a cache each. */
async function continueRows(call: Call, abort: AbortFlag): Promise<GenerateOutput> {
  const { core, given, settings, batch, prompts } = call;
  const { native } = core;
  const past = given.past_key_values ?? undefined;
  const each = prompts.flatMap((prompt) => Array.from({ length: settings.num_return_sequences }, () => prompt));
  const plain =
    !extras.some((name) => given[name]) && typeof given.top_logprobs !== "number" && !given.on_step && isPlain(call);
  const made = !past && settings.use_cache && given.return_dict_in_generate ? new DynamicCache() : undefined;
  // Embeddings are read once only: what follows them needs a cache.
  const own = !past && !made && !plain && (settings.use_cache || batch.embeds) ? new DynamicCache() : undefined;
  const cache = past ?? made ?? own;
  const run = async (caches: NativeCache[] | undefined): Promise<Row[]> => {
    const rows = each.map((prompt, r) => new Row(prompt, caches?.[r]));
    checkHeld(rows, batch);
    if (caches) cache?.lead(batch.firsts);
    if (plain && rows.length > 1 && settings.use_cache) await greedyRows(rows, call, abort);
    else if (plain) for (const row of rows) await greedyRow(row, call, abort);
    else
      await loopRows(rows, {
        native,
        batch,
        passes: new Passes(core, given, abort),
        settings,
        given,
        change: scoreChanger(
          settings,
          prompts.map(({ options }) => options),
        ),
        ending: endingOf(settings, call.tokenizer),
        abort,
        longest: call.longest,
      });
    cache?.set(rows.map((row) => columnsOf(row, batch, rows)));
    return rows;
  };
  try {
    const rows = cache ? await cache.use(native, each.length, "generate", run) : await run(undefined);
    return { ...rowOutput(rows, settings, given), ...((past ?? made) && { past_key_values: past ?? made }) };
  } finally {
    own?.dispose();
  }
}

/** Whether nothing looks at the scores or changes them but the native loop's own choice. */
function isPlain({ settings, prompts, batch, given }: Call): boolean {
  const { do_sample, stop_strings, stopping_criteria, logits_processor, prefix_allowed_tokens_fn, max_time } = settings;
  const users = stopping_criteria.length + logits_processor.length + stop_strings.length;
  // Its list of ids that may not come yet has room for so many.
  const banned = prompts.some(({ stopping }) => stopping.min_new_tokens > 0) && settings.eos_token_id.length > 64;
  if (do_sample || users > 0 || prefix_allowed_tokens_fn || Number.isFinite(max_time) || banned || batch.embeds)
    return false;
  const processors = logitsProcessors({ ...(prompts[0] as Prompt).options, min_new_tokens: 0 });
  return processors.length === 0 && (settings.use_cache || !given.past_key_values);
}

/** @throws RangeError where a cache holds all of a prompt, or something before its vectors. */
function checkHeld(rows: readonly Row[], { embeds }: Batch): void {
  for (const { cache, prompt } of rows) {
    if (cache && embeds && cache.length > 0)
      throw new RangeError(`Expected empty past_key_values with inputs_embeds but received ${cache.length} positions`);
    if (cache && cache.length >= prompt.ids.length)
      throw new RangeError(
        `Expected past_key_values of fewer positions than the prompt's ${prompt.ids.length} but received ${cache.length}`,
      );
  }
}

/** What stands in a row's columns of the cache: its prompt, its new tokens but the last, and padding where it has ended. */
function columnsOf(row: Row, batch: Batch, rows: readonly Row[]): boolean[] {
  const width = Math.max(...rows.map(({ tokens }) => tokens.length)) - 1;
  const tokens = Array.from({ length: width }, (_, i) => i < row.tokens.length - 1);
  return [...(batch.columns[row.prompt.index] as boolean[]), ...tokens];
}

/** Greedy generation of several rows by the native loop. */
async function greedyRows(rows: readonly Row[], { core, settings, given, longest }: Call, abort: AbortFlag) {
  const results = await core.native.generateGreedyBatch({
    texts: rows.map(({ prompt, cache }) => ({
      ids: prompt.ids,
      cache,
      max_new_tokens: prompt.stopping.max_new_tokens,
    })),
    // Of all prompts: they are as wide.
    min_new_tokens: (rows[0] as Row).prompt.stopping.min_new_tokens,
    eos_token_id: settings.eos_token_id,
    length: longest,
    abort,
  });
  if (abort.aborted || results.some(({ aborted }) => aborted)) throw abortError(given.signal ?? undefined);
  results.forEach(({ tokens, prompt_ms, token_ms }, r) => {
    const row = rows[r] as Row;
    row.tokens.push(...tokens);
    row.times.push(prompt_ms, ...token_ms);
  });
}

/** Greedy generation of one row by the native loop. */
async function greedyRow(row: Row, { core, settings, given, longest }: Call, abort: AbortFlag): Promise<void> {
  const { streamer } = given;
  const signal = given.signal ?? undefined;
  let failure: unknown;
  const result = await core.native.generateGreedy({
    ids: row.prompt.ids,
    cache: row.cache,
    ...row.prompt.stopping,
    use_cache: settings.use_cache,
    length: longest,
    abort,
    onToken: streamer
      ? (id) => {
          try {
            // Tokens that were made before the native loop saw the flag are not shown any more.
            if (!abort.aborted) streamer.put([id]);
          } catch (error) {
            failure = error;
            abort.abort();
          }
        }
      : undefined,
  });
  if (failure !== undefined) throw failure;
  if (result.aborted || abort.aborted) throw abortError(signal);
  row.tokens.push(...result.tokens);
  row.times.push(result.prompt_ms, ...result.token_ms);
}
