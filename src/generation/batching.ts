/** Several texts that are continued by one call of `generate`, each as it is by itself. */
import type { GenerateArguments, GenerationOptions, TokenOptions } from "./options";

/** As much of a model as this asks for. */
interface Generator {
  readonly generation_config: GenerationOptions;
  readonly config: { rope_parameters: { rope_type: string } };
}

/** Texts that go through the model together at most: more wait, and take no memory for keys and values meanwhile. */
const most = 8;

/** An option of a call: the call's own, else its generation_config's, else the model's. */
export function optionOf<Name extends keyof GenerationOptions>(
  { generation_config }: Pick<Generator, "generation_config">,
  options: TokenOptions,
  name: Name,
): GenerationOptions[Name] {
  return options[name] !== undefined ? options[name] : (options.generation_config?.[name] ?? generation_config[name]);
}

/**
 * Texts of a list that one call continues: one where beside others a text would become another. Lengths count a row's
 * padding, LongRoPE's angles follow the longest row, a user's functions see all rows, and a seed's numbers are drawn by all.
 */
export function textsAtOnce(model: Generator, options: TokenOptions): number {
  const alone = ["streamer", "seed", "logits_processor", "stopping_criteria", "prefix_allowed_tokens_fn"] as const;
  const value = <Name extends keyof GenerationOptions>(name: Name) => optionOf(model, options, name);
  const byLength =
    (value("max_new_tokens") ?? value("max_length") ?? undefined) !== (value("max_new_tokens") ?? undefined);
  if (alone.some((name) => (options[name] ?? undefined) !== undefined) || byLength) return 1;
  return model.config.rope_parameters.rope_type === "longrope" || value("use_cache") === false ? 1 : most;
}

/** Prompts as rows of one width, padded before them. */
export function padded(
  prompts: readonly (readonly number[])[],
): Pick<GenerateArguments, "input_ids" | "attention_mask"> {
  const width = Math.max(...prompts.map(({ length }) => length));
  const rows = (fill: (prompt: readonly number[]) => readonly number[]): number[][] =>
    prompts.map((prompt) => [...new Array<number>(width - prompt.length).fill(0), ...fill(prompt)]);
  return { input_ids: rows((prompt) => prompt), attention_mask: rows((prompt) => prompt.map(() => 1)) };
}

/** What `generate` gave of a prompt's row, without the padding before and behind it. */
export function unpadded(model: Generator, options: TokenOptions, row: readonly number[], start: number): number[] {
  const eos = [optionOf(model, options, "eos_token_id") ?? []].flat() as number[];
  const pad = optionOf(model, options, "pad_token_id") ?? eos[0] ?? 0;
  return row.slice(start, 1 + row.findLastIndex((id) => id !== pad));
}
