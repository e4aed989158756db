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
import { sizeOf, stridesOf } from "./shape";
import {
  convert,
  type DataArray,
  type DataType,
  dataTypes,
  fromNumbers,
  gather,
  isArrayOf,
  makeArray,
  type Owner,
  Storage,
} from "./storage";
import { type Layout, Views } from "./views";

/** Nested arrays of numbers, a level a dimension, as `tolist` gives them: bigint for int64, boolean for bool. */
export type NestedArray = number | bigint | boolean | NestedArray[];

type View = { storage: Storage; dtype: DataType } & Omit<Layout, "contiguous">;

/**
 * Numbers with a shape. One that a model made stays on the model's device until its numbers are read; slices and other
 * shapes are views of it. As a cell's last value it is shown as PyTorch prints it. The names are transformers.js' and
 * PyTorch's; dimensions and indices below 0 count from the end.
 *
 * @example
 * const t = new Tensor("float32", [1, 2, 3, 4], [2, 2]);
 * t[0]; // => tensor([1., 2.])
 */
export class Tensor extends Views {
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
  override of(dtype: DataType, data: DataArray | readonly (number | bigint)[], dims: readonly number[]): Tensor {
    return new Tensor(dtype, data, dims);
  }

  /** @internal A float32 tensor over memory of a model. */
  static fromNative(native: NativeTensor, model: Owner, dims: readonly number[] = native.dims): Tensor {
    const storage = new Storage(native, model);
    return new Tensor({ storage, offset: 0, dims: [...dims], strides: stridesOf(dims), dtype: "float32" });
  }

  /** @internal The model's own tensor and the first element of it, when this is a row-major range of one. */
  nativeRange(model: Owner): { native: NativeTensor; start: number } | undefined {
    const native = this.#storage.nativeOf(model);
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

  /** @internal */
  protected override get layout(): Layout {
    return { offset: this.#offset, dims: this.dims, strides: this.#strides, contiguous: this.#contiguous };
  }
  /** @internal */
  protected override seen(change: Partial<Layout>): Tensor {
    const { dims, dtype } = this;
    return new Tensor({ storage: this.#storage, offset: this.#offset, strides: this.#strides, dims, dtype, ...change });
  }

  /**
   * The one element of a tensor that has one: a number, of int64 a bigint, of bool a boolean.
   *
   * @typeParam T The kind, where it is known: `item<number>()`.
   * @throws RangeError when there is not exactly one.
   * @example tensor([2.5]).item(); // => 2.5
   */
  item<T extends number | bigint | boolean = number | bigint | boolean>(): T {
    if (this.size !== 1)
      throw new RangeError(`Expected a tensor of one element for item() but this one has ${this.size}`);
    return this.#plain(this.data[0] as number | bigint) as T;
  }

  /**
   * The elements as nested arrays, an array a dimension; of a tensor without dimensions the number itself.
   *
   * @typeParam T Their type, where it is known: `tolist<number[]>()`.
   * @example tensor([[1.5], [2]]).tolist<number[][]>(); // => [[1.5], [2]]
   */
  tolist<T extends NestedArray = NestedArray>(): T {
    const { data } = this;
    let level: NestedArray[] = Array.from(data as ArrayLike<number | bigint>, (value) => this.#plain(value));
    for (let d = this.dims.length - 1; d > 0; d--) {
      const dim = this.dims[d] as number;
      const rows = sizeOf(this.dims.slice(0, d));
      level = Array.from({ length: rows }, (_, r) => level.slice(r * dim, (r + 1) * dim));
    }
    return (this.dims.length === 0 ? level[0] : level) as T;
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
   * The same in JavaScript's memory; where it lies in the processor's, the tensor itself.
   *
   * @example logits.cpu().device; // => "cpu"
   */
  cpu(): Tensor {
    return this.to("cpu");
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
