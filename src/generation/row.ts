/** One sequence of a batch on its way: its prompt, its new tokens, and where it ends. */
import { type Batch, uploadEmbeds } from "../model/inputs";
import type { NativeCache, NativeModel, NativeTensor } from "../native";
import type { Passes, Step } from "./forward";
import type { ChosenLogProb } from "./logprobs";
import type { ProcessorOptions } from "./processors";
import type { Settings } from "./settings";
import type { Stopping } from "./stopping";

/** A prompt of a batch, as the rows that continue it need it. */
export interface Prompt {
  /** Its number in the batch. */
  index: number;
  /** The row as given, padding included; empty where only vectors are known. */
  padded: number[];
  /** The real tokens; as many as the vectors, of which none is known. */
  ids: Int32Array;
  /** Whether vectors stand in for the ids' embeddings. */
  embedded: boolean;
  stopping: Stopping;
  /** What processors are told of it. */
  options: ProcessorOptions;
}

/** The prompts of a batch. */
export function readPrompts(batch: Batch, known: Batch | undefined, settings: Settings): Prompt[] {
  return batch.rows.map((real, index) => {
    const ids = known?.rows[index] ?? real;
    const max_new_tokens = settings.most(batch.width, real.length);
    const min_new_tokens = Math.max(settings.min_new_tokens, settings.min_length - batch.width);
    const prompt = known ? Array.from(ids) : [];
    return {
      index,
      padded: known ? Array.from(known.padded[index] as Int32Array) : [],
      ids,
      embedded: batch.embeds !== undefined,
      stopping: { eos_token_id: settings.eos_token_id, max_new_tokens, min_new_tokens },
      options: { ...settings, min_new_tokens, max_new_tokens, prompt, prompt_length: prompt.length },
    };
  });
}

/** A sequence that grows. */
export class Row {
  /** The prompt's ids, where they are known, and the new tokens. */
  readonly ids: number[];
  readonly tokens: number[] = [];
  readonly steps: (Step & { scores: Float32Array })[] = [];
  readonly logprobs: ChosenLogProb[] = [];
  readonly times: number[] = [];
  ended = false;
  /** Of the last pass. */
  logits: Float32Array | undefined;

  constructor(
    readonly prompt: Prompt,
    readonly cache: NativeCache | undefined,
  ) {
    this.ids = [...(prompt.options.prompt ?? [])];
  }

  /** The logits of the next token: a pass over what the cache does not hold. */
  async next(passes: Passes, length: number, embeds: NativeTensor | undefined): Promise<Step> {
    const { ids: prompt } = this.prompt;
    const held = this.cache?.length ?? 0;
    const common = { cache: this.cache, length, prompt: prompt.length };
    if (embeds && held < prompt.length) return passes.run({ ids: prompt, embeds, ...common });
    const behind = held - prompt.length;
    const todo = behind >= 0 ? this.tokens.slice(behind) : [...prompt.subarray(held), ...this.tokens];
    return passes.run({ ids: Int32Array.from(todo), ...common });
  }

  /** The row as it is given back: the prompt with its padding, and the new tokens. */
  get text(): number[] {
    return [...this.prompt.padded, ...this.tokens];
  }
}

/** The vectors of a prompt's real tokens on the device, while `work` needs them. */
export async function withEmbeds<T>(
  native: NativeModel,
  batch: Batch,
  index: number,
  work: (embeds: NativeTensor | undefined) => Promise<T>,
): Promise<T> {
  const embeds = uploadEmbeds(native, batch, index);
  try {
    return await work(embeds);
  } finally {
    embeds?.dispose();
  }
}
