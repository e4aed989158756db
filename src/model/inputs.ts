/** Token ids and masks in every form that users have them, as one Int32Array a sequence. */
import { inspect } from "node:util";
import { Tensor } from "../tensor";

/** Token ids: of one sequence, (T), or of several as rows of one length, (rows, T). */
export type IdsInput = Tensor | number | bigint | ArrayLike<number | bigint> | readonly ArrayLike<number | bigint>[];

/** The sequences of a batch without their padding. */
export interface Batch {
  /** Real tokens of each row. */
  rows: Int32Array[];
  /** Where each row's real tokens begin in it. */
  starts: number[];
  /** Tokens a row, padding included. */
  width: number;
  /** The rows as given. */
  padded: Int32Array[];
}

/**
 * Ids outside the vocabulary and texts longer than the context are the native half's to refuse.
 *
 * @throws TypeError or RangeError, a sentence: no ids, a mask of another shape or with holes.
 */
export function readBatch(ids: IdsInput, mask: IdsInput | undefined): Batch {
  const padded = toRows(ids, "input_ids");
  const width = padded[0]?.length ?? 0;
  if (width === 0) throw new RangeError("Expected at least one token in input_ids but received none");
  for (const row of padded) {
    if (row.length !== width)
      throw new RangeError(
        `Expected rows of one length in input_ids but received ${width} and ${row.length}; pad them, with an attention_mask`,
      );
  }
  const masks = mask === undefined ? undefined : toRows(mask, "attention_mask");
  if (masks && (masks.length !== padded.length || masks.some((row) => row.length !== width)))
    throw new RangeError(
      `Expected an attention_mask of shape [${padded.length}, ${width}] but received [${masks.length}, ${masks[0]?.length}]`,
    );
  const starts: number[] = [];
  const rows = padded.map((row, r) => {
    const [start, end] = masks ? realRange(masks[r] as Int32Array) : [0, width];
    starts.push(start);
    return row.slice(start, end);
  });
  return { rows, starts, width, padded };
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
  if (typeof ids !== "object" || ids === null || typeof (ids as ArrayLike<unknown>).length !== "number")
    throw new TypeError(
      `Expected token ids for ${name} (a tensor, a number or an array) but received ${inspect(ids, { depth: 0 })}; a tokenizer makes them of text`,
    );
  const list = ids as ArrayLike<unknown>;
  if (list.length > 0 && typeof list[0] === "object" && list[0] !== null)
    return Array.from(list, (row) =>
      row instanceof Tensor ? toRows(row, name).flat() : [toInts(row as ArrayLike<number>, name)],
    ).flat();
  return [toInts(list as ArrayLike<number>, name)];
}

function toInts(list: ArrayLike<number | bigint>, name: string): Int32Array {
  return Int32Array.from(list as ArrayLike<number>, (id) => {
    const value = Number(id);
    if (!Number.isInteger(value) || Math.abs(value) > 0x7fffffff)
      throw new TypeError(`Expected whole numbers in ${name} but received ${inspect(id, { depth: 0 })}`);
    return value;
  });
}
