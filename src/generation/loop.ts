/** Greedy choice and drawing, a pass a token: all rows go on together, so that a user's functions see the whole batch. */
import { abortError } from "../model/abort";
import type { Batch } from "../model/inputs";
import type { AbortFlag, NativeModel } from "../native";
import { greedy, sample } from "./choice";
import type { Ending } from "./ending";
import type { Passes, Step } from "./forward";
import { chosenLogProb } from "./logprobs";
import type { GenerateArguments } from "./options";
import { stacked } from "./outputs";
import { randomNumbers } from "./random";
import { type Row, withEmbeds } from "./row";
import type { ScoreChanger } from "./scores";
import type { Settings } from "./settings";

/** What the loop runs by. */
export interface Loop {
  native: NativeModel;
  batch: Batch;
  passes: Passes;
  settings: Settings;
  given: GenerateArguments;
  change: ScoreChanger;
  ending: Ending;
  abort: AbortFlag;
  /** Positions of the longest prompt, which decide the angles of LongRoPE. */
  longest: number;
}

/** Continues the rows until each has ended. */
export async function loopRows(rows: readonly Row[], loop: Loop): Promise<void> {
  const { settings, given, abort } = loop;
  const random = randomNumbers(settings.seed);
  const steps = given.output_scores || given.output_logits || given.output_hidden_states || given.output_attentions;
  // A user's functions see rows that have ended, too.
  const everyRow = settings.logits_processor.length > 0;
  for (let n = 0; rows.some(({ ended }) => !ended); n++) {
    if (n > 0 && abort.aborted) throw abortError(given.signal ?? undefined);
    const active = rows.filter(({ ended }) => !ended);
    const passes = new Map<Row, Step>();
    const spent: number[] = [];
    let start = performance.now();
    for (const [row, pass] of await nextOf(active, n, loop, spent)) {
      row.logits = pass.logits;
      passes.set(row, pass);
    }
    start = performance.now();
    const scores = new Map((everyRow ? rows : active).map((row) => [row, (row.logits as Float32Array).slice()]));
    const text = (row: Row) => (): number[] => paddedText(row, n, settings.pad);
    loop.change(
      Array.from(scores, ([row, own]) => ({ index: row.prompt.index, ids: row.ids, text: text(row), scores: own })),
    );
    for (const [row, pass] of passes) {
      const own = scores.get(row) as Float32Array;
      const id = settings.do_sample ? sample(own, random) : greedy(own);
      row.tokens.push(id);
      row.ids.push(id);
      const { top_logprobs: count, on_step } = given;
      const known = typeof count === "number" || on_step ? chosenLogProb(pass.logits, id, count ?? 0) : undefined;
      if (known && typeof count === "number") row.logprobs.push(known);
      if (steps) row.steps.push({ ...pass, scores: own });
      given.streamer?.put([id]);
      if (known) await on_step?.({ ...known, hidden_states: pass.hidden_states });
    }
    active.forEach((row, i) => {
      row.times.push((spent[i] as number) + (performance.now() - start) / active.length);
    });
    const ends = loop.ending(
      rows.map((row) => ({
        stopping: row.prompt.stopping,
        ids: row.ids,
        tokens: row.tokens,
        text: () => paddedText(row, n + 1, settings.pad),
      })),
      () => (given.output_scores ? scoresSoFar(rows) : undefined),
    );
    rows.forEach((row, r) => {
      if (ends[r]) row.ended = true;
    });
  }
}

/**
 * The rows' passes for new token `n`, and what each took: one for all where each has a cache; else one after the other,
 * of which a prompt's rows share that of the prompt.
 */
async function nextOf(rows: readonly Row[], n: number, loop: Loop, spent: number[]): Promise<Map<Row, Step>> {
  const { passes, longest } = loop;
  const start = performance.now();
  const found = new Map<Row, Step>();
  const sequences = rows.flatMap(({ cache, tokens, prompt }) =>
    cache ? [{ cache, id: tokens.at(-1) as number, prompt: prompt.ids.length }] : [],
  );
  if (n > 0 && rows.length > 1 && passes.together && sequences.length === rows.length) {
    const logits = await passes.step(sequences, longest + n);
    rows.forEach((row, r) => {
      found.set(row, { logits: logits[r] as Float32Array, hidden_states: [], attentions: [] });
      spent.push(performance.now() - start);
    });
    return found;
  }
  let last = start;
  for (const row of rows) {
    const other = n === 0 ? rows.find((one) => found.has(one) && one.prompt === row.prompt) : undefined;
    found.set(row, other ? await shared(row, other, found.get(other) as Step, passes) : await next(row, n, loop));
    spent.push(performance.now() - last);
    last = performance.now();
  }
  return found;
}

/** What a prompt's pass gave one row, for another, whose cache comes to hold the prompt too. */
async function shared(row: Row, other: Row, { logits }: Step, passes: Passes): Promise<Step> {
  if (row.cache && other.cache) await passes.copy(row.cache, other.cache, other.cache.length);
  return { logits: logits.slice(), hidden_states: [], attentions: [] };
}

/** A row's pass for new token `n`. */
function next(row: Row, n: number, { native, batch, passes, longest }: Loop): Promise<Step> {
  const { index, embedded } = row.prompt;
  if (n > 0 || !embedded) return row.next(passes, longest + n, undefined);
  return withEmbeds(native, batch, index, (embeds) => row.next(passes, longest, embeds));
}

/** A row with its padding, filled up behind where it has ended. */
function paddedText(row: Row, tokens: number, fill: number): number[] {
  return [...row.text, ...new Array<number>(tokens - row.tokens.length).fill(fill)];
}

function scoresSoFar(rows: readonly Row[]): ReturnType<typeof stacked>[] {
  const steps = Math.max(...rows.map((row) => row.steps.length));
  return Array.from({ length: steps }, (_, s) =>
    stacked(rows.map((row) => row.steps[Math.min(s, row.steps.length - 1)]?.scores as Float32Array)),
  );
}
