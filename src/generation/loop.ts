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
    for (const row of active) {
      const pass = await next(row, n, loop);
      row.logits = pass.logits;
      passes.set(row, pass);
      spent.push(performance.now() - start);
      start = performance.now();
    }
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
