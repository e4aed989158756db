/**
 * Numbers with a shape. The names are transformers.js' and PyTorch's. A tensor that a model made stays on its device
 * until its numbers are read; slices are views of it, and reading one copies just the view.
 */
import { inspect } from "node:util";
import { readDevice } from "../devices";
import { jupyterDisplay, type MimeBundle, mime } from "../host";
import type { NativeTensor } from "../native";
import { formatTensor } from "./format";
import { argBest, type Lanes, lanes, softmax, sum, topIndices } from "./ops";
import { dimension, position, resolveShape, sizeOf, stridesOf } from "./shape";
import { type DataArray, type DataType, dataTypes, isArrayOf, makeArray, Storage } from "./storage";

/** Nested arrays of numbers, as `tolist` gives them: bigint for int64, boolean for bool. */
export type NestedArray = number | bigint | boolean | NestedArray[];

/** What {@link Tensor.slice} takes for a dimension: an index (which removes it), a range, or null for all of it. */
export type SliceArgument = number | bigint | readonly [number, number] | readonly [number] | null;

type View = { storage: Storage; offset: number; dims: number[]; strides: number[]; dtype: DataType };

/**
 * An n-dimensional array.
 *
 * @example
 * const t = new Tensor("float32", Float32Array.of(1, 2, 3, 4), [2, 2]);
 * t.slice(null, -1).tolist(); // [2, 4]
 */
export class Tensor {
  readonly dtype: DataType;
  /** Sizes of the dimensions. */
  readonly dims: number[];
  /** Its elements along the first dimension: `t[0]`, `t[-1]`. */
  readonly [index: number]: Tensor;
  readonly #storage: Storage;
  readonly #offset: number;
  readonly #strides: number[];

  /**
   * @param data An array of the type's own kind (int64: BigInt64Array, bool: Uint8Array), or plain numbers.
   * @throws {TypeError | RangeError} for an unknown type, and when the count of elements is not the product of `dims`.
   */
  constructor(dtype: DataType, data: DataArray | readonly (number | bigint | boolean)[], dims: readonly number[]);
  /** @internal A view. */
  constructor(view: View);
  constructor(
    first: DataType | View,
    data?: DataArray | readonly (number | bigint | boolean)[],
    dims?: readonly number[],
  ) {
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

  get shape(): number[] {
    return this.dims;
  }
  /** Count of elements. */
  get size(): number {
    return sizeOf(this.dims);
  }
  get ndim(): number {
    return this.dims.length;
  }
  /** Where the elements lie: "cpu" or "cuda". */
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

  /** The elements, row-major: of a view, a copy of just the view. */
  get data(): DataArray {
    const { size } = this;
    if (size === 0) return makeArray(this.dtype, 0);
    if (this.#contiguous) return this.#storage.read(this.#offset, size);
    const span = this.dims.reduce((last, dim, i) => last + (dim - 1) * (this.#strides[i] as number), 1);
    const source = this.#storage.read(this.#offset, span);
    const result = makeArray(this.dtype, size);
    const index = new Array<number>(this.dims.length).fill(0);
    for (let i = 0, at = 0; i < size; i++) {
      result[i] = source[at] as never;
      for (let d = this.dims.length - 1; d >= 0; d--) {
        at += this.#strides[d] as number;
        index[d] = (index[d] as number) + 1;
        if ((index[d] as number) < (this.dims[d] as number)) break;
        at -= (this.#strides[d] as number) * (this.dims[d] as number);
        index[d] = 0;
      }
    }
    return result;
  }

  #view(change: Partial<View>): Tensor {
    const { dims, dtype } = this;
    return new Tensor({ storage: this.#storage, offset: this.#offset, strides: this.#strides, dims, dtype, ...change });
  }

  /**
   * Part of the tensor, a dimension an argument: an index (negative ones count from the end) removes the dimension,
   * `[start, end]` keeps a range, null keeps all; dimensions without an argument stay whole.
   *
   * @example logits.slice(0, -1); // of (1, T, vocab) the last position's: (vocab)
   * @throws {RangeError} for an index outside the dimension, or more arguments than dimensions.
   */
  slice(...ranges: SliceArgument[]): Tensor {
    if (ranges.length > this.dims.length)
      throw new RangeError(`Expected at most ${this.dims.length} arguments for slice but received ${ranges.length}`);
    let offset = this.#offset;
    const dims: number[] = [];
    const strides: number[] = [];
    this.dims.forEach((dim, i) => {
      const stride = this.#strides[i] as number;
      const range = ranges[i] ?? null;
      if (range === null) {
        dims.push(dim);
        strides.push(stride);
      } else if (Array.isArray(range)) {
        const [start, end] = [bound(range[0], dim), bound(range[1] ?? dim, dim)];
        offset += start * stride;
        dims.push(Math.max(0, end - start));
        strides.push(stride);
      } else {
        offset += position(typeof range === "bigint" ? Number(range) : (range as number), dim, i) * stride;
      }
    });
    return this.#view({ offset, dims, strides });
  }

  /** Tensors along the first dimension, one after the other. */
  *[Symbol.iterator](): IterableIterator<Tensor> {
    if (this.dims.length === 0) throw new TypeError("A tensor of no dimensions holds one number: read it with item()");
    for (let i = 0; i < (this.dims[0] as number); i++) yield this.slice(i);
  }

  /** The same elements in another shape; one size may be -1. `view` is another name. */
  reshape(...dims: (number | readonly number[])[]): Tensor {
    const shape = resolveShape(dims.flat() as number[], this.size);
    if (this.#contiguous) return this.#view({ dims: shape, strides: stridesOf(shape) });
    return new Tensor(this.dtype, this.data, shape);
  }
  view(...dims: (number | readonly number[])[]): Tensor {
    return this.reshape(...dims);
  }

  /** Dimensions in another order. */
  permute(...order: (number | readonly number[])[]): Tensor {
    const from = (order.flat() as number[]).map((dim) => dimension(dim, this.ndim));
    if (from.length !== this.ndim || new Set(from).size !== this.ndim)
      throw new RangeError(`Expected each of ${this.ndim} dimensions once but received [${order.flat().join(", ")}]`);
    const pick = (list: number[]): number[] => from.map((dim) => list[dim] as number);
    return this.#view({ dims: pick(this.dims), strides: pick(this.#strides) });
  }

  /** Two dimensions exchanged. */
  transpose(a: number, b: number): Tensor {
    const order = this.dims.map((_, i) => i);
    const [x, y] = [dimension(a, this.ndim), dimension(b, this.ndim)];
    [order[x], order[y]] = [y, x];
    return this.permute(order);
  }

  /** Without the dimensions of size 1, or without `dim` if that is one. */
  squeeze(dim?: number): Tensor {
    const only = dim === undefined ? undefined : dimension(dim, this.ndim);
    const keep = this.dims.map((size, i) => size !== 1 || (only !== undefined && i !== only));
    return this.#view({ dims: this.dims.filter((_, i) => keep[i]), strides: this.#strides.filter((_, i) => keep[i]) });
  }

  /** With a dimension of size 1 before `dim`. */
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

  /** Indices (int64) of the greatest elements along `dim`, the first of equals; without `dim`, of all elements. */
  argmax(dim?: number, keepdim = false): Tensor {
    const along = this.#lanes(dim);
    return new Tensor("int64", argBest(this.data, along.lanes, 1), along.reduced(keepdim));
  }
  /** Indices (int64) of the least elements. */
  argmin(dim?: number, keepdim = false): Tensor {
    const along = this.#lanes(dim);
    return new Tensor("int64", argBest(this.data, along.lanes, -1), along.reduced(keepdim));
  }

  /** The greatest element of all, or along `dim`. */
  max(dim?: number, keepdim = false): Tensor {
    return this.#best(1, dim, keepdim);
  }
  /** The least element of all, or along `dim`. */
  min(dim?: number, keepdim = false): Tensor {
    return this.#best(-1, dim, keepdim);
  }
  #best(sign: 1 | -1, dim: number | undefined, keepdim: boolean): Tensor {
    const along = this.#lanes(dim);
    const { data } = this;
    const { starts, step } = along.lanes;
    const values = argBest(data, along.lanes, sign).map(
      (i, lane) => data[(starts[lane] as number) + i * step] as number,
    );
    return new Tensor(this.dtype, values, along.reduced(keepdim));
  }

  /** The sum of all elements, or along `dim`; of int32 and bool as int64. */
  sum(dim?: number, keepdim = false): Tensor {
    const along = this.#lanes(dim);
    const dtype = this.dtype === "int32" || this.dtype === "bool" ? "int64" : this.dtype;
    return new Tensor(dtype, sum(this.data, along.lanes), along.reduced(keepdim));
  }
  /** The mean of all elements, or along `dim`; a float32 tensor (float64 of float64). */
  mean(dim?: number, keepdim = false): Tensor {
    const along = this.#lanes(dim);
    const means = sum(this.data, along.lanes).map((total) => Number(total) / along.lanes.length);
    return new Tensor(this.dtype === "float64" ? "float64" : "float32", means, along.reduced(keepdim));
  }

  /** exp(x) over its sum along `dim` (default: the last): scores to probabilities. */
  softmax(dim = -1): Tensor {
    return new Tensor("float32", softmax(this.data, this.#lanes(dim).lanes, false), this.dims);
  }
  /** The logarithm of {@link softmax}. */
  log_softmax(dim = -1): Tensor {
    return new Tensor("float32", softmax(this.data, this.#lanes(dim).lanes, true), this.dims);
  }

  /**
   * The `k` greatest elements along `dim` (default: the last), in falling order, and their indices (int64).
   *
   * @example const { values, indices } = probabilities.topk(10);
   */
  topk(k: number, dim = -1): { values: Tensor; indices: Tensor } {
    const along = this.#lanes(dim);
    const { length, starts, step } = along.lanes;
    if (!Number.isInteger(k) || k < 0 || k > length)
      throw new RangeError(`Expected k from 0 to ${length} for topk but received ${inspect(k)}`);
    const { data } = this;
    const best = topIndices(data, along.lanes, k);
    const dims = this.dims.map((size, i) => (i === along.at ? k : size));
    // Lanes are filled one by one, in the order of the other dimensions; `step` apart when `dim` is not the last.
    const values = makeArray(this.dtype, sizeOf(dims));
    const indices = new BigInt64Array(values.length);
    best.forEach((lane, l) => {
      lane.forEach((i, j) => {
        const at = Math.floor(l / step) * k * step + (l % step) + j * step;
        values[at] = data[(starts[l] as number) + i * step] as never;
        indices[at] = BigInt(i);
      });
    });
    return { values: new Tensor(this.dtype, values, dims), indices: new Tensor("int64", indices, dims) };
  }

  /** The one element: a number, for int64 a bigint, for bool a boolean. */
  item(): number | bigint | boolean {
    if (this.size !== 1)
      throw new RangeError(`Expected a tensor of one element for item() but this one has ${this.size}`);
    return this.#plain(this.data[0] as number | bigint);
  }

  /** The elements as nested arrays; of a tensor without dimensions the number itself. */
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
   * @throws {Error} a sentence for "cuda" where there is none.
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
    const { data } = this;
    const result = makeArray(dtype, data.length);
    for (let i = 0; i < data.length; i++) {
      const value = Number(data[i]);
      if (dtype === "int64") result[i] = BigInt(Number.isFinite(value) ? Math.trunc(value) : 0) as never;
      else result[i] = (dtype === "bool" ? Number(value !== 0) : value) as never;
    }
    return new Tensor(dtype, result, this.dims);
  }

  /** Frees the memory under this tensor and its views now, not when the collector comes by. */
  dispose(): void {
    this.#storage.dispose();
  }

  /** PyTorch's text: `tensor([[ 1.0000, -0.5000]])`. */
  toString(): string {
    const floating = this.dtype.startsWith("float");
    const values = this.dtype === "bool" ? Array.from(this.data, Boolean) : this.data;
    const usual = this.size === 0 ? this.dtype === "float32" : ["float32", "int64", "bool"].includes(this.dtype);
    const suffixes = [
      ...(this.device === "cuda" ? ["device='cuda:0'"] : []),
      ...(usual ? [] : [`dtype=torch.${this.dtype}`]),
    ];
    return formatTensor({ dims: this.dims, values, floating, suffixes });
  }

  [inspect.custom](): string {
    return this.toString();
  }

  [jupyterDisplay](): MimeBundle {
    return { [mime.text]: this.toString() };
  }

  /** A tensor of one element in arithmetic: `Number(loss)`. */
  valueOf(): number | bigint | boolean | this {
    return this.size === 1 ? this.item() : this;
  }

  [Symbol.toPrimitive](hint: string): string | number | bigint {
    if (hint === "string") return this.toString();
    const value = this.item();
    return typeof value === "boolean" || hint === "number" ? Number(value) : value;
  }
}

// `t[0]`: whatever neither a tensor nor its class has is looked up here, with the tensor as receiver.
Object.setPrototypeOf(
  Tensor.prototype,
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

function bound(index: number, size: number): number {
  if (!Number.isInteger(index))
    throw new RangeError(`Expected whole numbers for a range but received ${inspect(index)}`);
  return Math.min(size, Math.max(0, index < 0 ? index + size : index));
}

function fromNumbers(dtype: DataType, data: unknown): DataArray {
  const list = data as ArrayLike<number | bigint | boolean>;
  if (typeof data !== "object" || data === null || typeof list.length !== "number")
    throw new TypeError(`Expected an array of numbers for the data of a tensor but received ${inspect(data)}`);
  const result = makeArray(dtype, list.length);
  for (let i = 0; i < list.length; i++)
    result[i] = (dtype === "int64" ? BigInt(list[i] as number) : Number(list[i])) as never;
  return result;
}
