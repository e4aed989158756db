/** Tensors from nested arrays. */
import { inspect } from "node:util";
import { joined } from "./arithmetic";
import { sizeOf } from "./shape";
import { type DataType, makeArray } from "./storage";
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

/**
 * Joins tensors along a dimension that they have; the type is float64 or float32 where one of them is, else the first's.
 *
 * @throws RangeError for none, or shapes that differ elsewhere.
 * @example cat([tensor([[1, 2]]), tensor([[3, 4]])]); // => tensor([[1, 2], [3, 4]])
 */
export function cat(list: readonly Tensor[], dim = 0): Tensor {
  const { at, dims } = joined(list, dim);
  const types = list.map(({ dtype }) => dtype);
  const dtype = (["float64", "float32"] as const).find((one) => types.includes(one)) ?? (types[0] as DataType);
  const data = makeArray(dtype, sizeOf(dims));
  const outer = sizeOf(dims.slice(0, at));
  const row = sizeOf(dims.slice(at));
  let first = 0;
  for (const one of list) {
    const from = one.to(dtype).data;
    const own = from.length / outer;
    for (let o = 0; o < outer; o++) data.set(from.subarray(o * own, (o + 1) * own) as never, o * row + first);
    first += own;
  }
  return new Tensor(dtype, data, dims);
}

/**
 * Joins tensors of one shape along a new dimension.
 *
 * @throws RangeError for none, or shapes that differ.
 * @example stack([tensor([1, 2]), tensor([3, 4])], 1); // => tensor([[1, 3], [2, 4]])
 */
export function stack(list: readonly Tensor[], dim = 0): Tensor {
  return cat(
    list.map((one) => one.unsqueeze(dim)),
    dim,
  );
}

/**
 * A tensor full of one number, float32 unless `dtype` says otherwise.
 *
 * @throws RangeError for sizes that cannot be.
 * @example full([2, 2], 0.5); // => tensor([[0.5000, 0.5000], [0.5000, 0.5000]])
 */
export function full(dims: readonly number[], value: number, dtype: DataType = "float32"): Tensor {
  const data = makeArray(dtype, sizeOf(dims));
  data.fill((dtype === "int64" ? BigInt(value) : value) as never);
  return new Tensor(dtype, data, dims);
}
/**
 * A tensor of zeros.
 *
 * @throws As `full` does.
 * @example zeros([2]); // => tensor([0., 0.])
 */
export const zeros = (dims: readonly number[], dtype: DataType = "float32"): Tensor => full(dims, 0, dtype);
/**
 * A tensor of ones.
 *
 * @throws As `full` does.
 * @example ones([2]); // => tensor([1., 1.])
 */
export const ones = (dims: readonly number[], dtype: DataType = "float32"): Tensor => full(dims, 1, dtype);

/**
 * The cosine of the angle between vectors, along the last dimension, with PyTorch's broadcasting.
 *
 * @throws RangeError where the shapes do not fit.
 * @example cos_sim(tensor([1, 0]), tensor([1, 1])); // => tensor(0.7071)
 */
export function cos_sim(a: Tensor, b: Tensor): Tensor {
  return a
    .mul(b)
    .sum(-1)
    .div(a.norm(-1).mul(b.norm(-1)).clamp(1e-8));
}
