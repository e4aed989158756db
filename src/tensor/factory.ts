/** Tensors from nested arrays. */
import { inspect } from "node:util";
import { randomNumbers } from "../generation/random";
import { checkOptions } from "../options";
import { dimension, sizeOf } from "./shape";
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
 * Numbers from `start` on, `step` apart, as long as they are below `end` (above, for a negative step): int64 of whole
 * numbers, else float32. With one argument, from 0 to it.
 *
 * @throws RangeError for steps that never come there.
 * @example arange(4); // => tensor([0, 1, 2, 3])
 * @example arange(1, 2, 0.5); // => tensor([1.0000, 1.5000])
 */
export function arange(start: number, end?: number, step = 1): Tensor {
  const [from, to] = end === undefined ? [0, start] : [start, end];
  const count = Math.ceil((to - from) / step);
  if (!Number.isFinite(count) || count < 0)
    throw new RangeError(`Expected steps from ${from} towards ${to} for arange but received ${inspect(step)}`);
  const whole = [from, to, step].every(Number.isInteger);
  const values = Array.from({ length: count }, (_, i) => from + i * step);
  return new Tensor(whole ? "int64" : "float32", values, [count]);
}

/**
 * The matrix of `rows` rows and columns (or `columns` of these) with 1 on its diagonal.
 *
 * @throws As `full` does.
 * @example eye(2); // => tensor([[1., 0.], [0., 1.]])
 */
export function eye(rows: number, columns: number = rows, dtype: DataType = "float32"): Tensor {
  return ones([rows, columns], dtype).tril().triu();
}

/** Of {@link randn}. */
export interface RandomOptions {
  /** The same seed gives the same numbers. Default: another one at each call. */
  seed?: number;
}

/**
 * A tensor of random numbers, normally distributed about 0 with variance 1: not PyTorch's of the same seed.
 *
 * @throws RangeError for sizes that cannot be, and a seed that is no integer from 0 to 2³² − 1.
 * @example randn([2, 3], { seed: 1 }).shape; // => [2, 3]
 */
export function randn(dims: readonly number[], options: RandomOptions = {}): Tensor {
  checkOptions(options, { seed: true }, "randn");
  const { seed = Math.floor(Math.random() * 2 ** 32) } = options;
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32)
    throw new RangeError(
      `Expected an integer from 0 to ${2 ** 32 - 1} for seed of randn but received ${inspect(seed)}`,
    );
  const random = randomNumbers(seed);
  // Box and Muller's; 1 - x is never 0.
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return new Tensor("float32", Float32Array.from({ length: sizeOf(dims) }, normal), dims);
}

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

/** The one dimension along which tensors are joined, and how far it reaches. */
function joined(list: readonly Tensor[], dim: number): { at: number; dims: number[] } {
  const [first] = list;
  if (first === undefined) throw new RangeError("Expected at least one tensor for cat but received none");
  const at = dimension(dim, first.ndim);
  for (const one of list)
    if (one.ndim !== first.ndim || one.dims.some((size, d) => d !== at && size !== first.dims[d]))
      throw new RangeError(
        `Expected shapes equal but for dimension ${at} for cat but received [${first.dims.join(", ")}] and [${one.dims.join(", ")}]`,
      );
  const total = list.reduce((sum, one) => sum + (one.dims[at] as number), 0);
  return { at, dims: first.dims.map((size, d) => (d === at ? total : size)) };
}
