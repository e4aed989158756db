/** Products of matrices, of batches of them, and with vectors. */
import { broadcast, walker } from "./broadcast";
import { sizeOf } from "./shape";
import { type DataArray, type DataType, makeArray } from "./storage";
import type { Tensor } from "./tensor";

/** (…, n, m) · (…, m, k), with sums in float64. @throws RangeError where the shapes do not fit. */
export function matmul(a: Tensor, b: Tensor): { dtype: DataType; data: DataArray; dims: number[] } {
  const left = a.ndim === 1 ? a.unsqueeze(0) : a;
  const right = b.ndim === 1 ? b.unsqueeze(-1) : b;
  const [n, m] = left.dims.slice(-2) as [number, number];
  const [inner, k] = right.dims.slice(-2) as [number, number];
  if (a.ndim === 0 || b.ndim === 0 || m !== inner)
    throw new RangeError(
      `Expected shapes that fit for matmul but received [${a.dims.join(", ")}] and [${b.dims.join(", ")}]`,
    );
  const batch = broadcast("matmul", left.dims.slice(0, -2), right.dims.slice(0, -2));
  const [x, y] = [floats(left), floats(right)];
  const [rowOf, columnOf] = [walker(left.dims.slice(0, -2), batch), walker(right.dims.slice(0, -2), batch)];
  const dtype = a.dtype === "float64" || b.dtype === "float64" ? "float64" : "float32";
  const data = makeArray(dtype, sizeOf(batch) * n * k) as Float64Array;
  const row = new Float64Array(k);
  for (let one = 0; one < sizeOf(batch); one++) {
    const [from, to] = [rowOf(one) * n * m, columnOf(one) * m * k];
    for (let i = 0; i < n; i++) {
      row.fill(0);
      for (let j = 0; j < m; j += together) addRows(row, x, from + i * m + j, y, to + j * k, Math.min(together, m - j));
      data.set(row, (one * n + i) * k);
    }
  }
  return { dtype, data, dims: [...batch, ...(a.ndim === 1 ? [] : [n]), ...(b.ndim === 1 ? [] : [k])] };
}

/** Rows of the right matrix that are added at once: the row of the result is read and written as seldom. */
const together = 4;

/** Adds `count` rows of `y` from `to` on, each times its number of `x` from `from` on. */
function addRows(row: Float64Array, x: Numbers, from: number, y: Numbers, to: number, count: number): void {
  const k = row.length;
  if (count < together) {
    for (let j = 0; j < count; j++)
      for (let c = 0; c < k; c++) row[c] = (row[c] as number) + (x[from + j] as number) * (y[to + j * k + c] as number);
    return;
  }
  const [f0, f1, f2, f3] = [x[from], x[from + 1], x[from + 2], x[from + 3]] as [number, number, number, number];
  const [at1, at2, at3] = [to + k, to + 2 * k, to + 3 * k];
  for (let c = 0; c < k; c++)
    row[c] =
      (row[c] as number) +
      f0 * (y[to + c] as number) +
      f1 * (y[at1 + c] as number) +
      f2 * (y[at2 + c] as number) +
      f3 * (y[at3 + c] as number);
}

type Numbers = Float32Array | Float64Array;

const floats = (tensor: Tensor): Numbers =>
  (tensor.dtype.startsWith("float") ? tensor : tensor.to("float64")).data as Numbers;
