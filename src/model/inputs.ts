/** Token ids, vectors, masks and positions in every form that users have them, as one Int32Array a sequence. */
import { inspect } from "node:util";
import type { NativeModel, NativeTensor } from "../native";
import { Tensor } from "../tensor";

/** Token ids: of one sequence, (T), or of several as rows of one length, (rows, T). */
export type IdsInput = Tensor | number | bigint | ArrayLike<number | bigint> | readonly ArrayLike<number | bigint>[];

/** Vectors in place of token ids: (T, hidden) of one sequence, or (rows, T, hidden). */
export type EmbedsInput = Tensor;

/** What a call is given of the texts that it reads. */
export interface TextInputs {
  input_ids?: IdsInput | null;
  inputs_embeds?: EmbedsInput | null;
  attention_mask?: IdsInput | null;
  position_ids?: IdsInput | null;
}

/** The sequences of a batch without their padding. */
export interface Batch {
  /** Real tokens of each row; of embeddings, as many of -1. */
  rows: Int32Array[];
  /** Where each row's real tokens begin in it. */
  starts: number[];
  /** Tokens a row, padding included. */
  width: number;
  /** The rows as given. */
  padded: Int32Array[];
  /** Of each row and column: whether a token stands there. */
  columns: boolean[][];
  /** Of each row the position of its first real token, where position_ids say it. */
  firsts: number[] | undefined;
  /** (rows, T, hidden), where the call is given vectors. */
  embeds: Tensor | undefined;
}

/**
 * Ids outside the vocabulary and texts longer than the context are the native half's to refuse.
 *
 * @param past Columns of the rows in the cache, which a mask may begin with.
 * @throws TypeError or RangeError, a sentence: no ids, a mask of another shape or with holes, positions with gaps.
 */
export function readBatch(given: TextInputs, hidden: number, past: readonly (readonly boolean[])[] = []): Batch {
  const { input_ids, attention_mask, position_ids } = given;
  const embeds = given.inputs_embeds ? readEmbeds(given.inputs_embeds, hidden) : undefined;
  const [count, length] = (embeds?.dims as [number, number] | undefined) ?? [];
  const padded = embeds
    ? Array.from({ length: count as number }, () => new Int32Array(length as number).fill(-1))
    : toRows(input_ids as IdsInput, "input_ids");
  const width = padded[0]?.length ?? 0;
  if (width === 0) throw new RangeError("Expected at least one token in input_ids but received none");
  for (const row of padded) {
    if (row.length !== width)
      throw new RangeError(
        `Expected rows of one length in input_ids but received ${width} and ${row.length}; pad them, with an attention_mask`,
      );
  }
  const masks = readMask(attention_mask, padded.length, width, past);
  const ranges = padded.map((_, r): [number, number] => (masks ? realRange(masks[r] as Int32Array) : [0, width]));
  return {
    rows: padded.map((row, r) => row.slice(...(ranges[r] as [number, number]))),
    starts: ranges.map(([start]) => start),
    width,
    padded,
    columns: ranges.map(([start, end]) => Array.from({ length: width }, (_, i) => i >= start && i < end)),
    firsts: readPositions(position_ids, ranges, width),
    embeds,
  };
}

function readEmbeds(embeds: unknown, hidden: number): Tensor {
  if (!(embeds instanceof Tensor))
    throw new TypeError(`Expected a tensor of vectors for inputs_embeds but received ${inspect(embeds, { depth: 0 })}`);
  const { dims } = embeds;
  if ((dims.length !== 2 && dims.length !== 3) || dims.at(-1) !== hidden || embeds.size === 0)
    throw new RangeError(`Expected inputs_embeds of shape [rows, T, ${hidden}] but received [${dims.join(", ")}]`);
  return dims.length === 2 ? embeds.unsqueeze(0) : embeds;
}

/** The mask of the new tokens; one over the cache too, as transformers has it, must say of that what its calls said. */
function readMask(
  mask: IdsInput | null | undefined,
  rows: number,
  width: number,
  past: readonly (readonly boolean[])[],
): Int32Array[] | undefined {
  if (mask === undefined || mask === null) return undefined;
  const masks = toRows(mask, "attention_mask");
  const held = past[0]?.length ?? 0;
  const given = masks[0]?.length;
  const fits = masks.length === rows && masks.every((row) => row.length === given);
  if (!fits || (given !== width && (held === 0 || given !== held + width))) {
    const whole = held > 0 ? `[${rows}, ${held + width}], over the cache and the new tokens,` : `[${rows}, ${width}]`;
    throw new RangeError(`Expected an attention_mask of shape ${whole} but received [${masks.length}, ${given}]`);
  }
  if (given === width) return masks;
  masks.forEach((row, r) => {
    const other = past[r]?.findIndex((token, i) => Number(token) !== row[i]) ?? -1;
    if (other >= 0)
      throw new RangeError(
        `Expected an attention_mask that says of the cache's positions what the calls that filled it said, but received ${row[other]} at position ${other} of row ${r}`,
      );
  });
  return masks.map((row) => row.slice(held));
}

/** Where each row's real tokens begin to be counted; each one is a position on from the last. */
function readPositions(
  positions: IdsInput | null | undefined,
  ranges: readonly [number, number][],
  width: number,
): number[] | undefined {
  if (positions === undefined || positions === null) return undefined;
  const rows = toRows(positions, "position_ids");
  if ((rows.length !== 1 && rows.length !== ranges.length) || rows.some((row) => row.length !== width))
    throw new RangeError(
      `Expected position_ids of shape [${ranges.length}, ${width}] but received [${rows.length}, ${rows[0]?.length}]`,
    );
  return ranges.map(([start, end], r) => {
    const row = (rows.length === 1 ? rows[0] : rows[r]) as Int32Array;
    const first = row[start] as number;
    for (let i = start; i < end; i++)
      if (row[i] !== first + i - start || first < 0)
        throw new RangeError(
          `Expected position_ids from 0 on, each one above the last (others are not computed), but received ${row.slice(start, end).join(", ").slice(0, 60)}`,
        );
    return first;
  });
}

function realRange(mask: Int32Array): [number, number] {
  if (mask.some((value) => value !== 0 && value !== 1)) throw new RangeError("Expected only 0 and 1 in attention_mask");
  const start = mask.indexOf(1);
  const end = mask.lastIndexOf(1) + 1;
  if (start < 0) throw new RangeError("Expected at least one 1 in each row of attention_mask");
  if (mask.slice(start, end).includes(0))
    throw new RangeError("Expected the 1s of a row of attention_mask side by side: padding stands at the ends only");
  return [start, end];
}

function toRows(ids: IdsInput, name: string): Int32Array[] {
  if (ids instanceof Tensor) {
    if (ids.ndim > 2)
      throw new RangeError(`Expected ${name} of shape [T] or [rows, T] but received [${ids.dims.join(", ")}]`);
    if (ids.dtype.startsWith("float") || ids.dtype === "bool")
      throw new TypeError(`Expected ${name} of whole numbers (int64) but received a ${ids.dtype} tensor`);
    const { data } = ids;
    const width = ids.dims.at(-1) ?? 1;
    const count = ids.ndim === 2 ? (ids.dims[0] as number) : 1;
    return Array.from({ length: count }, (_, r) => toInts(data.subarray(r * width, (r + 1) * width), name));
  }
  if (typeof ids === "number" || typeof ids === "bigint") return [toInts([ids], name)];
  if (!isList(ids))
    throw new TypeError(
      `Expected token ids for ${name} (a tensor, a number or an array) but received ${inspect(ids, { depth: 0 })}; a tokenizer makes them of text`,
    );
  const list: ArrayLike<unknown> = ids;
  if (list.length > 0 && typeof list[0] === "object" && list[0] !== null)
    return Array.from(list, (row) => {
      if (row instanceof Tensor) return toRows(row, name).flat();
      if (!isList(row)) throw new TypeError(`Expected rows of token ids in ${name} but received ${inspect(row)}`);
      return [toInts(row, name)];
    }).flat();
  return [toInts(list, name)];
}

function isList(value: unknown): value is ArrayLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as ArrayLike<unknown>).length === "number";
}

function toInts(list: ArrayLike<unknown>, name: string): Int32Array {
  return Int32Array.from(list as ArrayLike<number>, (id) => {
    const value = typeof id === "number" || typeof id === "bigint" ? Number(id) : Number.NaN;
    if (!Number.isInteger(value) || Math.abs(value) > 0x7fffffff)
      throw new TypeError(`Expected whole numbers in ${name} but received ${inspect(id, { depth: 0 })}`);
    return value;
  });
}

/** The vectors of a row's real tokens on the device; undefined where the call is given ids. */
export function uploadEmbeds(
  native: NativeModel,
  { embeds, rows, starts }: Batch,
  r: number,
): NativeTensor | undefined {
  if (!embeds) return undefined;
  const start = starts[r] as number;
  const count = (rows[r] as Int32Array).length;
  const vectors = embeds.slice(r, [start, start + count]).to("float32");
  return native.upload(vectors.data as Float32Array, [count, embeds.dims[2] as number]);
}
