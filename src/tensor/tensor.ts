/**
 * Numbers with a shape. The names are transformers.js' and PyTorch's. A tensor that a model made stays on its device
 * until its numbers are read; slices are views of it, and reading one copies just the view.
 */
import { inspect } from "node:util";
import { readDevice } from "../devices";
import { jupyterDisplay, type MimeBundle, mime } from "../host";
import type { NativeTensor } from "../native";
import { Arithmetic } from "./arithmetic";
import { formatTensor } from "./format";
import { argBest, type Lanes, lanes, means, softmax, startOf, sum, topk } from "./ops";
import { dimension, resolveShape, type SliceArgument, sizeOf, sliceShape, stridesOf } from "./shape";
import {
  convert,
  type DataArray,
  type DataType,
  dataTypes,
  fromNumbers,
  gather,
  isArrayOf,
  makeArray,
  Storage,
} from "./storage";

/** Nested arrays of numbers, a level a dimension, as `tolist` gives them: bigint for int64, boolean for bool. */
export type NestedArray = number | bigint | boolean | NestedArray[];

/** What {@link Tensor.topk} gives: two tensors of one shape, `dim` having size k. */
export interface TopK {
  /** The elements, the greatest first, in the tensor's own type. */
  values: Tensor;
  /** Where they stand along the dimension, int64. */
  indices: Tensor;
}

type View = { storage: Storage; offset: number; dims: number[]; strides: number[]; dtype: DataType };

/**
 * Numbers with a shape. One that a model made stays on the model's device until its numbers are read; slices and other
 * shapes are views of it. As a cell's last value it is shown as PyTorch prints it. The names are transformers.js' and
 * PyTorch's; dimensions and indices below 0 count from the end.
 *
 * @example
 * const t = new Tensor("float32", [1, 2, 3, 4], [2, 2]);
 * t[0]; // => tensor([1., 2.])
 */
export class Tensor extends Arithmetic {
  /** The numbers' type: of what a model gives float32, of token ids int64. */
  readonly dtype: DataType;
  /** Sizes of the dimensions, the outermost first; empty for a single number. */
  readonly dims: number[];
  /** The parts along the first dimension: `t[0]`, or `t[-1]` for the last. */
  readonly [index: number]: Tensor;
  readonly #storage: Storage;
  readonly #offset: number;
  readonly #strides: number[];

  /**
   * Makes a tensor of numbers that lie in a row; {@link tensor} makes one of nested arrays.
   *
   * @param data Row-major: an array of the type's own kind (int64: BigInt64Array, bool: Uint8Array), which is kept and
   *   not copied, or plain numbers.
   * @param dims The sizes of the dimensions.
   * @throws TypeError or RangeError for an unknown type, and when the count of elements is not the product of `dims`.
   */
  constructor(dtype: DataType, data: DataArray | readonly (number | bigint | boolean)[], dims: readonly number[]);
  /** @internal A view. */
  constructor(view: View);
  constructor(
    first: DataType | View,
    data?: DataArray | readonly (number | bigint | boolean)[],
    dims?: readonly number[],
  ) {
    super();
    if (typeof first === "object") {
      this.dtype = first.dtype;
      this.dims = first.dims;
      this.#storage = first.storage;
      this.#offset = first.offset;
      this.#strides = first.strides;
      return;
    }
    if (!dataTypes.includes(first))
      throw new TypeError(
        `Expected one of ${dataTypes.join(", ")} for the type of a tensor but received ${inspect(first)}`,
      );
    const array = isArrayOf(first, data) ? data : fromNumbers(first, data);
    const shape = dims ?? [array.length];
    if (shape.some((dim) => !Number.isInteger(dim) || dim < 0) || sizeOf(shape) !== array.length)
      throw new RangeError(`Expected a shape of ${array.length} elements but received [${shape.join(", ")}]`);
    this.dtype = first;
    this.dims = [...shape];
    this.#storage = new Storage(array);
    this.#offset = 0;
    this.#strides = stridesOf(this.dims);
  }

  /** @internal */
  protected override made(dtype: DataType, data: DataArray, dims: readonly number[]): Tensor {
    return new Tensor(dtype, data, dims);
  }

  /** @internal A float32 tensor over a device's memory. */
  static fromNative(native: NativeTensor, device: "cpu" | "cuda", dims: readonly number[] = native.dims): Tensor {
    const storage = new Storage(native, device);
    return new Tensor({ storage, offset: 0, dims: [...dims], strides: stridesOf(dims), dtype: "float32" });
  }

  /** @internal The device's tensor and the first element of it, when this is a row-major range of one. */
  get nativeRange(): { native: NativeTensor; start: number } | undefined {
    const { native } = this.#storage;
    return native && this.#contiguous ? { native, start: this.#offset } : undefined;
  }

  /** The same as `dims`, under PyTorch's name. */
  get shape(): number[] {
    return this.dims;
  }
  /** Count of elements: the product of `dims`. */
  get size(): number {
    return sizeOf(this.dims);
  }
  /** Count of dimensions. */
  get ndim(): number {
    return this.dims.length;
  }
  /** Where the elements lie. */
  get device(): "cpu" | "cuda" {
    return this.#storage.device;
  }

  get #contiguous(): boolean {
    let step = 1;
    for (let i = this.dims.length - 1; i >= 0; i--) {
      if (this.dims[i] !== 1 && this.#strides[i] !== step) return false;
      step *= this.dims[i] as number;
    }
    return true;
  }

  /**
   * The elements, row-major. Of a whole tensor that JavaScript made, its own array; of a view or a model's tensor a
   * copy of just its elements.
   *
   * @throws Error when the tensor, or the model that made it, was disposed.
   * @example tensor([[1, 2], [3, 4]]).slice(null, 1).data; // => BigInt64Array(2) [ 2n, 4n ]
   */
  get data(): DataArray {
    const { size } = this;
    if (size === 0) return makeArray(this.dtype, 0);
    if (this.#contiguous) return this.#storage.read(this.#offset, size);
    const span = this.dims.reduce((last, dim, i) => last + (dim - 1) * (this.#strides[i] as number), 1);
    return gather(this.dtype, this.#storage.read(this.#offset, span), this.dims, this.#strides);
  }

  #view(change: Partial<View>): Tensor {
    const { dims, dtype } = this;
    return new Tensor({ storage: this.#storage, offset: this.#offset, strides: this.#strides, dims, dtype, ...change });
  }

  /**
   * Part of the tensor, a dimension an argument: an index (negative ones count from the end) removes the dimension,
   * `[start, end]` keeps a range, null keeps all; dimensions without an argument stay whole.
   *
   * @throws RangeError for an index outside the dimension, or more arguments than dimensions.
   * @example logits.slice(0, -1).shape; // => [49152]
   * @example tensor([[1, 2, 3], [4, 5, 6]]).slice(null, [1, 3]); // => tensor([[2, 3], [5, 6]])
   */
  slice(...ranges: SliceArgument[]): Tensor {
    if (ranges.length > this.dims.length)
      throw new RangeError(`Expected at most ${this.dims.length} arguments for slice but received ${ranges.length}`);
    const { start, dims, strides } = sliceShape(this.dims, this.#strides, ranges);
    return this.#view({ offset: this.#offset + start, dims, strides });
  }

  /**
   * The parts along the first dimension, one after the other.
   *
   * @throws TypeError for a tensor without dimensions.
   * @example for (const row of tensor([[1, 2], [3, 4]])) console.log(row.tolist()); // prints [ 1n, 2n ] [ 3n, 4n ]
   */
  *[Symbol.iterator](): IterableIterator<Tensor> {
    if (this.dims.length === 0) throw new TypeError("A tensor of no dimensions holds one number: read it with item()");
    for (let i = 0; i < (this.dims[0] as number); i++) yield this.slice(i);
  }

  /**
   * The same elements in another shape: a view, or a copy where the elements do not lie in that order.
   *
   * @param dims The sizes, one by one or as an array; one may be -1, whatever is left.
   * @throws RangeError when they do not make as many elements.
   * @example tensor([1, 2, 3, 4]).reshape(2, -1); // => tensor([[1, 2], [3, 4]])
   */
  reshape(...dims: (number | readonly number[])[]): Tensor {
    const shape = resolveShape(dims.flat() as number[], this.size);
    if (this.#contiguous) return this.#view({ dims: shape, strides: stridesOf(shape) });
    return new Tensor(this.dtype, this.data, shape);
  }
  /**
   * PyTorch's other name for {@link Tensor.reshape}.
   *
   * @throws As `reshape` does.
   * @example tensor([1, 2, 3, 4]).view(2, 2).shape; // => [2, 2]
   */
  view(...dims: (number | readonly number[])[]): Tensor {
    return this.reshape(...dims);
  }

  /**
   * A view with the dimensions in another order.
   *
   * @throws RangeError unless each dimension is named once.
   * @example input_ids.permute(1, 0).shape; // => [5, 1]
   */
  permute(...order: (number | readonly number[])[]): Tensor {
    const from = (order.flat() as number[]).map((dim) => dimension(dim, this.ndim));
    if (from.length !== this.ndim || new Set(from).size !== this.ndim)
      throw new RangeError(`Expected each of ${this.ndim} dimensions once but received [${order.flat().join(", ")}]`);
    const pick = (list: number[]): number[] => from.map((dim) => list[dim] as number);
    return this.#view({ dims: pick(this.dims), strides: pick(this.#strides) });
  }

  /**
   * A view with two dimensions exchanged.
   *
   * @throws RangeError for a dimension that is not there.
   * @example tensor([[1, 2], [3, 4]]).transpose(0, 1); // => tensor([[1, 3], [2, 4]])
   */
  transpose(a: number, b: number): Tensor {
    const order = this.dims.map((_, i) => i);
    const [x, y] = [dimension(a, this.ndim), dimension(b, this.ndim)];
    [order[x], order[y]] = [y, x];
    return this.permute(order);
  }

  /**
   * A view without the dimensions of size 1, or without `dim` if that is one.
   *
   * @throws RangeError for a dimension that is not there.
   * @example input_ids.squeeze().shape; // => [5]
   */
  squeeze(dim?: number): Tensor {
    const only = dim === undefined ? undefined : dimension(dim, this.ndim);
    const keep = this.dims.map((size, i) => size !== 1 || (only !== undefined && i !== only));
    return this.#view({ dims: this.dims.filter((_, i) => keep[i]), strides: this.#strides.filter((_, i) => keep[i]) });
  }

  /**
   * A view with a dimension of size 1 before `dim`; -1 puts it last.
   *
   * @throws RangeError for a dimension that is not there.
   * @example tensor([1, 2, 3]).unsqueeze(0).shape; // => [1, 3]
   */
  unsqueeze(dim: number): Tensor {
    const at = dimension(dim, this.ndim + 1);
    const [dims, strides] = [[...this.dims], [...this.#strides]];
    dims.splice(at, 0, 1);
    strides.splice(at, 0, 1);
    return this.#view({ dims, strides });
  }

  #lanes(dim: number | undefined): { at: number | undefined; lanes: Lanes; reduced: (keep: boolean) => number[] } {
    const at = dim === undefined ? undefined : dimension(dim, this.ndim);
    const reduced = (keep: boolean): number[] => {
      if (at === undefined) return keep ? this.dims.map(() => 1) : [];
      return this.dims.flatMap((size, i) => (i === at ? (keep ? [1] : []) : [size]));
    };
    return { at, lanes: lanes(this.dims, at), reduced };
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
    const along = this.#lanes(dim);
    return new Tensor("int64", argBest(this.data, along.lanes, 1), along.reduced(keepdim));
  }
  /**
   * Indices (int64) of the least elements; otherwise as {@link Tensor.argmax}.
   *
   * @throws As `argmax` does.
   * @example tensor([3, 1, 2]).argmin(); // => tensor(1)
   */
  argmin(dim?: number, keepdim = false): Tensor {
    const along = this.#lanes(dim);
    return new Tensor("int64", argBest(this.data, along.lanes, -1), along.reduced(keepdim));
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
    const along = this.#lanes(dim);
    const { data } = this;
    const values = argBest(data, along.lanes, sign).map(
      (i, lane) => data[startOf(along.lanes, lane) + i * along.lanes.step] as number,
    );
    return new Tensor(this.dtype, values, along.reduced(keepdim));
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
    const dtype = this.dtype === "int32" || this.dtype === "bool" ? "int64" : this.dtype;
    return new Tensor(dtype, sum(this.data, along.lanes), along.reduced(keepdim));
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
    const dtype = this.dtype === "float64" ? "float64" : "float32";
    return new Tensor(dtype, means(dtype, sum(this.data, along.lanes), along.lanes.length), along.reduced(keepdim));
  }

  /**
   * exp(x) over its sum along `dim` (default: the last), in float32: scores to probabilities.
   *
   * @throws RangeError for a dimension that is not there.
   * @example logits.slice(0, -1).softmax().max(); // => tensor(0.7725)
   */
  softmax(dim = -1): Tensor {
    return new Tensor("float32", softmax(this.data, this.#lanes(dim).lanes, false), this.dims);
  }
  /**
   * The natural logarithm of {@link Tensor.softmax}, computed in one go so that small probabilities are kept.
   *
   * @throws RangeError for a dimension that is not there.
   * @example tensor([0, 0]).log_softmax(); // => tensor([-0.6931, -0.6931])
   */
  log_softmax(dim = -1): Tensor {
    return new Tensor("float32", softmax(this.data, this.#lanes(dim).lanes, true), this.dims);
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
    const dims = this.dims.map((size, i) => (i === along.at ? k : size));
    const { values, indices } = topk(this.dtype, this.data, along.lanes, k);
    return { values: new Tensor(this.dtype, values, dims), indices: new Tensor("int64", indices, dims) };
  }

  /**
   * The one element of a tensor that has one: a number, of int64 a bigint, of bool a boolean.
   *
   * @throws RangeError when there is not exactly one.
   * @example tensor([2.5]).item(); // => 2.5
   */
  item(): number | bigint | boolean {
    if (this.size !== 1)
      throw new RangeError(`Expected a tensor of one element for item() but this one has ${this.size}`);
    return this.#plain(this.data[0] as number | bigint);
  }

  /**
   * The elements as nested arrays, an array a dimension; of a tensor without dimensions the number itself.
   *
   * @example tensor([[1.5], [2]]).tolist(); // => [[1.5], [2]]
   */
  tolist(): NestedArray {
    const { data } = this;
    let level: NestedArray[] = Array.from(data as ArrayLike<number | bigint>, (value) => this.#plain(value));
    for (let d = this.dims.length - 1; d > 0; d--) {
      const dim = this.dims[d] as number;
      const rows = sizeOf(this.dims.slice(0, d));
      level = Array.from({ length: rows }, (_, r) => level.slice(r * dim, (r + 1) * dim));
    }
    return this.dims.length === 0 ? (level[0] as NestedArray) : level;
  }

  #plain(value: number | bigint): number | bigint | boolean {
    return this.dtype === "bool" ? value !== 0 : value;
  }

  /**
   * The same numbers in another type, or on another device.
   *
   * @param target A type ("float32", "int64", …), or "cpu", or the device of a model. Inputs are handed to a model's
   *   device by the model itself, so `to(model.device)` gives the tensor as it is.
   * @throws TypeError for what is neither.
   * @throws Error for "cuda" where there is none, with what is missing.
   * @example tensor([0, 1, 2]).to("bool"); // => tensor([False, True, True])
   */
  to(target: string): Tensor {
    if ((dataTypes as readonly string[]).includes(target)) return this.#toType(target as DataType);
    if (!/^(cpu|cuda)(:\d+)?$/.test(target))
      throw new TypeError(
        `Expected a type (${dataTypes.join(", ")}) or a device ("cpu", "cuda") but received ${inspect(target)}`,
      );
    if (readDevice(target) === this.device || this.device === "cpu") return this;
    return new Tensor(this.dtype, this.data, this.dims);
  }

  #toType(dtype: DataType): Tensor {
    if (dtype === this.dtype) return this;
    return new Tensor(dtype, convert(this.data, dtype), this.dims);
  }

  /**
   * Frees the memory under this tensor and all of its views now, not when the collector comes by. Reading one of
   * them afterwards is an error that says so.
   *
   * @example
   * const { last_hidden_state } = await model.model(input_ids);
   * last_hidden_state.dispose();
   */
  dispose(): void {
    this.#storage.dispose();
  }

  /** The text that PyTorch prints: `tensor([[ 1.0000, -0.5000]])`. */
  override toString(): string {
    const floating = this.dtype.startsWith("float");
    const values = this.dtype === "bool" ? Array.from(this.data, Boolean) : this.data;
    const usual = this.size === 0 ? this.dtype === "float32" : ["float32", "int64", "bool"].includes(this.dtype);
    const suffixes = [
      ...(this.device === "cuda" ? ["device='cuda:0'"] : []),
      ...(usual ? [] : [`dtype=torch.${this.dtype}`]),
    ];
    return formatTensor({ dims: this.dims, values, floating, suffixes });
  }

  /** @internal */
  [inspect.custom](): string {
    return this.toString();
  }

  /** @internal */
  [jupyterDisplay](): MimeBundle {
    return { [mime.text]: this.toString() };
  }

  /**
   * Makes a tensor of one element a number where JavaScript wants one; any other stays what it is.
   *
   * @example tensor(2.5).valueOf(); // => 2.5
   */
  override valueOf(): number | bigint | boolean | this {
    return this.size === 1 ? this.item() : this;
  }

  /** @internal */
  [Symbol.toPrimitive](hint: string): string | number | bigint {
    if (hint === "string") return this.toString();
    const value = this.item();
    return typeof value === "boolean" || hint === "number" ? Number(value) : value;
  }
}

// `t[0]`: whatever neither a tensor nor its class has is looked up here, with the tensor as receiver.
Object.setPrototypeOf(
  Arithmetic.prototype,
  new Proxy(Object.prototype, {
    get(target, key, receiver) {
      if (typeof key === "string" && /^-?\d+$/.test(key) && receiver instanceof Tensor)
        return receiver.slice(Number(key));
      return Reflect.get(target, key, receiver);
    },
  }),
);

if (Symbol.dispose)
  Object.defineProperty(Tensor.prototype, Symbol.dispose, { value: Tensor.prototype.dispose, configurable: true });
