/** Token ids in every form that users have them: a number, a bigint, arrays of them, typed arrays, tensors. */
import { inspect } from "node:util";
import { Tensor } from "../tensor";
import { sizeOf } from "../tensor/shape";

/** One sequence of token ids, in any form: one id, an array of them, or a tensor of one row. */
export type Ids = number | bigint | readonly (number | bigint)[] | Int32Array | BigInt64Array | Tensor;

/** Whether something holds several sequences: an array of arrays or tensors, or a tensor of two dimensions. */
export function isBatch(ids: unknown): boolean {
  if (ids instanceof Tensor) return ids.dims.length === 2;
  return Array.isArray(ids) && ids.every((row) => typeof row === "object" && row !== null);
}

/**
 * One sequence as plain numbers. A tensor may have leading dimensions of 1.
 *
 * @throws TypeError when it is no sequence of whole numbers from 0 on, or several sequences.
 */
export function toIds(ids: Ids): number[] {
  if (ids instanceof Tensor) {
    const [length = 1] = ids.dims.slice(-1);
    if (sizeOf(ids.dims.slice(0, -1)) !== 1)
      throw new TypeError(
        `Expected one sequence of ids but received a tensor [${ids.dims.join(", ")}]; batch_decode takes several.`,
      );
    const numbers = Array.from(ids.data as ArrayLike<number | bigint>, toId);
    return numbers.slice(0, length);
  }
  if (typeof ids === "number" || typeof ids === "bigint") return [toId(ids)];
  if (Array.isArray(ids) || ArrayBuffer.isView(ids)) {
    const list = ids as ArrayLike<unknown>;
    // An array that holds the one sequence, as `input_ids.tolist()` gives for one prompt.
    if (list.length === 1 && Array.isArray(list[0])) return toIds(list[0] as Ids);
    return Array.from(list, toId);
  }
  throw new TypeError(
    `Expected token ids (a number, an array or a tensor) but received ${inspect(ids, { depth: 0 })}.`,
  );
}

function toId(id: unknown): number {
  const number = typeof id === "bigint" ? Number(id) : id;
  if (typeof number !== "number" || !Number.isSafeInteger(number) || number < 0) {
    const several = Array.isArray(id) ? "; batch_decode takes several sequences" : "";
    throw new TypeError(
      `Expected a token id (a whole number from 0 on) but received ${inspect(id, { depth: 0 })}${several}.`,
    );
  }
  return number;
}
