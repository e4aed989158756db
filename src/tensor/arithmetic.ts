/** Arithmetic of tensors, element by element with PyTorch's broadcasting, and products of matrices. */
import { broadcast, checkOperand, type Operand, promoted, reader } from "./broadcast";
import { matmul } from "./products";
import { sizeOf } from "./shape";
import { type DataArray, type DataType, makeArray } from "./storage";
import type { Tensor } from "./tensor";

/**
 * What tensors compute with each other. Whole numbers stay int64 where PyTorch keeps them so (in sums, differences,
 * products); else results are float32, or float64 where one of the two is. Sums are made in float64.
 *
 * @example tensor([[1.5], [2.5]]).add(tensor([10, 20])); // => tensor([[11.5000, 21.5000], [12.5000, 22.5000]])
 */
export abstract class Arithmetic {
  /** @internal A tensor of these numbers. */
  abstract of(dtype: DataType, data: DataArray | readonly (number | bigint)[], dims: readonly number[]): Tensor;

  /** @internal */
  protected get self(): Tensor {
    return this as unknown as Tensor;
  }

  #binary(
    name: string,
    other: Operand,
    result: "kept" | "float" | "bool",
    work: (a: number, b: number) => number,
  ): Tensor {
    const { self } = this;
    checkOperand(other, name);
    const dims = typeof other === "number" ? self.dims : broadcast(name, self.dims, other.dims);
    const both = promoted(self, other);
    const floats = both.startsWith("float") ? both : undefined;
    const dtype = result === "bool" ? "bool" : (floats ?? (result === "kept" ? "int64" : "float32"));
    const data = makeArray(dtype, sizeOf(dims));
    const [left, right] = [reader(self, dims, name), reader(other, dims, name)];
    for (let i = 0; i < data.length; i++) {
      const value = work(left(i), right(i));
      data[i] = (dtype === "int64" ? BigInt(value) : value) as never;
    }
    return this.of(dtype, data, dims);
  }

  #unary(work: (x: number) => number, kept = false): Tensor {
    const { dtype: own, data: from, dims } = this.self;
    const whole = kept && !own.startsWith("float");
    const dtype = whole ? "int64" : own === "float64" ? "float64" : "float32";
    const data = makeArray(dtype, from.length);
    for (let i = 0; i < data.length; i++) {
      const value = work(Number(from[i]));
      data[i] = (whole ? BigInt(value) : value) as never;
    }
    return this.of(dtype, data, dims);
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
   * Where this one is at least as great: bool.
   *
   * @throws As `add` does.
   * @example tensor([1, 2]).ge(2); // => tensor([False, True])
   */
  ge(other: Operand): Tensor {
    return this.#binary("ge", other, "bool", (a, b) => Number(a >= b));
  }
  /**
   * Where this one is at most as great: bool.
   *
   * @throws As `add` does.
   * @example tensor([1, 2]).le(1); // => tensor([True, False])
   */
  le(other: Operand): Tensor {
    return this.#binary("le", other, "bool", (a, b) => Number(a <= b));
  }
  /**
   * Where this one and the other differ: bool.
   *
   * @throws As `add` does.
   * @example tensor([1, 2]).ne(1); // => tensor([False, True])
   */
  ne(other: Operand): Tensor {
    return this.#binary("ne", other, "bool", (a, b) => Number(a !== b));
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
   * The product of matrices, (n, m) · (m, k), of their batches, (…, n, m) · (…, m, k), or with vectors, as PyTorch has it.
   *
   * @throws RangeError where the shapes do not fit.
   * @example tensor([[1.5, 2], [3, 4]]).matmul(tensor([1, 10])); // => tensor([21.5000, 43.0000])
   */
  matmul(other: Tensor): Tensor {
    const { dtype, data, dims } = matmul(this.self, other);
    return this.of(dtype, data, dims);
  }

  /**
   * All elements in a row.
   *
   * @example tensor([[1, 2], [3, 4]]).flatten(); // => tensor([1, 2, 3, 4])
   */
  flatten(): Tensor {
    return this.self.reshape(-1);
  }
  /**
   * A copy of its own, in JavaScript's memory.
   *
   * @example tensor([1, 2]).clone(); // => tensor([1, 2])
   */
  clone(): Tensor {
    return this.of(this.self.dtype, this.self.data.slice(), this.self.dims);
  }
}
