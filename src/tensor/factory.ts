/** Tensors from nested arrays. */
import { inspect } from "node:util";
import type { DataType } from "./storage";
import { type NestedArray, Tensor } from "./tensor";

/**
 * Makes a tensor of nested arrays, typed as PyTorch types them unless `dtype` says otherwise: whole numbers and bigints
 * int64, other numbers float32, booleans bool.
 *
 * @throws RangeError when rows of one dimension differ in length.
 * @throws TypeError for anything but numbers in equally deep arrays.
 * @example tensor([[1, 2], [3, 4]]); // => tensor([[1, 2], [3, 4]])
 * @example tensor([1, 2], "float32").dtype; // => "float32"
 */
export function tensor(data: NestedArray, dtype?: DataType): Tensor {
  const dims: number[] = [];
  for (let level: NestedArray | undefined = data; Array.isArray(level); level = level[0]) dims.push(level.length);
  const flat: (number | bigint | boolean)[] = [];
  const visit = (part: NestedArray, depth: number): void => {
    if (Array.isArray(part)) {
      if (part.length !== dims[depth])
        throw new RangeError(
          `Expected ${dims[depth]} elements in each row of dimension ${depth} but received ${part.length}`,
        );
      for (const item of part) visit(item, depth + 1);
    } else if (depth !== dims.length || !["number", "bigint", "boolean"].includes(typeof part)) {
      throw new TypeError(`Expected numbers in equally deep arrays but received ${inspect(part)}`);
    } else flat.push(part);
  };
  visit(data, 0);
  const whole = (value: number | bigint | boolean): boolean => typeof value === "bigint" || Number.isInteger(value);
  const usual: DataType =
    flat.length === 0
      ? "float32"
      : flat.every((v) => typeof v === "boolean")
        ? "bool"
        : flat.every(whole)
          ? "int64"
          : "float32";
  return new Tensor(dtype ?? usual, flat, dims);
}
