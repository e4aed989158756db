/** Tensors as the scripts of test/golden write them down, and how near ours must come to them. */
import assert from "node:assert/strict";
import { type DataType, Tensor } from "../../src/tensor";

export interface Described {
  dtype: DataType;
  dims: number[];
  data: (number | boolean | string)[];
}
const special: Record<string, number> = {
  nan: Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  "-inf": Number.NEGATIVE_INFINITY,
};
type Value = Described["data"][number];
const number = (value: Value): number =>
  typeof value === "string" ? (special[value] ?? Number(value)) : Number(value);

export const make = ({ dtype, dims, data }: Described): Tensor =>
  new Tensor(dtype, dtype === "int64" ? data.map((value) => BigInt(value)) : data.map(number), dims);

/** The same type and shape; whole numbers equal, others to 2e-6. */
export function same(mine: Tensor, theirs: Described, name: string): void {
  assert.deepEqual([mine.dtype, mine.dims], [theirs.dtype, theirs.dims], name);
  if (mine.dtype === "int64") {
    const whole = theirs.data.map((value) => BigInt(value));
    assert.deepEqual(Array.from(mine.data as BigInt64Array), whole, name);
    return;
  }
  Array.from(mine.data as ArrayLike<number>).forEach((value, i) => {
    const other = number(theirs.data[i] as Value);
    const close =
      Object.is(value, other) || value === other || Math.abs(value - other) <= 2e-6 * Math.max(1, Math.abs(other));
    assert.ok(close, `${name}[${i}]: ${value} is not ${other}`);
  });
}
