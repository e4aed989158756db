/**
 * Operations along one dimension of a tensor. Each takes the elements row-major and gives plain arrays; the class makes
 * tensors of them. NaN is treated as PyTorch treats it: the greatest for argmax, topk and max, and it spreads.
 */
import { sizeOf } from "./shape";
import { type DataArray, type DataType, makeArray } from "./storage";

type Numbers = ArrayLike<number | bigint>;

/** The elements as `count` lanes along a dimension: each has `length` elements, `step` apart. */
export interface Lanes {
  count: number;
  length: number;
  step: number;
}

/** Where lane l begins. */
export const startOf = ({ length, step }: Lanes, l: number): number =>
  Math.floor(l / step) * length * step + (l % step);

/** `dim` undefined: one lane of all elements. */
export function lanes(dims: readonly number[], dim: number | undefined): Lanes {
  if (dim === undefined || dims.length === 0) return { count: 1, length: sizeOf(dims), step: 1 };
  const step = sizeOf(dims.slice(dim + 1));
  return { count: step * sizeOf(dims.slice(0, dim)), length: dims[dim] as number, step };
}

/** Index of the greatest (or least) element of each lane, the first of equals. */
export function argBest(data: Numbers, lanes: Lanes, sign: 1 | -1): number[] {
  const { count, length, step } = lanes;
  if (length === 0) throw new RangeError("Expected at least one element to choose from but received none");
  return Array.from({ length: count }, (_, l) => {
    const start = startOf(lanes, l);
    let best = 0;
    let most = data[start] as number | bigint;
    for (let i = 1; i < length && !isNaN_(most); i++) {
      const value = data[start + i * step] as number | bigint;
      if (isNaN_(value) || (sign > 0 ? value > most : value < most)) [best, most] = [i, value];
    }
    return best;
  });
}

/** The most that are selected one by one; for more, sorting all is faster. */
const selected = 64;

/** Indices of the `k` greatest elements of a lane, in falling order; of equals the first. */
function topIndices(data: Numbers, start: number, { length, step }: Lanes, k: number): number[] {
  if (k <= selected && typeof data[start] !== "bigint")
    return select(data as ArrayLike<number>, start, length, step, k);
  const order = Array.from({ length }, (_, i) => i);
  const at = (i: number): number | bigint => data[start + i * step] as number | bigint;
  order.sort((a, b) => {
    const [x, y] = [at(a), at(b)];
    if (isNaN_(x) || isNaN_(y)) return Number(isNaN_(y)) - Number(isNaN_(x)) || a - b;
    return x === y ? a - b : x > y ? -1 : 1;
  });
  return order.slice(0, k);
}

/** The same by going through the lane once: most numbers are below the least of those held. */
function select(data: ArrayLike<number>, start: number, length: number, step: number, k: number): number[] {
  const indices: number[] = [];
  const held: number[] = [];
  if (k === 0) return indices;
  const above = (x: number, y: number): boolean => x > y || (Number.isNaN(x) && !Number.isNaN(y));
  for (let i = 0; i < length; i++) {
    const x = data[start + i * step] as number;
    const full = held.length === k;
    const least = held[held.length - 1] as number;
    // What is not at most the least is above it, or one of them is no number.
    if (full && (x <= least || !above(x, least))) continue;
    let at = held.length;
    while (at > 0 && above(x, held[at - 1] as number)) at--;
    held.splice(at, 0, x);
    indices.splice(at, 0, i);
    if (!full) continue;
    held.pop();
    indices.pop();
  }
  return indices;
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
  const { count, step } = lanes;
  const values = makeArray(dtype, count * k);
  const indices = new BigInt64Array(values.length);
  // Lanes are filled one by one, in the order of the other dimensions; `step` apart when theirs is not the last.
  for (let l = 0; l < count; l++) {
    const start = startOf(lanes, l);
    topIndices(data, start, lanes, k).forEach((i, j) => {
      const at = Math.floor(l / step) * k * step + (l % step) + j * step;
      values[at] = data[start + i * step] as never;
      indices[at] = BigInt(i);
    });
  }
  return { values, indices };
}

/** softmax of each lane, or its logarithm; computed in float64. */
export function softmax(data: Numbers, lanes: Lanes, log: boolean): Float32Array {
  const { count, length, step } = lanes;
  const result = new Float32Array(data.length);
  for (let l = 0; l < count; l++) {
    const start = startOf(lanes, l);
    let most = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < length; i++) {
      const value = Number(data[start + i * step]);
      if (!(value <= most)) most = value;
    }
    let sum = 0;
    for (let i = 0; i < length; i++) sum += Math.exp(Number(data[start + i * step]) - most);
    const logarithm = Math.log(sum);
    for (let i = 0; i < length; i++) {
      const value = Number(data[start + i * step]) - most;
      result[start + i * step] = log ? value - logarithm : Math.exp(value) / sum;
    }
  }
  return result;
}

/** The sum of each lane: exact for bigints, in float64 for numbers. */
export function sum(data: Numbers, lanes: Lanes): Float64Array | bigint[] {
  const totals = typeof data[0] === "bigint" ? new Array<bigint>(lanes.count).fill(0n) : new Float64Array(lanes.count);
  addUp(totals as Float64Array, data as ArrayLike<number>, lanes);
  return totals;
}

/** Sums as means of so many. */
export function means(dtype: "float32" | "float64", totals: Float64Array | bigint[], length: number): DataArray {
  const result = makeArray(dtype, totals.length);
  for (let i = 0; i < totals.length; i++) result[i] = (Number(totals[i]) / length) as never;
  return result;
}

/** In the order in which the elements lie, whatever the dimension. */
function addUp(totals: Float64Array, data: ArrayLike<number>, { count, length, step }: Lanes): void {
  for (let first = 0, at = 0; first < count; first += step)
    for (let i = 0; i < length; i++)
      for (let s = 0; s < step; s++) totals[first + s] = (totals[first + s] as number) + (data[at++] as number);
}

function isNaN_(value: number | bigint): boolean {
  return typeof value === "number" && Number.isNaN(value);
}
