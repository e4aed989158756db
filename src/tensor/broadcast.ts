/** PyTorch's broadcasting: shapes stretched to each other, and the types of results. */
import { inspect } from "node:util";
import { sizeOf, stridesOf } from "./shape";
import type { DataArray, DataType } from "./storage";
import type { Tensor } from "./tensor";

/** The other side of an operation: a tensor whose shape fits, or a number. */
export type Operand = Tensor | number;

/** The shape of both, in which each has sizes of 1 stretched. */
export function broadcast(name: string, a: readonly number[], b: readonly number[]): number[] {
  const count = Math.max(a.length, b.length);
  return Array.from({ length: count }, (_, i) => {
    const [x = 1, y = 1] = [a[i - count + a.length], b[i - count + b.length]];
    if (x !== y && x !== 1 && y !== 1)
      throw new RangeError(`Expected shapes that fit for ${name} but received [${a.join(", ")}] and [${b.join(", ")}]`);
    return x === 1 ? y : x;
  });
}

/** Where element i of the shape `dims` stands in a tensor of the shape `own` that was stretched to it. */
export function walker(own: readonly number[], dims: readonly number[]): (i: number) => number {
  if (sizeOf(own) === sizeOf(dims)) return (i) => i;
  if (sizeOf(own) === 1) return () => 0;
  const strides = stridesOf(own);
  const steps = dims.map((_, d) => {
    const at = d - dims.length + own.length;
    return at < 0 || own[at] === 1 ? 0 : (strides[at] as number);
  });
  return placer(dims, steps);
}

/** Where element i of a shape stands, by a step for each dimension. */
export function placer(dims: readonly number[], steps: readonly number[]): (i: number) => number {
  return (i) => {
    let [rest, at] = [i, 0];
    for (let d = dims.length - 1; d >= 0; d--) {
      const size = dims[d] as number;
      at += (rest % size) * (steps[d] as number);
      rest = Math.floor(rest / size);
    }
    return at;
  };
}

/** Types of numbers from the least to the greatest: two of them make the greater. */
const ladder: readonly DataType[] = ["bool", "int32", "int64", "float32", "float64"];

/** The type that holds both: numbers lift it to whole numbers, or to float32, only where it is less. */
export function promoted(a: Operand, b: Operand): DataType {
  const both = [a, b];
  const numbers = both.filter((one) => typeof one === "number");
  const most = both.reduce<DataType>(
    (most, one) => (typeof one !== "number" && ladder.indexOf(one.dtype) > ladder.indexOf(most) ? one.dtype : most),
    "bool",
  );
  if (numbers.some((one) => !Number.isInteger(one))) return most === "float64" ? most : "float32";
  return numbers.length > 0 && most === "bool" ? "int64" : most;
}

/** An operand as a function of a place in a result of the shape `dims`, as the array's own numbers. */
export function reader(operand: Operand, dims: readonly number[], name: string): (i: number) => number {
  if (typeof operand === "number") return () => operand;
  const data: DataArray = checkOperand(operand, name).data;
  const at = walker(operand.dims, dims);
  return (i) => Number(data[at(i)]);
}

/** @throws TypeError for what is neither a tensor nor a number. */
export function checkOperand<T extends Operand>(operand: T, name: string): T {
  const tensor = operand as unknown as { dims?: unknown } | null;
  if (typeof operand !== "number" && (typeof tensor !== "object" || tensor === null || !Array.isArray(tensor.dims)))
    throw new TypeError(`Expected a tensor or a number for ${name} but received ${inspect(operand, { depth: 0 })}`);
  return operand;
}
