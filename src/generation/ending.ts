/** What ends the rows of a batch besides their lengths: time, strings, a user's criteria. */
import type { Tensor } from "../tensor";
import type { Settings } from "./settings";
import { criteriaEnd, ended, type Stopping, stopStrings } from "./stopping";
import type { StreamTokenizer } from "./streamer";

/** A text of which it is asked whether it ends. */
export interface Candidate {
  stopping: Stopping;
  /** The prompt's ids, where they are known, and the new tokens. */
  ids: readonly number[];
  tokens: readonly number[];
  /** The row with its padding. */
  text: () => number[];
}

/** Of each text whether it ends with its last token; `scores`: of the steps so far, where they are kept. */
export type Ending = (rows: readonly Candidate[], scores: () => Tensor[] | undefined) => boolean[];

/** The test that these settings ask for; time counts from now on. */
export function endingOf(settings: Settings, tokenizer: StreamTokenizer | undefined): Ending {
  const start = performance.now();
  const { stop_strings, stopping_criteria, max_time } = settings;
  const stops = tokenizer && stop_strings.length > 0 ? stopStrings(stop_strings, tokenizer) : () => false;
  return (rows, scores) => {
    const late = performance.now() - start > max_time * 1000;
    const own = rows.map(({ stopping, ids, tokens }) => late || ended(stopping, tokens) || stops(ids));
    if (stopping_criteria.length === 0) return own;
    const texts = rows.map(({ text }) => text());
    const users = criteriaEnd(stopping_criteria, texts, scores());
    return own.map((end, r) => end || (users[r] as boolean));
  };
}
