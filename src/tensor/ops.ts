/**
 * Operations along one dimension of a tensor. Each takes the elements row-major and gives plain arrays; the class makes
 * tensors of them. NaN is treated as PyTorch treats it: the greatest for argmax, topk and max, and it spreads.
 */
import { sizeOf } from "./shape";
import { type DataArray, type DataType, makeArray } from "./storage";

type Numbers = ArrayLike<number | bigint>;

/** The elements as lanes along `dim`: lane l has `length` elements, `step` apart, from `starts[l]` on. */
export interface Lanes {
  length: number;
  step: number;
  starts: number[];
}

/** `dim` undefined: one lane of all elements. */
export function lanes(dims: readonly number[], dim: number | undefined): Lanes {
  if (dim === undefined || dims.length === 0) return { length: sizeOf(dims), step: 1, starts: [0] };
  const step = sizeOf(dims.slice(dim + 1));
  const length = dims[dim] as number;
  const outer = sizeOf(dims.slice(0, dim));
  const starts = [];
  for (let o = 0; o < outer; o++) for (let i = 0; i < step; i++) starts.push(o * length * step + i);
  return { length, step, starts };
}

/** Index of the greatest (or least) element of each lane, the first of equals. */
export function argBest(data: Numbers, { length, step, starts }: Lanes, sign: 1 | -1): number[] {
  if (length === 0) throw new RangeError("Expected at least one element to choose from but received none");
  return starts.map((start) => {
    let best = 0;
    let most = data[start] as number | bigint;
    for (let i = 1; i < length && !isNaN_(most); i++) {
      const value = data[start + i * step] as number | bigint;
      if (isNaN_(value) || (sign > 0 ? value > most : value < most)) [best, most] = [i, value];
    }
    return best;
  });
}

/** Indices of the `k` greatest elements of each lane, in falling order; of equals the first. */
function topIndices(data: Numbers, { length, step, starts }: Lanes, k: number): number[][] {
  return starts.map((start) => {
    const order = Array.from({ length }, (_, i) => i);
    const at = (i: number): number | bigint => data[start + i * step] as number | bigint;
    order.sort((a, b) => {
      const [x, y] = [at(a), at(b)];
      if (isNaN_(x) || isNaN_(y)) return Number(isNaN_(y)) - Number(isNaN_(x)) || a - b;
      return x === y ? a - b : x > y ? -1 : 1;
    });
    return order.slice(0, k);
  });
}

/**
 * The `k` greatest elements of each lane and their indices, laid out as the tensor is, with `k` in the lanes'
 * dimension.
 */
export function topk(
  dtype: DataType,
  data: DataArray,
  lanes: Lanes,
  k: number,
): { values: DataArray; indices: BigInt64Array } {
  const { starts, step } = lanes;
  const values = makeArray(dtype, starts.length * k);
  const indices = new BigInt64Array(values.length);
  // Lanes are filled one by one, in the order of the other dimensions; `step` apart when theirs is not the last.
  topIndices(data, lanes, k).forEach((lane, l) => {
    lane.forEach((i, j) => {
      const at = Math.floor(l / step) * k * step + (l % step) + j * step;
      values[at] = data[(starts[l] as number) + i * step] as never;
      indices[at] = BigInt(i);
    });
  });
  return { values, indices };
}

/** softmax of each lane, or its logarithm; computed in float64. */
export function softmax(data: Numbers, { length, step, starts }: Lanes, log: boolean): Float32Array {
  const result = new Float32Array(data.length);
  for (const start of starts) {
    let most = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < length; i++) {
      const value = Number(data[start + i * step]);
      if (!(value <= most)) most = value;
    }
    let sum = 0;
    for (let i = 0; i < length; i++) sum += Math.exp(Number(data[start + i * step]) - most);
    for (let i = 0; i < length; i++) {
      const value = Number(data[start + i * step]) - most;
      result[start + i * step] = log ? value - Math.log(sum) : Math.exp(value) / sum;
    }
  }
  return result;
}

/** The sum of each lane: exact for bigints, in float64 for numbers. */
export function sum(data: Numbers, { length, step, starts }: Lanes): (number | bigint)[] {
  return starts.map((start) => {
    const whole = typeof data[start] === "bigint";
    let total: number | bigint = whole ? 0n : 0;
    for (let i = 0; i < length; i++) total = (total as number) + (data[start + i * step] as number);
    return total;
  });
}

function isNaN_(value: number | bigint): boolean {
  return typeof value === "number" && Number.isNaN(value);
}
