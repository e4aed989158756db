/** A pass of which chosen intermediates are kept: what they take is known before it runs. */
import { freemem } from "node:os";
import { inspect } from "node:util";
import { abortable } from "../model/abort";
import { checkCache, type DynamicCache } from "../model/cache";
import type { Core } from "../model/core";
import type { ForwardResult, ModelConfig, NativeCache, TapRequest } from "../native";
import { checkOptions, type OptionNames } from "../options";
import { ActivationCache } from "./activation_cache";
import { chosenNames, isWeights, type NameChoice, type TapName, widthOf } from "./names";
import { behind } from "./past";
import { chosenNumbers, chosenPositions, type Positions } from "./positions";
import { editedCore } from "./edited_native";
import type { Edit } from "./edit_types";
import { type Prompt, promptIds } from "./prompt";

/** Which intermediates are kept. */
export interface CacheChoice {
  /**
   * Names, a pattern of them, or a question about each. Default: the embeddings, each block's output and what its attention
   * and its MLP add, which is what lens and sums of parts need.
   */
  names?: NameChoice | null;
  /** Of these blocks alone, by their numbers from 0. Default: all, and what is outside the blocks. */
  layers?: readonly number[] | null;
  /** Of attention weights, these heads alone. Default: all. */
  heads?: readonly number[] | null;
  /** At these positions of the prompt alone; of attention weights, what these look at. Default: "all". */
  positions?: Positions | null;
  /** The last block that is run: nothing behind it is computed, or can be kept. Default: all are run. */
  until?: number | null;
}

/** What {@link Phi3ForCausalLM.run_with_cache} takes. */
export interface RunWithCacheOptions extends CacheChoice {
  /** The cache of an earlier call: the prompt goes behind what it holds, and it grows by it. Not with `until`. */
  past_key_values?: DynamicCache | null;
  /** Bytes that may be kept. Default: 2 GiB, or half of the free memory where that is less. */
  max_bytes?: number | null;
  /** What is changed on the way: {@link steer}, {@link ablate}, {@link patch} and the others make it. Default: nothing. */
  edits?: readonly Edit[] | null;
  /** Stops the pass, as the notebook's interrupt does: the call rejects with an `AbortError`. */
  signal?: AbortSignal | null;
}

const choiceNames: OptionNames<CacheChoice> = { names: true, layers: true, heads: true, positions: true, until: true };
const optionNames: OptionNames<RunWithCacheOptions> = {
  ...choiceNames,
  past_key_values: true,
  max_bytes: true,
  edits: true,
  signal: true,
};

interface Chosen {
  names: TapName[];
  positions: number[];
  heads: number[];
  /** Whether all of them are wanted: then nothing is selected on the way. */
  every: { position: boolean; head: boolean };
}

function chosen(config: ModelConfig, tokens: number, given: CacheChoice): Chosen {
  const positions = chosenPositions(given.positions, tokens);
  const heads = chosenNumbers(
    given.heads ?? Array.from({ length: config.num_attention_heads }, (_, h) => h),
    config.num_attention_heads,
    "heads",
  );
  if (heads.length === 0) throw new RangeError("Expected at least one head but received none");
  const every = { position: positions.length === tokens, head: heads.length === config.num_attention_heads };
  return { names: chosenNames(config, given), positions, heads, every };
}

/** Bytes of each intermediate that a pass of `tokens` behind `past` keeps. */
function sizes(config: ModelConfig, { names, positions, heads }: Chosen, tokens: number, past: number): number[] {
  const rows = positions.length;
  return names.map((name) => 4 * rows * (isWeights(name) ? heads.length * (past + tokens) : widthOf(name, config)));
}

/** What `model.cache_bytes` gives. */
export function cacheBytes(config: ModelConfig, tokens: number, given: CacheChoice = {}): number {
  checkOptions(given, choiceNames, "cache_bytes");
  if (!Number.isInteger(tokens) || tokens < 1)
    throw new RangeError(`Expected tokens > 0 for cache_bytes but received ${inspect(tokens)}`);
  return sum(sizes(config, chosen(config, tokens, given), tokens, 0));
}

const sum = (list: readonly number[]): number => list.reduce((total, one) => total + one, 0);
const gib = (bytes: number): string => {
  const unit = bytes >= 2 ** 30 ? 2 ** 30 : 2 ** 20;
  return `${(bytes / unit).toFixed(1)} ${unit === 2 ** 30 ? "GiB" : "MiB"}`;
};

/** @throws RangeError, saying what takes the most, where the intermediates are more than `most` bytes. */
function checkSize(config: ModelConfig, what: Chosen, tokens: number, past: number, given: number | null | undefined) {
  const most = given ?? Math.min(2 ** 31, freemem() / 2);
  if (!(most >= 0)) throw new RangeError(`Expected max_bytes >= 0 but received ${inspect(given)}`);
  const bytes = sizes(config, what, tokens, past);
  const total = sum(bytes);
  if (total <= most) return;
  const weights = what.names.filter(isWeights).length;
  const largest = sum(bytes.filter((_, i) => isWeights(what.names[i] as string)));
  const who =
    largest * 2 > total
      ? `the attention weights of ${weights} layer${weights === 1 ? "" : "s"} at ${tokens.toLocaleString("en-US")} tokens take ${gib(largest)}`
      : `${what.names.length} intermediates at ${tokens.toLocaleString("en-US")} tokens take ${gib(total)}`;
  throw new RangeError(
    `Expected at most ${gib(most)} of intermediates but ${who}: name layers, heads or positions, or raise max_bytes`,
  );
}

/** What `model.run_with_cache` does. */
export async function runWithCache(
  core: Core,
  prompt: Prompt,
  options: RunWithCacheOptions = {},
): Promise<ActivationCache> {
  checkOptions(options, optionNames, "run_with_cache");
  const { past_key_values, until, signal, max_bytes, edits, ...choice } = options;
  core = editedCore(core, edits);
  const { native, config } = core;
  const ids = await promptIds(core, prompt, "run_with_cache");
  checkCache(past_key_values);
  const past = past_key_values ?? undefined;
  if (past && typeof until === "number")
    throw new RangeError("Expected no past_key_values with until: its layers would differ in length");
  const held = past?.get_seq_length() ?? 0;
  const what = chosen(config, ids.length, { ...choice, until });
  checkSize(config, what, ids.length, held, max_bytes);
  const rows = what.every.position ? undefined : Int32Array.from(what.positions);
  const heads = what.every.head ? undefined : Int32Array.from(what.heads);
  const taps = what.names.map((name): TapRequest => ({ name, rows, heads: isWeights(name) ? heads : undefined }));
  const pass = (cache?: NativeCache): Promise<Pick<ForwardResult, "taps">> =>
    abortable(signal ?? undefined, async (abort) => {
      if (typeof until === "number") return native.forward({ ids, taps, layers: until + 1, abort });
      const { last_hidden_state, ...rest } = await native.forward({ ids, cache, taps, abort });
      last_hidden_state.dispose();
      return rest;
    });
  const result = await behind(core, past, "run_with_cache", ids.length, pass);
  return new ActivationCache(core, { ...what, taps: result.taps, ids, past: held });
}
