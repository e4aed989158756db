/** The scores of a batch's next tokens: the options' steps row by row, a user's on all rows at once, as in transformers. */
import { inspect } from "node:util";
import { Tensor } from "../tensor";
import { stacked } from "./outputs";
import { changes, lastly, type LogitsProcessor, type ProcessorOptions, type RowProcessor } from "./processors";
import type { Settings } from "./settings";
import { warpers } from "./warpers";

/** A row whose next token is to be chosen. */
export interface ScoredRow {
  /** The number of its prompt. */
  index: number;
  /** The text so far, without padding, and with it. */
  ids: readonly number[];
  text: () => number[];
  scores: Float32Array;
}

/** Changes the rows' scores in place. */
export type ScoreChanger = (rows: readonly ScoredRow[]) => void;

/** What these settings ask for; `prompts`: by number, what processors are told of each. */
export function scoreChanger(settings: Settings, prompts: readonly ProcessorOptions[]): ScoreChanger {
  const { logits_processor, prefix_allowed_tokens_fn } = settings;
  const steps = prompts.map((options) => ({
    before: changes(options),
    after: [...warpers(options), ...lastly(options)],
  }));
  const run = (list: readonly RowProcessor[], { scores, ids }: ScoredRow): void => {
    for (const process of list) process(scores, ids);
  };
  return (rows) => {
    for (const row of rows) {
      run(steps[row.index]?.before ?? [], row);
      if (prefix_allowed_tokens_fn) allowOnly(row, prefix_allowed_tokens_fn(row.index, row.text()));
    }
    for (const process of logits_processor) byUser(process, rows);
    for (const row of rows) run(steps[row.index]?.after ?? [], row);
  };
}

/** Only these ids may come; where none of them can, each has a score of 0. */
function allowOnly({ scores, index }: ScoredRow, ids: readonly number[]): void {
  if (!Array.isArray(ids) || ids.length === 0)
    throw new TypeError(
      `Expected at least one token id of prefix_allowed_tokens_fn for prompt ${index} but received ${inspect(ids, { depth: 0 })}`,
    );
  const outside = ids.find((id) => scores[id] === undefined);
  if (outside !== undefined)
    throw new RangeError(
      `Expected token ids from 0 to ${scores.length - 1} of prefix_allowed_tokens_fn for prompt ${index} but received ${inspect(outside, { depth: 0 })}`,
    );
  const kept = ids.map((id) => scores[id] as number);
  const none = kept.every((score) => score === Number.NEGATIVE_INFINITY);
  scores.fill(Number.NEGATIVE_INFINITY);
  ids.forEach((id, i) => {
    scores[id] = none ? 0 : (kept[i] as number);
  });
}

function byUser(process: LogitsProcessor, rows: readonly ScoredRow[]): void {
  const scores = stacked(rows.map((row) => row.scores));
  const texts = rows.map(({ text }) => text());
  const given: unknown = process(texts, scores);
  const changed = given ?? scores;
  if (!(changed instanceof Tensor) || changed.size !== scores.size || changed.dtype !== "float32")
    throw new TypeError(
      `Expected a float32 tensor of shape [${scores.dims.join(", ")}], or nothing, of a logits processor but received ${inspect(given, { depth: 0 })}`,
    );
  const data = changed.data as Float32Array;
  const vocab = scores.dims[1] as number;
  rows.forEach((row, r) => {
    row.scores.set(data.subarray(r * vocab, (r + 1) * vocab));
  });
}
