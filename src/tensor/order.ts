/** Elements in their order along a dimension. NaN is the greatest, as in PyTorch; equal ones stay as they stand. */
import { isNaN_, type Lanes, startOf } from "./lanes";
import { type DataArray, type DataType, makeArray } from "./storage";

type Numbers = ArrayLike<number | bigint>;
type Steps = Pick<Lanes, "length" | "step">;

/** Indices of a lane's elements, rising or falling. */
function sorted(data: Numbers, start: number, { length, step }: Steps, falling: boolean): number[] {
  const at = (i: number): number | bigint => data[start + i * step] as number | bigint;
  const sign = falling ? -1 : 1;
  return Array.from({ length }, (_, i) => i).sort((a, b) => {
    const [x, y] = [at(a), at(b)];
    if (isNaN_(x) || isNaN_(y)) return sign * (Number(isNaN_(x)) - Number(isNaN_(y))) || a - b;
    return x === y ? a - b : x > y ? sign : -sign;
  });
}

/** The most that are selected one by one; for more, sorting all is faster. */
const selected = 64;

/** Indices of the `k` greatest elements of a lane, in falling order; of equals the first. */
function topIndices(data: Numbers, start: number, { length, step }: Steps, k: number): number[] {
  if (k <= selected && typeof data[start] !== "bigint")
    return select(data as ArrayLike<number>, start, length, step, k);
  return sorted(data, start, { length, step }, true).slice(0, k);
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
export function topk(dtype: DataType, data: DataArray, lanes: Lanes, k: number): Chosen {
  return chosen(dtype, data, lanes, k, (start) => topIndices(data, start, lanes, k));
}

/** All elements of each lane in their order, and their indices. */
export function sort(dtype: DataType, data: DataArray, lanes: Lanes, falling: boolean): Chosen {
  return chosen(dtype, data, lanes, lanes.length, (start) => sorted(data, start, lanes, falling));
}

interface Chosen {
  values: DataArray;
  indices: BigInt64Array;
}

/** Of each lane the `k` elements that `choose` names, one by one; `step` apart where the dimension is not the last. */
function chosen(
  dtype: DataType,
  data: DataArray,
  lanes: Lanes,
  k: number,
  choose: (start: number) => readonly number[],
): Chosen {
  const { count, step } = lanes;
  const values = makeArray(dtype, count * k);
  const indices = new BigInt64Array(values.length);
  for (let l = 0; l < count; l++) {
    const start = startOf(lanes, l);
    const first = Math.floor(l / step) * k * step + (l % step);
    for (const [j, i] of choose(start).entries()) {
      values[first + j * step] = data[start + i * step] as never;
      indices[first + j * step] = BigInt(i);
    }
  }
  return { values, indices };
}
