/** Beam search with the model: each beam's keys and values in a cache of its own, and what the options change and end. */
import { abortError } from "../model/abort";
import type { AbortFlag, NativeCache, NativeModel, NativeTensor } from "../native";
import { type Beam, beamSearch } from "./beam_search";
import type { Ending } from "./ending";
import type { Passes, Sequence } from "./forward";
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
  // Embeddings are read once only: what follows them needs a cache.
  const caches = new BeamCaches(native, prompt, embeds, run, settings.use_cache || embeds ? settings.num_beams : 0);
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
 * The caches of a prompt's beams. A beam takes over its parent's; where another beam has that, a free one, which gets what
 * it lacks from the parent's. Then all beams' last tokens go through one pass.
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
    const { passes, longest } = this.#run;
    const { ids } = this.#prompt;
    const [first] = beams as [Beam];
    const length = longest + first.tokens.length;
    if (first.tokens.length === 0) {
      const prompt = ids.length;
      const { logits } = await passes.run({
        ids,
        cache: this.#caches[0]?.native,
        embeds: this.#embeds,
        length,
        prompt,
      });
      return beams.map(() => logits);
    }
    if (this.#caches.length > 0) {
      const sequences = await this.#arrange(beams);
      return passes.step(sequences, length);
    }
    const logits: Float32Array[] = [];
    for (const { tokens } of beams)
      logits.push((await passes.run({ ids: Int32Array.from([...ids, ...tokens]), length, prompt: ids.length })).logits);
    return logits;
  }

  /** A cache for each beam, which holds all of its text but the last token. */
  async #arrange(beams: readonly Beam[]): Promise<Sequence[]> {
    const free = new Set(this.#caches);
    const parents = beams.map(({ tokens }) => this.#nearest(this.#caches, tokens));
    const caches = parents.map((parent) => (free.delete(parent) ? parent : undefined));
    for (const [b, { tokens }] of beams.entries()) {
      const parent = parents[b] as BeamCache;
      const cache = caches[b] ?? this.#nearest([...free], tokens);
      caches[b] = cache;
      this.#keep(cache, tokens);
      if (cache === parent) continue;
      free.delete(cache);
      await this.#run.passes.copy(cache.native, parent.native, this.#prompt.ids.length + tokens.length - 1);
    }
    return beams.map(({ tokens }, b) => {
      const cache = caches[b] as BeamCache;
      cache.tokens = tokens;
      return { cache: cache.native, id: tokens.at(-1) as number, prompt: this.#prompt.ids.length };
    });
  }

  /** The one of these that holds most of a text. */
  #nearest(caches: readonly BeamCache[], text: readonly number[]): BeamCache {
    const lengths = caches.map((cache) => this.#common(cache, text));
    return caches[lengths.indexOf(Math.max(...lengths))] as BeamCache;
  }

  /** New tokens that a cache and a text have in common, of which the last is to be computed; -1: not even the prompt. */
  #common({ native, tokens }: BeamCache, text: readonly number[]): number {
    if (native.length === 0) return -1;
    let length = 0;
    while (length < tokens.length && length < text.length - 1 && tokens[length] === text[length]) length++;
    return length;
  }

  /** Forgets what a cache does not have in common with a text. */
  #keep(cache: BeamCache, text: readonly number[]): void {
    const common = this.#common(cache, text);
    if (common >= 0) cache.native.truncate(this.#prompt.ids.length + common);
  }

  dispose(): void {
    for (const { native } of this.#caches) native.dispose();
  }
}
