/** Beam search with the model: each beam's keys and values in a cache of its own, and what the options change and end. */
import { abortError } from "../model/abort";
import type { AbortFlag, NativeCache, NativeModel, NativeTensor } from "../native";
import { type Beam, beamSearch } from "./beam_search";
import type { Ending } from "./ending";
import type { Passes, Step } from "./forward";
import type { Prompt } from "./row";
import type { ScoreChanger } from "./scores";
import type { Settings } from "./settings";

/** What a prompt's search runs by. */
export interface BeamRun {
  native: NativeModel;
  passes: Passes;
  settings: Settings;
  change: ScoreChanger;
  ending: Ending;
  abort: AbortFlag;
  signal: AbortSignal | undefined;
  /** Positions of the longest prompt, which decide the angles of LongRoPE. */
  longest: number;
  random: () => number;
}

/** What of a prompt's beams is given back. */
export interface BeamResult {
  beams: Beam[];
  /** Of each step, of each beam: the head's scores, and what the beams went on by. */
  steps: { logits: Float32Array[]; scores: Float32Array[] }[];
}

/** Searches the best continuations of a prompt. */
export async function searchPrompt(
  prompt: Prompt,
  embeds: NativeTensor | undefined,
  run: BeamRun,
): Promise<BeamResult> {
  const { settings, native } = run;
  const caches = new BeamCaches(native, prompt, embeds, run, settings.use_cache ? settings.num_beams : 0);
  const steps: BeamResult["steps"] = [];
  const known = prompt.options.prompt ?? [];
  const text =
    ({ tokens }: Beam) =>
    (): number[] => [...prompt.padded, ...tokens];
  try {
    const beams = await beamSearch(settings, {
      most: prompt.stopping.max_new_tokens,
      random: run.random,
      logits: async (running) => {
        if (run.abort.aborted) throw abortError(run.signal);
        const logits = await caches.logits(running);
        steps.push({ logits, scores: [] });
        return logits;
      },
      change: (running, scores) => {
        run.change(
          running.map((beam, b) => ({
            index: prompt.index,
            ids: [...known, ...beam.tokens],
            text: text(beam),
            scores: scores[b] as Float32Array,
          })),
        );
        (steps.at(-1) as BeamResult["steps"][number]).scores = scores;
      },
      ends: (found) =>
        run.ending(
          found.map((beam) => ({
            stopping: prompt.stopping,
            ids: [...known, ...beam.tokens],
            tokens: beam.tokens,
            text: text(beam),
          })),
          () => undefined,
        ),
    });
    return { beams, steps };
  } finally {
    caches.dispose();
  }
}

/** A cache, and the new tokens that it holds behind the prompt. */
interface BeamCache {
  native: NativeCache;
  tokens: readonly number[];
}

/**
 * The caches of a prompt's beams. A beam takes over the one that holds most of its text: its parent's, or where another
 * beam has that, one of which the part that is different is computed anew.
 */
class BeamCaches {
  readonly #prompt: Prompt;
  readonly #embeds: NativeTensor | undefined;
  readonly #run: BeamRun;
  readonly #caches: BeamCache[];

  constructor(native: NativeModel, prompt: Prompt, embeds: NativeTensor | undefined, run: BeamRun, count: number) {
    this.#prompt = prompt;
    this.#embeds = embeds;
    this.#run = run;
    this.#caches = Array.from({ length: count }, () => ({ native: native.createCache(), tokens: [] }));
  }

  /** The logits behind each beam; those of the prompt are computed once. */
  async logits(beams: readonly Beam[]): Promise<Float32Array[]> {
    const [first] = beams as [Beam];
    if (first.tokens.length === 0) {
      const { logits } = await this.#pass(first.tokens, this.#caches[0]);
      return beams.map(() => logits);
    }
    const free = new Set(this.#caches);
    const taken = new Map<Beam, BeamCache>();
    const take = (beam: Beam, least: number): void => {
      const common = [...free].map((cache) => ({ cache, length: this.#common(cache, beam.tokens) }));
      common.sort((a, b) => b.length - a.length);
      const [found] = common;
      if (!found || found.length < least) return;
      taken.set(beam, found.cache);
      free.delete(found.cache);
    };
    for (const beam of beams) take(beam, beam.tokens.length - 1);
    for (const beam of beams) if (!taken.has(beam)) take(beam, -1);
    const logits: Float32Array[] = [];
    for (const beam of beams) logits.push((await this.#pass(beam.tokens, taken.get(beam))).logits);
    return logits;
  }

  /** New tokens that a cache and a text have in common, of which the last is to be computed; -1: not even the prompt. */
  #common({ native, tokens }: BeamCache, text: readonly number[]): number {
    if (native.length === 0) return -1;
    let length = 0;
    while (length < tokens.length && length < text.length - 1 && tokens[length] === text[length]) length++;
    return length;
  }

  async #pass(text: readonly number[], cache: BeamCache | undefined): Promise<Step> {
    const { ids } = this.#prompt;
    const { passes, longest } = this.#run;
    const where = { length: longest + text.length, prompt: ids.length };
    if (!cache) return passes.run({ ids: Int32Array.from([...ids, ...text]), ...where });
    const common = this.#common(cache, text);
    const { native } = cache;
    if (common >= 0) native.truncate(ids.length + common);
    cache.tokens = text;
    const behind = Int32Array.from(text.slice(Math.max(0, common)));
    if (common >= 0) return passes.run({ ids: behind, cache: native, ...where });
    if (!this.#embeds) return passes.run({ ids: Int32Array.from([...ids, ...behind]), cache: native, ...where });
    const prompt = await passes.run({ ids, embeds: this.#embeds, cache: native, ...where });
    return behind.length === 0 ? prompt : passes.run({ ids: behind, cache: native, ...where });
  }

  dispose(): void {
    for (const { native } of this.#caches) native.dispose();
  }
}
