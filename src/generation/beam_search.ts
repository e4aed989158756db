/**
 * Beam search over one prompt, as transformers' `_beam_search` goes: the best continuations of all beams together, of
 * which those that end are kept aside and the others go on. Scores are sums of float32 logarithms, as there.
 */
import { drawSeveral } from "./choice";
import type { Settings } from "./settings";
import { logSoftmax, softmax } from "./warpers";

/** A continuation of the prompt. */
export interface Beam {
  tokens: readonly number[];
  /** The sum of the tokens' logarithms; of a finished one, divided by its length's power. */
  score: number;
  /** Which beam each token went on from. */
  from: readonly number[];
  finished: boolean;
}

/** What the search asks of the model and of the options. */
export interface BeamSteps {
  /** The logits behind each beam. */
  logits: (beams: readonly Beam[]) => Promise<Float32Array[]>;
  /** Changes logarithms of probabilities, one array a beam, as the options ask. */
  change: (beams: readonly Beam[], scores: Float32Array[]) => void;
  /** Of each continuation whether it ends. */
  ends: (beams: readonly Beam[]) => boolean[];
  /** New tokens at most. */
  most: number;
  random: () => number;
}

/** What counts as impossible, a number that sums stay finite with. */
const impossible = -1e9;
const sum = (a: number, b: number): number => Math.fround(a + b);

/** The best beams, num_beams of them, the best first; unfinished ones only where there are not so many. */
export async function beamSearch(
  settings: Pick<Settings, "num_beams" | "do_sample" | "early_stopping" | "length_penalty" | "eos_token_id">,
  steps: BeamSteps,
): Promise<Beam[]> {
  const { num_beams, early_stopping, length_penalty, eos_token_id } = settings;
  const wanted = Math.max(2, 1 + eos_token_id.length) * num_beams;
  const empty = (score: number): Beam => ({ tokens: [], from: [], score, finished: false });
  // All beams are the same at first: only one of them counts.
  let running = Array.from({ length: num_beams }, (_, b) => empty(b === 0 ? 0 : impossible));
  let done = running.map(() => empty(impossible));
  for (let better = true; ; ) {
    const scores = (await steps.logits(running)).map((logits) => new Float32Array(logSoftmax(logits)));
    steps.change(running, scores);
    const found = continuations(running, scores, wanted, settings.do_sample ? steps.random : undefined);
    const ends = steps.ends(found);
    const full = early_stopping === true && done.every(({ finished }) => finished);
    const ended = found.map((beam, rank): Beam => {
      const finished = ends[rank] === true && rank < num_beams;
      let score = Math.fround(beam.score / beam.tokens.length ** length_penalty);
      for (const not of [full, !better, !finished]) if (not) score = sum(score, impossible);
      return { ...beam, score, finished };
    });
    done = best([...done, ...ended], num_beams);
    running = best(
      found.map((beam, rank) => (ends[rank] ? { ...beam, score: sum(beam.score, impossible) } : beam)),
      num_beams,
    );
    const length = running[0]?.tokens.length ?? 0;
    const hoped = early_stopping === "never" && length_penalty > 0 ? steps.most : length;
    const reach = Math.fround((running[0] as Beam).score / hoped ** length_penalty);
    const worst = Math.min(...done.map(({ score }) => score));
    better &&= done.some(({ finished }) => reach > (finished ? worst : impossible));
    const closed = early_stopping === true && done.every(({ finished }) => finished);
    if (!better || closed || ends.every(Boolean)) return done;
  }
}

/** The best, or drawn, continuations by one token of all beams together. */
function continuations(
  beams: readonly Beam[],
  scores: readonly Float32Array[],
  count: number,
  random: (() => number) | undefined,
): Beam[] {
  const vocab = (scores[0] as Float32Array).length;
  const all = new Float32Array(beams.length * vocab);
  beams.forEach(({ score }, b) => {
    const own = scores[b] as Float32Array;
    for (let i = 0; i < vocab; i++) all[b * vocab + i] = (own[i] as number) + score;
  });
  const chosen = random ? drawSeveral(softmax(all), count, random) : greatest(all, count);
  return chosen.map((index) => {
    const b = Math.floor(index / vocab);
    const { tokens, from } = beams[b] as Beam;
    return { tokens: [...tokens, index % vocab], from: [...from, b], score: all[index] as number, finished: false };
  });
}

/** Indices of the greatest numbers, the greatest first, the first of equals first. */
function greatest(numbers: Float32Array, count: number): number[] {
  const kept: number[] = [];
  for (let i = 0; i < numbers.length; i++) {
    const value = numbers[i] as number;
    if (Number.isNaN(value)) throw new Error("The scores of the next token hold NaN: the weights are damaged");
    if (kept.length === count && !(value > (numbers[kept[count - 1] as number] as number))) continue;
    let at = kept.length;
    while (at > 0 && value > (numbers[kept[at - 1] as number] as number)) at--;
    kept.splice(at, 0, i);
    if (kept.length > count) kept.pop();
  }
  return kept;
}

/** The best beams, the best first, the first of equals first. */
function best(beams: readonly Beam[], count: number): Beam[] {
  return [...beams].sort((a, b) => b.score - a.score).slice(0, count);
}
