/** What a call's rows or beams become: the ids, and what of them was asked for. */
import { Tensor } from "../tensor";
import type { BeamResult } from "./beams";
import type { Step } from "./forward";
import type { GenerateArguments } from "./options";
import { type GenerateOutput, idsTensor, stacked } from "./outputs";
import type { Prompt, Row } from "./row";
import type { Settings } from "./settings";

/** The result of sequences that were continued one by one. */
export function rowOutput(rows: readonly Row[], { pad }: Settings, given: GenerateArguments): GenerateOutput {
  const output: GenerateOutput = {
    sequences: idsTensor(
      rows.map((row) => row.text),
      pad,
    ),
  };
  const { steps, times } = rows[0] as Row;
  if (given.return_timings) output.timings = { prompt_ms: times[0] ?? 0, token_ms: Float64Array.from(times.slice(1)) };
  const pick = (name: "scores" | "logits"): Tensor[] =>
    perStep(rows.map((row) => row.steps.map((step) => [step[name]])));
  if (given.output_scores) output.scores = pick("scores");
  if (given.output_logits) output.logits = pick("logits");
  if (typeof given.top_logprobs === "number") output.logprobs = rows.map(({ logprobs }) => logprobs);
  if (given.output_hidden_states) output.hidden_states = steps.map((step: Step) => step.hidden_states);
  if (given.output_attentions) output.attentions = steps.map((step: Step) => step.attentions);
  return output;
}

/** The result of beam search: of each prompt the best beams. */
export function beamOutput(
  prompts: readonly Prompt[],
  results: readonly BeamResult[],
  { pad, num_return_sequences }: Settings,
  given: GenerateArguments,
): GenerateOutput {
  const chosen = results.map(({ beams }) => beams.slice(0, num_return_sequences));
  const rows = chosen.flatMap((beams, p) => beams.map(({ tokens }) => [...(prompts[p] as Prompt).padded, ...tokens]));
  const output: GenerateOutput = { sequences: idsTensor(rows, pad) };
  if (given.output_logits) output.logits = perStep(results.map(({ steps }) => steps.map(({ logits }) => logits)));
  if (!given.output_scores) return output;
  output.scores = perStep(results.map(({ steps }) => steps.map(({ scores }) => scores)));
  output.sequences_scores = new Tensor(
    "float32",
    chosen.flat().map(({ score }) => score),
    [rows.length],
  );
  const indices = chosen.flatMap((beams, p) =>
    beams.map(({ from }) => from.map((beam) => beam + p * (results[p] as BeamResult).beams.length)),
  );
  output.beam_indices = idsTensor(indices, -1);
  return output;
}

/** (rows, vocab) of each step, of each prompt's rows one below the other; what ended early repeats its last. */
function perStep(parts: readonly (readonly (readonly Float32Array[])[])[]): Tensor[] {
  const steps = Math.max(...parts.map((part) => part.length));
  return Array.from({ length: steps }, (_, s) =>
    stacked(parts.flatMap((part) => part[Math.min(s, part.length - 1)] as Float32Array[])),
  );
}
