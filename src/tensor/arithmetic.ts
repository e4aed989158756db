/** Arithmetic of tensors, element by element with PyTorch's broadcasting, and products of matrices. */
import { inspect } from "node:util";
import { dimension, sizeOf, stridesOf } from "./shape";
import { type DataArray, type DataType, makeArray } from "./storage";
import type { Tensor } from "./tensor";

/** The other side of an operation: a tensor whose shape fits, or a number. */
export type Operand = Tensor | number;

/**
 * What tensors compute with each other. Whole numbers stay int64 where PyTorch keeps them so (in sums, differences,
 * products); else results are float32, or float64 where one of the two is. Sums are made in float64.
 *
 * @example tensor([[1.5], [2.5]]).add(tensor([10, 20])); // => tensor([[11.5000, 21.5000], [12.5000, 22.5000]])
 */
export abstract class Arithmetic {
  /** @internal A tensor of these numbers. */
  protected abstract made(dtype: DataType, data: DataArray, dims: readonly number[]): Tensor;

  get #self(): Tensor {
    return this as unknown as Tensor;
  }

  #binary(
    name: string,
    other: Operand,
    result: "kept" | "float" | "bool",
    work: (a: number, b: number) => number,
  ): Tensor {
    const { dims, left, right, floats } = operands(name, this.#self, other);
    const dtype =
      result === "bool" ? "bool" : result === "kept" && floats === undefined ? "int64" : (floats ?? "float32");
    const data = makeArray(dtype, sizeOf(dims));
    for (let i = 0; i < data.length; i++) {
      const value = work(left(i), right(i));
      data[i] = (dtype === "int64" ? BigInt(value) : value) as never;
    }
    return this.made(dtype, data, dims);
  }

  #unary(work: (x: number) => number, kept = false): Tensor {
    const { dtype: own, data: from, dims } = this.#self;
    const whole = kept && !own.startsWith("float");
    const dtype = whole ? "int64" : own === "float64" ? "float64" : "float32";
    const data = makeArray(dtype, from.length);
    for (let i = 0; i < data.length; i++) {
      const value = work(Number(from[i]));
      data[i] = (whole ? BigInt(value) : value) as never;
    }
    return this.made(dtype, data, dims);
  }

  /**
   * The sum with a tensor or a number.
   *
   * @throws RangeError where the shapes do not fit.
   * @example tensor([1, 2]).add(0.5); // => tensor([1.5000, 2.5000])
   */
  add(other: Operand): Tensor {
    return this.#binary("add", other, "kept", (a, b) => a + b);
  }
  /**
   * The difference.
   *
   * @throws As `add` does.
   * @example tensor([1, 2]).sub(tensor([1, 1])); // => tensor([0, 1])
   */
  sub(other: Operand): Tensor {
    return this.#binary("sub", other, "kept", (a, b) => a - b);
  }
  /**
   * The product, element by element.
   *
   * @throws As `add` does.
   * @example tensor([1, 2]).mul(3); // => tensor([3, 6])
   */
  mul(other: Operand): Tensor {
    return this.#binary("mul", other, "kept", (a, b) => a * b);
  }
  /**
   * The quotient, never of whole numbers alone.
   *
   * @throws As `add` does.
   * @example tensor([1, 2]).div(4); // => tensor([0.2500, 0.5000])
   */
  div(other: Operand): Tensor {
    return this.#binary("div", other, "float", (a, b) => a / b);
  }
  /**
   * Each element to a power.
   *
   * @throws As `add` does.
   * @example tensor([1.5, 3]).pow(2); // => tensor([2.2500, 9.0000])
   */
  pow(exponent: Operand): Tensor {
    return this.#binary("pow", exponent, "float", (a, b) => a ** b);
  }
  /**
   * Where both are equal: bool.
   *
   * @throws As `add` does.
   * @example tensor([1, 2]).eq(2); // => tensor([False, True])
   */
  eq(other: Operand): Tensor {
    return this.#binary("eq", other, "bool", (a, b) => Number(a === b));
  }
  /**
   * Where this one is greater: bool.
   *
   * @throws As `add` does.
   * @example tensor([1, 2]).gt(1); // => tensor([False, True])
   */
  gt(other: Operand): Tensor {
    return this.#binary("gt", other, "bool", (a, b) => Number(a > b));
  }
  /**
   * Where this one is less: bool.
   *
   * @throws As `add` does.
   * @example tensor([1, 2]).lt(2); // => tensor([True, False])
   */
  lt(other: Operand): Tensor {
    return this.#binary("lt", other, "bool", (a, b) => Number(a < b));
  }

  /**
   * The negatives.
   *
   * @example tensor([1, -2]).neg(); // => tensor([-1, 2])
   */
  neg(): Tensor {
    return this.#unary((x) => -x, true);
  }
  /**
   * The absolute values.
   *
   * @example tensor([1, -2]).abs(); // => tensor([1, 2])
   */
  abs(): Tensor {
    return this.#unary(Math.abs, true);
  }
  /**
   * e to each element.
   *
   * @example tensor([0, 1]).exp(); // => tensor([1.0000, 2.7183])
   */
  exp(): Tensor {
    return this.#unary(Math.exp);
  }
  /**
   * The natural logarithms.
   *
   * @example tensor([1, 10]).log(); // => tensor([0.0000, 2.3026])
   */
  log(): Tensor {
    return this.#unary(Math.log);
  }
  /**
   * The square roots.
   *
   * @example tensor([4, 2]).sqrt(); // => tensor([2.0000, 1.4142])
   */
  sqrt(): Tensor {
    return this.#unary(Math.sqrt);
  }
  /**
   * Each element, or the bound that it is beyond. NaN stays.
   *
   * @example tensor([-2.5, 0.5, 7]).clamp(-1, 1); // => tensor([-1.0000, 0.5000, 1.0000])
   */
  clamp(min: number, max: number = Number.POSITIVE_INFINITY): Tensor {
    return this.#unary((x) => (Number.isNaN(x) ? x : Math.min(Math.max(x, min), max)));
  }

  /**
   * The length of all elements as one vector, or of the vectors along `dim`: the p-th root of the sum of the p-th powers.
   *
   * @param p Default: 2.
   * @throws RangeError for a dimension that is not there.
   * @example tensor([[3, 4], [6, 8]]).norm(1); // => tensor([5., 10.])
   */
  norm(dim?: number, p = 2): Tensor {
    const powers = this.#unary((x) => Math.abs(x) ** p);
    const sums = powers.to("float64").sum(dim);
    return sums.pow(1 / p).to(this.#self.dtype === "float64" ? "float64" : "float32");
  }

  /**
   * The product of matrices, (n, m) · (m, k), of their batches, (…, n, m) · (…, m, k), or with vectors, as PyTorch has it.
   *
   * @throws RangeError where the shapes do not fit.
   * @example tensor([[1.5, 2], [3, 4]]).matmul(tensor([1, 10])); // => tensor([21.5000, 43.0000])
   */
  matmul(other: Tensor): Tensor {
    const [a, b] = [this.#self, other];
    const left = a.ndim === 1 ? a.unsqueeze(0) : a;
    const right = b.ndim === 1 ? b.unsqueeze(-1) : b;
    const [n, m] = left.dims.slice(-2) as [number, number];
    const [inner, k] = right.dims.slice(-2) as [number, number];
    if (a.ndim === 0 || b.ndim === 0 || m !== inner)
      throw new RangeError(
        `Expected shapes that fit for matmul but received [${a.dims.join(", ")}] and [${b.dims.join(", ")}]`,
      );
    const batch = broadcast("matmul", left.dims.slice(0, -2), right.dims.slice(0, -2));
    const [x, y] = [left.data as ArrayLike<number>, right.data as ArrayLike<number>];
    const [rowOf, columnOf] = [walker(left.dims.slice(0, -2), batch), walker(right.dims.slice(0, -2), batch)];
    const dtype = a.dtype === "float64" || b.dtype === "float64" ? "float64" : "float32";
    const data = makeArray(dtype, sizeOf(batch) * n * k) as Float64Array;
    const row = new Float64Array(k);
    for (let one = 0; one < sizeOf(batch); one++) {
      const [from, to] = [rowOf(one) * n * m, columnOf(one) * m * k];
      for (let i = 0; i < n; i++) {
        row.fill(0);
        for (let j = 0; j < m; j++) {
          const factor = Number(x[from + i * m + j]);
          for (let c = 0; c < k; c++) row[c] = (row[c] as number) + factor * Number(y[to + j * k + c]);
        }
        data.set(row, (one * n + i) * k);
      }
    }
    const dims = [...batch, ...(a.ndim === 1 ? [] : [n]), ...(b.ndim === 1 ? [] : [k])];
    return this.made(dtype, data, dims);
  }

  /**
   * All elements in a row.
   *
   * @example tensor([[1, 2], [3, 4]]).flatten(); // => tensor([1, 2, 3, 4])
   */
  flatten(): Tensor {
    return this.#self.reshape(-1);
  }
  /**
   * A copy of its own, in JavaScript's memory.
   *
   * @example tensor([1, 2]).clone(); // => tensor([1, 2])
   */
  clone(): Tensor {
    return this.made(this.#self.dtype, this.#self.data.slice(), this.#self.dims);
  }
}

/** The shape of both, in which each has sizes of 1 stretched. */
function broadcast(name: string, a: readonly number[], b: readonly number[]): number[] {
  const count = Math.max(a.length, b.length);
  return Array.from({ length: count }, (_, i) => {
    const [x = 1, y = 1] = [a[i - count + a.length], b[i - count + b.length]];
    if (x !== y && x !== 1 && y !== 1)
      throw new RangeError(`Expected shapes that fit for ${name} but received [${a.join(", ")}] and [${b.join(", ")}]`);
    return x === 1 ? y : x;
  });
}

/** Where element i of the shape `dims` stands in a tensor of the shape `own` that was stretched to it. */
function walker(own: readonly number[], dims: readonly number[]): (i: number) => number {
  if (sizeOf(own) === sizeOf(dims)) return (i) => i;
  if (sizeOf(own) === 1) return () => 0;
  const strides = stridesOf(own);
  const steps = dims.map((_, d) => {
    const at = d - dims.length + own.length;
    return at < 0 || own[at] === 1 ? 0 : (strides[at] as number);
  });
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

/** The two sides as functions of a place in the result; `floats`: the type of the one that is no whole numbers'. */
function operands(name: string, a: Tensor, b: Operand) {
  if (typeof b === "number") {
    const floats =
      a.dtype === "float64" ? "float64" : a.dtype === "float32" || !Number.isInteger(b) ? "float32" : undefined;
    const { data } = a;
    return { dims: a.dims, floats, left: (i: number) => Number(data[i]), right: () => b } as const;
  }
  if (typeof b !== "object" || b === null || !Array.isArray(b.dims))
    throw new TypeError(`Expected a tensor or a number for ${name} but received ${inspect(b, { depth: 0 })}`);
  const dims = broadcast(name, a.dims, b.dims);
  const types = [a.dtype, b.dtype];
  const floats = types.includes("float64") ? "float64" : types.includes("float32") ? "float32" : undefined;
  const [x, y, atX, atY] = [a.data, b.data, walker(a.dims, dims), walker(b.dims, dims)];
  return { dims, floats, left: (i: number) => Number(x[atX(i)]), right: (i: number) => Number(y[atY(i)]) } as const;
}

/** The one dimension along which tensors are joined, and how far it reaches. */
export function joined(list: readonly Tensor[], dim: number): { at: number; dims: number[] } {
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
