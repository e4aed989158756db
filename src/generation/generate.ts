/**
 * `model.generate`: each prompt of a batch is continued by itself. Greedy generation runs in the native loop; what looks
 * at the scores or changes them runs in the loop below, one pass a token.
 */
import { abortable, abortError } from "../model/abort";
import { type IdsInput, readBatch } from "../model/inputs";
import { type Core, tapNames } from "../model/modules";
import { checkCache, type DynamicCache } from "../model/outputs";
import type { AbortFlag, ForwardResult, GreedyResult, NativeCache, NativeTensor } from "../native";
import { Tensor } from "../tensor";
import { type GenerateArguments, readSettings, type Settings } from "./options";
import { greedy, logitsProcessors, sample } from "./processors";
import { randomNumbers } from "./random";
import { ended } from "./stopping";

export type { GenerateArguments, GenerateOptions } from "./options";

/**
 * Times of one generation, measured where the work is done; {@link plotTimings} draws two of them beside each other.
 */
export interface GenerationTimings {
  /** From the start to the first token, in milliseconds. */
  prompt_ms: number;
  /** Of each later token, in milliseconds: one fewer than there are new tokens. */
  token_ms: Float64Array;
}

/**
 * What `generate` gives where more than ids is asked for. Lists have one entry a step, that is a new token; the names
 * are those of transformers' `GenerateDecoderOnlyOutput`.
 *
 * @example
 * const { sequences, timings } = await model.generate({ input_ids, max_new_tokens: 5, return_timings: true });
 * sequences.shape; // => [1, 10]
 * timings!.token_ms.length; // => 4
 */
export interface GenerateOutput {
  /** (rows, prompt + new), int64: each prompt and what follows it, filled up with `pad_token_id`. */
  sequences: Tensor;
  /** With `output_scores`: what each token was chosen by, (rows, vocab); -Infinity for tokens that could not be. */
  scores?: Tensor[];
  /** With `output_logits`: what the head gave at each step, (rows, vocab). */
  logits?: Tensor[];
  /**
   * With `output_hidden_states`: of each step the embeddings, each block's output, the last one after the final norm,
   * (1, T, hidden) each. T is the prompt's length at first, then 1, or all so far with `use_cache: false`.
   */
  hidden_states?: Tensor[][];
  /** With `output_attentions`: of each step each block's attention weights, (1, heads, T, positions). */
  attentions?: Tensor[][];
  /** With `return_timings`: the times of the first row. */
  timings?: GenerationTimings;
  /** The cache that was given, now with the new tokens, but the last, behind what it held. */
  past_key_values?: DynamicCache;
}

/** The options that make `generate` give a {@link GenerateOutput}: any one of these. */
export type MoreThanIds =
  | Record<"return_dict_in_generate", true>
  | Record<"return_timings", true>
  | Record<"output_scores", true>
  | Record<"output_logits", true>
  | Record<"output_hidden_states", true>
  | Record<"output_attentions", true>;

/** One row's way through the loop. */
interface Step {
  logits: Float32Array;
  scores: Float32Array;
  hidden_states: Tensor[];
  attentions: Tensor[];
}
interface Row {
  tokens: number[];
  timings: GenerationTimings;
  steps: Step[];
}

/** See `Phi3ForCausalLM.generate`. */
export async function generate(
  model: { readonly core: Core },
  first: GenerateArguments | IdsInput,
  second: GenerateArguments | undefined,
): Promise<Tensor | GenerateOutput> {
  const { core } = model;
  const { config } = core;
  const given = readArguments(first, second);
  const settings = readSettings(given, config);
  const ids = (given.input_ids ?? given.inputs) as IdsInput;
  const batch = readBatch(ids, given.attention_mask);
  checkCache(given.past_key_values);
  const several = batch.rows.length > 1;
  for (const name of ["streamer", "past_key_values", "output_hidden_states", "output_attentions"] as const)
    if (given[name] && several)
      throw new RangeError(`Expected one prompt with ${name} but received ${batch.rows.length}`);
  given.streamer?.put(Array.from(batch.rows[0] as Int32Array));
  const plain = !given.output_scores && !given.output_logits && !given.output_hidden_states && !given.output_attentions;
  const native = plain && !settings.do_sample && settings.repetition_penalty === 1 && !given.past_key_values;
  const rows = await abortable(given.signal, async (abort) => {
    const random = randomNumbers(settings.seed);
    const done: Row[] = [];
    // Which angles LongRoPE takes follows the longest row.
    const longest = Math.max(...batch.rows.map((row) => row.length));
    for (const prompt of batch.rows)
      done.push(
        native
          ? await greedyRow(core, prompt, longest, settings, given, abort)
          : await loopRow(core, prompt, longest, settings, given, abort, random),
      );
    return done;
  });
  given.streamer?.end();
  const sequences = pad(batch.padded, rows, settings.pad);
  if (!given.return_dict_in_generate && !given.return_timings && plain) return sequences;
  const output: GenerateOutput = { sequences };
  if (given.return_timings) output.timings = (rows[0] as Row).timings;
  if (given.output_scores) output.scores = perStep(rows, (step) => step.scores);
  if (given.output_logits) output.logits = perStep(rows, (step) => step.logits);
  if (given.output_hidden_states) output.hidden_states = (rows[0] as Row).steps.map((step) => step.hidden_states);
  if (given.output_attentions) output.attentions = (rows[0] as Row).steps.map((step) => step.attentions);
  if (given.past_key_values) output.past_key_values = given.past_key_values;
  return output;
}

function readArguments(first: GenerateArguments | IdsInput, second: GenerateArguments | undefined): GenerateArguments {
  const options =
    typeof first === "object" && first !== null && !(first instanceof Tensor) && !("length" in first)
      ? (first as GenerateArguments)
      : { ...second, input_ids: first as IdsInput };
  // What a tokenizer gives may be handed over whole: its fields are options of the same names.
  if (options.input_ids === undefined && options.inputs === undefined)
    throw new TypeError("Expected input_ids for generate, as a tokenizer makes them");
  return options;
}

async function greedyRow(
  core: Core,
  ids: Int32Array,
  longest: number,
  settings: Settings,
  given: GenerateArguments,
  abort: AbortFlag,
): Promise<Row> {
  const { streamer } = given;
  let failure: unknown;
  const result: GreedyResult = await core.native.generateGreedy({
    ids,
    ...settings.stopping(ids.length),
    use_cache: settings.use_cache,
    length: longest,
    abort,
    onToken:
      streamer &&
      ((id) => {
        try {
          // Tokens that were made before the native loop saw the flag are not shown any more.
          if (!abort.aborted) streamer.put([id]);
        } catch (error) {
          failure = error;
          abort.abort();
        }
      }),
  });
  if (failure !== undefined) throw failure;
  if (result.aborted || abort.aborted) throw abortError();
  return {
    tokens: Array.from(result.tokens),
    timings: { prompt_ms: result.prompt_ms, token_ms: result.token_ms },
    steps: [],
  };
}

async function loopRow(
  core: Core,
  prompt: Int32Array,
  longest: number,
  settings: Settings,
  given: GenerateArguments,
  abort: AbortFlag,
  random: () => number,
): Promise<Row> {
  const { native, config } = core;
  const ids = Array.from(prompt);
  const own = given.past_key_values === undefined && settings.use_cache;
  const cache: NativeCache | undefined = given.past_key_values?.caches[0] ?? (own ? native.createCache() : undefined);
  if (cache && cache.length >= ids.length)
    throw new RangeError(
      `Expected past_key_values of fewer positions than the prompt's ${ids.length} but received ${cache.length}`,
    );
  const stopping = settings.stopping(prompt.length);
  const processors = logitsProcessors({ ...settings, ...stopping, prompt_length: prompt.length });
  const taps = tapNames(config, given);
  const row: Row = { tokens: [], timings: { prompt_ms: 0, token_ms: new Float64Array(0) }, steps: [] };
  const times: number[] = [];
  try {
    do {
      const start = performance.now();
      const todo = Int32Array.from(cache ? ids.slice(cache.length) : ids);
      const result = await native.forward({ ids: todo, cache, taps, length: longest + row.tokens.length, abort });
      const logits = await lastLogits(core, result, todo.length);
      const scores = Float32Array.from(logits);
      for (const process of processors) process(scores, ids);
      const id = settings.do_sample ? sample(scores, random) : greedy(scores);
      times.push(performance.now() - start);
      if (given.output_scores || given.output_logits || taps.length > 0)
        row.steps.push(keep(core, result, taps, given, { logits, scores }));
      else result.last_hidden_state.dispose();
      row.tokens.push(id);
      ids.push(id);
      given.streamer?.put([id]);
      if (abort.aborted && !ended(stopping, row.tokens)) throw abortError();
    } while (!ended(stopping, row.tokens));
  } finally {
    if (own) cache?.dispose();
  }
  row.timings = { prompt_ms: times[0] ?? 0, token_ms: Float64Array.from(times.slice(1)) };
  return row;
}

async function lastLogits({ native, config }: Core, result: ForwardResult, tokens: number): Promise<Float32Array> {
  const logits = await native.lmHead(result.last_hidden_state, tokens - 1, 1);
  const data = logits.read(0, config.vocab_size);
  logits.dispose();
  return data;
}

function keep(
  { native }: Core,
  result: ForwardResult,
  taps: string[],
  given: GenerateArguments,
  both: Pick<Step, "logits" | "scores">,
): Step {
  const batched = (tensor: NativeTensor): Tensor => Tensor.fromNative(tensor, native.device, [1, ...tensor.dims]);
  const named = (attention: boolean): Tensor[] =>
    taps
      .filter((name) => name.endsWith("attn_weights") === attention)
      .map((name) => batched(result.taps[name] as NativeTensor));
  const hidden_states = given.output_hidden_states ? [...named(false), batched(result.last_hidden_state)] : [];
  if (!given.output_hidden_states) result.last_hidden_state.dispose();
  return { ...both, hidden_states, attentions: named(true) };
}

/** (rows, vocab) of each step; a row that ended early repeats its last. */
function perStep(rows: Row[], pick: (step: Step) => Float32Array): Tensor[] {
  const steps = Math.max(...rows.map((row) => row.steps.length));
  return Array.from({ length: steps }, (_, s) => {
    const parts = rows.map((row) => pick(row.steps[Math.min(s, row.steps.length - 1)] as Step));
    const vocab = (parts[0] as Float32Array).length;
    const data = new Float32Array(rows.length * vocab);
    for (const [r, part] of parts.entries()) data.set(part, r * vocab);
    return new Tensor("float32", data, [rows.length, vocab]);
  });
}

function pad(prompts: Int32Array[], rows: Row[], fill: number): Tensor {
  const width = (prompts[0] as Int32Array).length + Math.max(...rows.map((row) => row.tokens.length));
  const data = new BigInt64Array(rows.length * width).fill(BigInt(fill));
  rows.forEach((row, r) => {
    const ids = [...(prompts[r] as Int32Array), ...row.tokens];
    data.set(ids.map(BigInt), r * width);
  });
  return new Tensor("int64", data, [rows.length, width]);
}
