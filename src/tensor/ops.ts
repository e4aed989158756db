/**
 * Operations along one dimension of a tensor. Each takes the elements row-major and gives plain arrays; the class makes
 * tensors of them. NaN is treated as PyTorch treats it: the greatest for argmax and max, and it spreads.
 */
import { isNaN_, type Lanes, startOf } from "./lanes";
import { type DataArray, type DataType, makeArray } from "./storage";

type Numbers = ArrayLike<number | bigint>;

/** Lanes beside each other that are gone through together: their totals stay in the processor's nearest memory. */
const beside = 2048;

/**
 * Goes through the elements where they lie: of `outer` blocks, in ranges of `beside` columns, row after row. `row` gets the
 * lane of the range's first element, the place of that element, how many there are, and the row's number.
 */
function eachRow(
  { count, length, step }: Lanes,
  row: (lane: number, at: number, columns: number, index: number) => void,
): void {
  for (let first = 0; first < count; first += step)
    for (let column = 0; column < step; column += beside) {
      const columns = Math.min(beside, step - column);
      for (let i = 0; i < length; i++)
        row(first + column, (first / step) * length * step + i * step + column, columns, i);
    }
}

/** The greatest (or least) element of each lane, and its index: the first of equals. */
export function best(
  dtype: DataType,
  data: DataArray,
  lanes: Lanes,
  sign: 1 | -1,
): { values: DataArray; indices: Int32Array } {
  if (lanes.length === 0) throw new RangeError("Expected at least one element to choose from but received none");
  const values = makeArray(dtype, lanes.count) as Float64Array;
  const indices = new Int32Array(lanes.count);
  const from = data as Float64Array;
  if (lanes.step === 1) {
    for (let lane = 0; lane < lanes.count; lane++) {
      const start = lane * lanes.length;
      let [index, most] = [0, from[start] as number];
      for (let i = 1; i < lanes.length && !isNaN_(most); i++) {
        const value = from[start + i] as number;
        if ((sign > 0 ? value > most : value < most) || isNaN_(value)) [index, most] = [i, value];
      }
      values[lane] = most;
      indices[lane] = index;
    }
    return { values, indices };
  }
  eachRow(lanes, (lane, at, columns, i) => {
    for (let c = 0; c < columns; c++) {
      const value = from[at + c] as number;
      const most = values[lane + c] as number;
      if (i > 0 && (isNaN_(most) || !((sign > 0 ? value > most : value < most) || isNaN_(value)))) continue;
      values[lane + c] = value;
      indices[lane + c] = i;
    }
  });
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
  addUp(totals as Float64Array, data as Float64Array, lanes);
  return totals;
}

function addUp(totals: Float64Array, data: Float64Array, lanes: Lanes): void {
  if (lanes.step === 1) {
    for (let lane = 0, at = 0; lane < lanes.count; lane++) {
      let total = totals[lane] as number;
      for (const end = at + lanes.length; at < end; at++) total += data[at] as number;
      totals[lane] = total;
    }
    return;
  }
  eachRow(lanes, (lane, at, columns) => {
    for (let c = 0; c < columns; c++) totals[lane + c] = (totals[lane + c] as number) + (data[at + c] as number);
  });
}

/** Sums as means of so many. */
export function means(dtype: "float32" | "float64", totals: Float64Array | bigint[], length: number): DataArray {
  const result = makeArray(dtype, totals.length);
  for (let i = 0; i < totals.length; i++) result[i] = (Number(totals[i]) / length) as never;
  return result;
}

/** The sum of squares of each lane's distances from its mean, over so many less `correction`; none: NaN. */
export function variances(dtype: "float32" | "float64", data: Numbers, lanes: Lanes, correction: number): DataArray {
  const { count, length, step } = lanes;
  const centres = means("float64", sum(data, lanes), length);
  const result = makeArray(dtype, count);
  for (let lane = 0; lane < count; lane++) {
    const start = startOf(lanes, lane);
    let total = 0;
    for (let i = 0; i < length; i++) total += (Number(data[start + i * step]) - (centres[lane] as number)) ** 2;
    result[lane] = (total / Math.max(0, length - correction)) as never;
  }
  return result;
}

/** Of each lane, the sums of the elements up to each. */
export function runningSums(dtype: DataType, data: Numbers, lanes: Lanes): DataArray {
  const result = makeArray(dtype, data.length);
  const whole = dtype === "int64";
  for (let lane = 0; lane < lanes.count; lane++) {
    const start = startOf(lanes, lane);
    let total: number | bigint = whole ? 0n : 0;
    for (let i = 0; i < lanes.length; i++) {
      const at = start + i * lanes.step;
      total = whole ? (total as bigint) + BigInt(data[at] as bigint) : (total as number) + Number(data[at]);
      result[at] = total as never;
    }
  }
  return result;
}

/** The length of each lane: the p-th root of the sum of the p-th powers; of infinity the greatest. */
export function lengths(dtype: "float32" | "float64", data: Numbers, lanes: Lanes, p: number): DataArray {
  const result = makeArray(dtype, lanes.count);
  for (let lane = 0; lane < lanes.count; lane++) {
    const start = startOf(lanes, lane);
    let total = 0;
    for (let i = 0; i < lanes.length; i++) {
      const value = Math.abs(Number(data[start + i * lanes.step]));
      if (p === 2) total += value * value;
      else if (p === Number.POSITIVE_INFINITY) total = Math.max(total, value);
      else total += value ** p;
    }
    result[lane] = (p === 2 ? Math.sqrt(total) : p === Number.POSITIVE_INFINITY ? total : total ** (1 / p)) as never;
  }
  return result;
}
