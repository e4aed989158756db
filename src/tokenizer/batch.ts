/** Rows of token ids made into one batch: padded, as int64 tensors or plain arrays. */
import type { OptionNames } from "../options";
import { Tensor } from "../tensor";

/** What a call of a tokenizer takes beside the text; the names are transformers'. */
export interface TokenizerOptions {
  /** "pt" (or another framework's name) and nothing: tensors; null: plain arrays. */
  return_tensors?: string | null;
  /** transformers.js' name for the same: false is plain arrays. Default: true. */
  return_tensor?: boolean;
  /** Makes all rows as long as the longest (true, "longest") or as `max_length`. Default: false. */
  padding?: boolean | "longest" | "max_length" | "do_not_pad";
  /** Where padding is put. Default: the tokenizer's `padding_side`. */
  padding_side?: "left" | "right";
  /** Cuts rows at `max_length`, or else at the model's own limit. Default: only where `max_length` is given alone. */
  truncation?: boolean;
  /** Tokens that a row has at most, > 0. Default: what the model takes. */
  max_length?: number;
  /** Puts BOS and the like around the text, where the model wants them. Default: true. */
  add_special_tokens?: boolean;
  /** Gives the `attention_mask`, too. Default: true. */
  return_attention_mask?: boolean;
}

/** Their names, for checking. */
export const tokenizerOptions: OptionNames<TokenizerOptions> = {
  return_tensors: true,
  return_tensor: true,
  padding: true,
  padding_side: true,
  truncation: true,
  max_length: true,
  add_special_tokens: true,
  return_attention_mask: true,
};

/**
 * What a tokenizer makes of texts: ids and mask as tensors, a row a text. `model.generate` and the model's call take it
 * whole. The name is transformers'.
 *
 * @example
 * const { input_ids, attention_mask } = tokenizer(["Hello", "The sky is blue"], { padding: true });
 * attention_mask; // => tensor([[0, 0, 0, 1], [1, 1, 1, 1]])
 */
export class BatchEncoding {
  /** The token ids, int64, (rows, T). */
  readonly input_ids: Tensor;
  /** 1 over tokens, 0 over padding, int64, (rows, T); not there with `return_attention_mask: false`. */
  declare readonly attention_mask: Tensor;

  /** @internal */
  constructor(input_ids: Tensor, attention_mask: Tensor | undefined) {
    this.input_ids = input_ids;
    // Absent only where the caller asked for it with `return_attention_mask: false`.
    if (attention_mask) this.attention_mask = attention_mask;
  }

  /**
   * Both tensors on another device or in another type, as {@link Tensor.to} gives them.
   *
   * @throws As `Tensor.to` does.
   * @example const inputs = tokenizer(prompt).to(model.device);
   */
  to(target: string): BatchEncoding {
    return new BatchEncoding(this.input_ids.to(target), this.attention_mask?.to(target));
  }
}

/**
 * What a tokenizer gives with `return_tensors: null`: plain arrays, flat for one text, as Python gives them by default.
 *
 * @example tokenizer("Hello there", { return_tensors: null }).input_ids; // => [19556, 665]
 */
export interface ListEncoding {
  /** The token ids: of one text an array, of several an array each. */
  input_ids: number[] | number[][];
  /** 1 over tokens, 0 over padding; not there with `return_attention_mask: false`. */
  attention_mask: number[] | number[][];
}

/** What a batch must know of its tokenizer. */
interface Padder {
  readonly pad_token_id: number | undefined;
  readonly padding_side: "left" | "right";
  readonly model_max_length: number;
}

/**
 * How many ids a row has at most.
 *
 * @throws RangeError where max_length is none.
 */
export function limitOf({ max_length, padding = false, truncation }: TokenizerOptions, padder: Padder): number {
  if (max_length !== undefined && (!Number.isInteger(max_length) || max_length < 1)) {
    throw new RangeError(`Expected integer > 0 for max_length but received ${String(max_length)}.`);
  }
  // As in transformers, max_length alone asks for truncation.
  const wanted = truncation ?? (max_length !== undefined && padding === false);
  return wanted ? (max_length ?? padder.model_max_length) : Infinity;
}

/**
 * Pads rows as the options say.
 *
 * @param several false when the caller gave one text: its plain arrays are then flat.
 * @throws Error when rows of unequal length shall become one tensor, or there is nothing to pad with.
 */
export function collate(
  rows: number[][],
  several: boolean,
  options: TokenizerOptions,
  padder: Padder,
): BatchEncoding | ListEncoding {
  if (rows.length === 0) throw new Error("Expected at least one text but received an empty array.");
  const { max_length, padding = false, return_attention_mask = true } = options;
  const longest = rows.reduce((most, row) => Math.max(most, row.length), 0);
  const toFixed = padding === "max_length" && (max_length ?? padder.model_max_length) !== Infinity;
  const length = toFixed ? Math.max(longest, max_length ?? padder.model_max_length) : longest;
  const pad = padding !== false && padding !== "do_not_pad" && rows.some((row) => row.length < length);
  if (pad && padder.pad_token_id === undefined) {
    throw new Error(
      "This tokenizer has no padding token; set one, for example tokenizer.pad_token = tokenizer.eos_token.",
    );
  }
  const left = (options.padding_side ?? padder.padding_side) === "left";
  const fill = (row: number[], value: number) => {
    const padding = new Array<number>(pad ? length - row.length : 0).fill(value);
    return left ? [...padding, ...row] : [...row, ...padding];
  };
  const input_ids = rows.map((row) => fill(row, padder.pad_token_id ?? 0));
  const masks = rows.map((row) => fill(new Array<number>(row.length).fill(1), 0));

  if (options.return_tensors === null || options.return_tensor === false) {
    const lists = { input_ids: several ? input_ids : input_ids[0], attention_mask: several ? masks : masks[0] };
    if (!return_attention_mask) delete lists.attention_mask;
    return lists as ListEncoding;
  }
  const lengths = new Set(input_ids.map((row) => row.length));
  if (lengths.size > 1) {
    const found = `The texts have ${[...lengths].join(", ")} tokens`;
    throw new Error(
      `${found}; a tensor needs rows of one length: give { padding: true } or, for plain arrays, { return_tensors: null }.`,
    );
  }
  return new BatchEncoding(int64(input_ids), return_attention_mask ? int64(masks) : undefined);
}

function int64(rows: number[][]): Tensor {
  const columns = rows[0]?.length ?? 0;
  const data = new BigInt64Array(rows.length * columns);
  for (const [r, row] of rows.entries()) for (const [c, id] of row.entries()) data[r * columns + c] = BigInt(id);
  return new Tensor("int64", data, [rows.length, columns]);
}
