/** What calls of a model and of its stack take. */
import { inspect } from "node:util";
import type { Edit } from "../insight/edit_types";
import type { ModelConfig } from "../native";
import { checkOptions, type OptionNames } from "../options";
import { Tensor } from "../tensor";
import type { DynamicCache } from "./cache";
import type { EmbedsInput, IdsInput } from "./inputs";

/** What a call of the model's stack takes; names of transformers' `Phi3Model.forward`. */
export interface ForwardOptions {
  /** Token ids, (T) or (rows, T), where they are not the call's first argument. */
  input_ids?: IdsInput | null;
  /** Vectors (rows, T, hidden) in place of the ids and their embeddings. */
  inputs_embeds?: EmbedsInput | null;
  /**
   * 0 over padding, which may stand at the ends of a row: (rows, T), or with a cache (rows, positions of the cache + T), as in
   * transformers. Default: no padding.
   */
  attention_mask?: IdsInput | null;
  /**
   * (rows, T) or (1, T): the tokens' positions, from 0 on, each one above the last; others are an error. Default: they are
   * counted from 0, or on from the cache, over a row's real tokens.
   */
  position_ids?: IdsInput | null;
  /** The cache of an earlier call, or a new one: `input_ids` go behind what it holds, and it grows by them. */
  past_key_values?: DynamicCache | null;
  /** Gives keys and values as `past_key_values`, for a later call. Default: false. */
  use_cache?: boolean | null;
  /** Gives `hidden_states`, the vectors after every layer. Default: false. */
  output_hidden_states?: boolean | null;
  /** Gives `attentions`, the attention weights of every layer. Default: false. */
  output_attentions?: boolean | null;
  /** What is changed on the way: {@link steer}, {@link ablate}, {@link patch} and the others make it. Default: nothing. */
  edits?: readonly Edit[] | null;
  /** Stops the pass, as the notebook's interrupt does: the call rejects with an `AbortError`. */
  signal?: AbortSignal | null;
}

/** What a call of the model takes; names of transformers' `Phi3ForCausalLM.forward`. */
export interface CausalLMOptions extends ForwardOptions {
  /**
   * The positions that logits are computed of: so many of the last ones, or these indices, from 0. Default: 0, all. A
   * prompt of which only the next token is wanted takes 1.
   */
  logits_to_keep?: number | Tensor | readonly number[] | null;
}

/** Names of {@link ForwardOptions}. */
export const forwardOptions: OptionNames<ForwardOptions> = {
  input_ids: true,
  inputs_embeds: true,
  attention_mask: true,
  position_ids: true,
  past_key_values: true,
  use_cache: true,
  output_hidden_states: true,
  output_attentions: true,
  edits: true,
  signal: true,
};

/** Names of {@link CausalLMOptions}. */
export const causalLMOptions: OptionNames<CausalLMOptions> = { ...forwardOptions, logits_to_keep: true };

/**
 * Ids and options out of a call's arguments.
 *
 * @throws TypeError for an option that does not exist, and for none or both of ids and vectors.
 */
export function forwardArguments<T extends ForwardOptions>(where: string, args: unknown[], names: OptionNames<T>): T {
  const [first, second] = args as [unknown, T | undefined];
  const plain = typeof first === "object" && first !== null && ("input_ids" in first || "inputs_embeds" in first);
  const options = (plain ? { ...first, ...second } : { ...second, input_ids: first }) as T;
  checkOptions(options, names, where);
  if (options.inputs_embeds && options.input_ids !== undefined && options.input_ids !== null)
    throw new TypeError(`Expected input_ids or inputs_embeds for ${where} but received both`);
  return options;
}

/** Names of the intermediates that make `hidden_states` (all but the last) and `attentions`. */
export function tapNames(
  config: ModelConfig,
  options: Pick<ForwardOptions, "output_hidden_states" | "output_attentions">,
): string[] {
  const layers = Array.from({ length: config.num_hidden_layers }, (_, i) => `model.layers.${i}`);
  return [
    ...(options.output_hidden_states ? ["model.embed_tokens", ...layers.slice(0, -1)] : []),
    ...(options.output_attentions ? layers.map((layer) => `${layer}.self_attn.attn_weights`) : []),
  ];
}

/**
 * The part of (rows, T, hidden) that logits are wanted of.
 *
 * @throws RangeError or TypeError for what names no positions.
 */
export function keepPositions(hidden: Tensor, keep: CausalLMOptions["logits_to_keep"]): Tensor {
  if (keep === undefined || keep === null || keep === 0) return hidden;
  const width = hidden.dims[1] as number;
  if (typeof keep === "number") {
    if (!Number.isInteger(keep) || keep < 0)
      throw new RangeError(`Expected integer >= 0 or indices for logits_to_keep but received ${inspect(keep)}`);
    return keep >= width ? hidden : hidden.slice(null, [width - keep, width]);
  }
  const list: unknown = keep instanceof Tensor ? keep.tolist() : keep;
  if (!Array.isArray(list) || list.length === 0)
    throw new TypeError(
      `Expected integer >= 0 or indices for logits_to_keep but received ${inspect(keep, { depth: 0 })}`,
    );
  const indices = list.map((item) => {
    const index = Number(item);
    if (!Number.isInteger(index) || index < -width || index >= width)
      throw new RangeError(
        `Expected indices from ${-width} to ${width - 1} for logits_to_keep but received ${inspect(item)}`,
      );
    return index < 0 ? index + width : index;
  });
  const [rows, , size] = hidden.dims as [number, number, number];
  const data = new Float32Array(rows * indices.length * size);
  for (let r = 0; r < rows; r++)
    indices.forEach((index, i) => {
      data.set(hidden.slice(r, index).data as Float32Array, (r * indices.length + i) * size);
    });
  return new Tensor("float32", data, [rows, indices.length, size]);
}
