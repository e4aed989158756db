/** What tensors compute along one of their dimensions: sums and means, the greatest, distributions, order. */
import { inspect } from "node:util";
import { checkOptions } from "../options";
import { Arithmetic } from "./arithmetic";
import { type Lanes, lanes } from "./lanes";
import { best, lengths, means, runningSums, softmax, sum, variances } from "./ops";
import { sort, topk } from "./order";
import { dimension } from "./shape";
import type { Tensor } from "./tensor";

/** What {@link Tensor.topk} gives, and {@link Tensor.sort}: two tensors of one shape, of `topk` with `dim` of size k. */
export interface TopK {
  /** The elements in their order, in the tensor's own type. */
  values: Tensor;
  /** Where they stand along the dimension, int64. */
  indices: Tensor;
}

/** Of {@link Tensor.var} and {@link Tensor.std}. */
export interface VarianceOptions {
  /** What is taken from the count that is divided by. Default: 1, for a sample's. */
  correction?: number;
  /** Whether `dim` stays, with size 1. Default: false. */
  keepdim?: boolean;
}

/** Of {@link Tensor.sort} and {@link Tensor.argsort}. */
export interface SortOptions {
  /** Falling order. Default: false. */
  descending?: boolean;
}

/**
 * What tensors compute along a dimension. Sums are made in float64; NaN spreads, and is the greatest.
 *
 * @example tensor([[1, 2], [3, 4]]).mean(0); // => tensor([2., 3.])
 */
export abstract class Reductions extends Arithmetic {
  #lanes(dim: number | undefined): { at: number | undefined; lanes: Lanes; reduced: (keep: boolean) => number[] } {
    const at = dim === undefined ? undefined : dimension(dim, this.self.ndim);
    const reduced = (keep: boolean): number[] => {
      if (at === undefined) return keep ? this.self.dims.map(() => 1) : [];
      return this.self.dims.flatMap((size, i) => (i === at ? (keep ? [1] : []) : [size]));
    };
    return { at, lanes: lanes(this.self.dims, at), reduced };
  }

  /**
   * Indices (int64) of the greatest elements along `dim`, the first of equals; without `dim`, the index among all
   * elements. NaN counts as the greatest, as in PyTorch.
   *
   * @param keepdim Whether `dim` stays, with size 1. Default: false.
   * @throws RangeError for a dimension that is not there, or one without elements.
   * @example tokenizer.decode(logits.slice(0, -1).argmax(-1)); // => " Paris"
   */
  argmax(dim?: number, keepdim = false): Tensor {
    return this.#arg(1, dim, keepdim);
  }
  /**
   * Indices (int64) of the least elements; otherwise as {@link Tensor.argmax}.
   *
   * @throws As `argmax` does.
   * @example tensor([3, 1, 2]).argmin(); // => tensor(1)
   */
  argmin(dim?: number, keepdim = false): Tensor {
    return this.#arg(-1, dim, keepdim);
  }

  /**
   * The greatest element of all, or along `dim`, in the tensor's own type.
   *
   * @param keepdim Whether `dim` stays, with size 1. Default: false.
   * @throws RangeError for a dimension that is not there, or one without elements.
   * @example tensor([[1, 5], [7, 2]]).max(1); // => tensor([5, 7])
   */
  max(dim?: number, keepdim = false): Tensor {
    return this.#best(1, dim, keepdim);
  }
  /**
   * The least element of all, or along `dim`; otherwise as {@link Tensor.max}.
   *
   * @throws As `max` does.
   * @example tensor([[1, 5], [7, 2]]).min().item(); // => 1n
   */
  min(dim?: number, keepdim = false): Tensor {
    return this.#best(-1, dim, keepdim);
  }
  #best(sign: 1 | -1, dim: number | undefined, keepdim: boolean): Tensor {
    const { lanes, reduced } = this.#lanes(dim);
    const { dtype, data } = this.self;
    return this.of(dtype, best(dtype, data, lanes, sign).values, reduced(keepdim));
  }
  #arg(sign: 1 | -1, dim: number | undefined, keepdim: boolean): Tensor {
    const { lanes, reduced } = this.#lanes(dim);
    const { indices } = best(this.self.dtype, this.self.data, lanes, sign);
    return this.of("int64", BigInt64Array.from(indices, BigInt), reduced(keepdim));
  }

  /**
   * The sum of all elements, or along `dim`, in the tensor's own type; of int32 and bool in int64.
   *
   * @param keepdim Whether `dim` stays, with size 1. Default: false.
   * @throws RangeError for a dimension that is not there.
   * @example tensor([[1, 2], [3, 4]]).sum(0); // => tensor([4, 6])
   */
  sum(dim?: number, keepdim = false): Tensor {
    const along = this.#lanes(dim);
    const dtype = this.self.dtype === "int32" || this.self.dtype === "bool" ? "int64" : this.self.dtype;
    return this.of(dtype, sum(this.self.data, along.lanes), along.reduced(keepdim));
  }
  /**
   * The mean of all elements, or along `dim`, in float32; of float64 in float64.
   *
   * @param keepdim Whether `dim` stays, with size 1. Default: false.
   * @throws RangeError for a dimension that is not there.
   * @example tensor([1, 2]).mean().item(); // => 1.5
   */
  mean(dim?: number, keepdim = false): Tensor {
    const along = this.#lanes(dim);
    const dtype = this.#floats;
    return this.of(dtype, means(dtype, sum(this.self.data, along.lanes), along.lanes.length), along.reduced(keepdim));
  }

  /**
   * The variance of all elements, or along `dim`, in float32; of float64 in float64.
   *
   * @throws RangeError for a dimension that is not there.
   * @example tensor([1, 2, 4]).var(); // => tensor(2.3333)
   */
  var(dim?: number, options: VarianceOptions = {}): Tensor {
    checkOptions(options, { correction: true, keepdim: true }, "var");
    const { lanes, reduced } = this.#lanes(dim);
    const { correction = 1, keepdim = false } = options;
    const values = variances(this.#floats, this.self.data, lanes, correction);
    return this.of(this.#floats, values, reduced(keepdim));
  }
  /**
   * The square root of {@link Tensor.var}.
   *
   * @throws As `var` does.
   * @example tensor([1, 2, 4]).std(0, { correction: 0 }); // => tensor(1.2472)
   */
  std(dim?: number, options: VarianceOptions = {}): Tensor {
    return this.var(dim, options).sqrt();
  }

  /**
   * The length of all elements as one vector, or of the vectors along `dim`: the p-th root of the sum of the p-th powers.
   *
   * @param p Default: 2; Infinity gives the greatest absolute value.
   * @param keepdim Whether `dim` stays, with size 1. Default: false.
   * @throws RangeError for a dimension that is not there.
   * @example tensor([[3, 4], [6, 8]]).norm(1); // => tensor([ 5., 10.])
   */
  norm(dim?: number, p = 2, keepdim = false): Tensor {
    const { lanes: along, reduced } = this.#lanes(dim);
    return this.of(this.#floats, lengths(this.#floats, this.self.data, along, p), reduced(keepdim));
  }
  /**
   * The vectors along `dim` (default: the last), each divided by its length; one shorter than 1e-12 by that.
   *
   * @throws RangeError for a dimension that is not there.
   * @example tensor([[3, 4], [6, 8]]).normalize(); // => tensor([[0.6000, 0.8000], [0.6000, 0.8000]])
   */
  normalize(dim = -1, p = 2): Tensor {
    return this.self.div(this.norm(dim, p, true).clamp(1e-12));
  }

  /**
   * Along `dim`, the sum of the elements up to each, in the tensor's own type; of int32 and bool in int64.
   *
   * @throws RangeError for a dimension that is not there.
   * @example tensor([1, 2, 3]).cumsum(0); // => tensor([1, 3, 6])
   */
  cumsum(dim: number): Tensor {
    const { dtype: own, data, dims } = this.self;
    const dtype = own === "int32" || own === "bool" ? "int64" : own;
    return this.of(dtype, runningSums(dtype, data, this.#lanes(dim).lanes), dims);
  }

  /**
   * exp(x) over its sum along `dim` (default: the last), in float32: scores to probabilities.
   *
   * @throws RangeError for a dimension that is not there.
   * @example logits.slice(0, -1).softmax().max(); // => tensor(0.7725)
   */
  softmax(dim = -1): Tensor {
    return this.of("float32", softmax(this.self.data, this.#lanes(dim).lanes, false), this.self.dims);
  }
  /**
   * The natural logarithm of {@link Tensor.softmax}, computed in one go so that small probabilities are kept.
   *
   * @throws RangeError for a dimension that is not there.
   * @example tensor([0, 0]).log_softmax(); // => tensor([-0.6931, -0.6931])
   */
  log_softmax(dim = -1): Tensor {
    return this.of("float32", softmax(this.self.data, this.#lanes(dim).lanes, true), this.self.dims);
  }

  /**
   * The `k` greatest elements along `dim` (default: the last), in falling order, and their indices (int64).
   *
   * @throws RangeError for more than there are, or a dimension that is not there.
   * @example
   * const { values, indices } = logits.slice(0, -1).softmax().topk(3);
   * values; // => tensor([0.7725, 0.0645, 0.0125])
   * indices; // => tensor([7042, 260, 4528])
   */
  topk(k: number, dim = -1): TopK {
    const along = this.#lanes(dim);
    const { length } = along.lanes;
    if (!Number.isInteger(k) || k < 0 || k > length)
      throw new RangeError(`Expected k from 0 to ${length} for topk but received ${inspect(k)}`);
    const dims = this.self.dims.map((size, i) => (i === along.at ? k : size));
    const { values, indices } = topk(this.self.dtype, this.self.data, along.lanes, k);
    return { values: this.of(this.self.dtype, values, dims), indices: this.of("int64", indices, dims) };
  }

  /**
   * The elements along `dim` (default: the last) in rising order, and their indices (int64). Equal ones stay as they stand;
   * NaN is the greatest.
   *
   * @throws RangeError for a dimension that is not there.
   * @example tensor([3, 1, 2]).sort().values; // => tensor([1, 2, 3])
   */
  sort(dim = -1, options: SortOptions = {}): TopK {
    checkOptions(options, { descending: true }, "sort");
    const { dtype, data, dims } = this.self;
    const { values, indices } = sort(dtype, data, this.#lanes(dim).lanes, options.descending ?? false);
    return { values: this.of(dtype, values, dims), indices: this.of("int64", indices, dims) };
  }
  /**
   * The indices that {@link Tensor.sort} gives.
   *
   * @throws As `sort` does.
   * @example tensor([3, 1, 2]).argsort(-1, { descending: true }); // => tensor([0, 2, 1])
   */
  argsort(dim = -1, options: SortOptions = {}): Tensor {
    return this.sort(dim, options).indices;
  }

  get #floats(): "float32" | "float64" {
    return this.self.dtype === "float64" ? "float64" : "float32";
  }
}
