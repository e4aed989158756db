/** Where a tensor's numbers lie: in an array of JavaScript's, or on a device until someone reads them. */
import { inspect } from "node:util";
import type { NativeModel, NativeTensor } from "../native";
import { sizeOf } from "./shape";

/** The number types that a tensor may have, under PyTorch's names; `bool` is kept as 0 and 1. */
export type DataType = "float32" | "float64" | "int64" | "int32" | "bool";

/** The array that holds the numbers of each type, in the types' order; a bool takes a byte. */
export type DataArray = Float32Array | Float64Array | BigInt64Array | Int32Array | Uint8Array;

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  int64: BigInt64Array,
  int32: Int32Array,
  bool: Uint8Array,
} as const;

export const dataTypes: readonly DataType[] = Object.keys(arrays) as DataType[];

/** A new array of `length` zeros. */
export function makeArray(dtype: DataType, length: number): DataArray {
  return new arrays[dtype](length);
}

export function isArrayOf(dtype: DataType, data: unknown): data is DataArray {
  return data instanceof arrays[dtype];
}

/** The array of these numbers. @throws TypeError when they are none. */
export function fromNumbers(dtype: DataType, data: unknown): DataArray {
  const list = data as ArrayLike<number | bigint | boolean>;
  if (typeof data !== "object" || data === null || typeof list.length !== "number")
    throw new TypeError(`Expected an array of numbers for the data of a tensor but received ${inspect(data)}`);
  const result = makeArray(dtype, list.length);
  for (let i = 0; i < list.length; i++)
    result[i] = (dtype === "int64" ? BigInt(list[i] as number) : Number(list[i])) as never;
  return result;
}

/** The same numbers in another type; int64 cuts fractions off, and makes 0 of what is not finite. */
export function convert(data: DataArray, dtype: DataType): DataArray {
  const result = makeArray(dtype, data.length);
  for (let i = 0; i < data.length; i++) {
    const value = Number(data[i]);
    if (dtype === "int64") result[i] = BigInt(Number.isFinite(value) ? Math.trunc(value) : 0) as never;
    else result[i] = (dtype === "bool" ? Number(value !== 0) : value) as never;
  }
  return result;
}

/** A row-major copy of the elements that lie `strides` apart in `source`. */
export function gather(
  dtype: DataType,
  source: DataArray,
  dims: readonly number[],
  strides: readonly number[],
): DataArray {
  const result = makeArray(dtype, sizeOf(dims));
  const index = new Array<number>(dims.length).fill(0);
  for (let i = 0, at = 0; i < result.length; i++) {
    result[i] = source[at] as never;
    for (let d = dims.length - 1; d >= 0; d--) {
      at += strides[d] as number;
      index[d] = (index[d] as number) + 1;
      if ((index[d] as number) < (dims[d] as number)) break;
      at -= (strides[d] as number) * (dims[d] as number);
      index[d] = 0;
    }
  }
  return result;
}

/** Whose memory a tensor lies in. */
export type Owner = Pick<NativeModel, "device" | "original">;

/** The elements under one or more tensors. */
export class Storage {
  #data: DataArray | undefined;
  #native: NativeTensor | undefined;
  readonly #owner: Owner | undefined;
  readonly length: number;
  #disposed = false;

  constructor(source: DataArray | NativeTensor, owner?: Owner) {
    this.#owner = owner?.original ?? owner;
    if (ArrayBuffer.isView(source)) {
      this.#data = source;
      this.length = source.length;
    } else {
      this.#native = source;
      this.length = source.nbytes / 4;
    }
  }

  get device(): "cpu" | "cuda" {
    return this.#owner?.device ?? "cpu";
  }

  /** The model's own tensor, when the elements lie in that model's memory. */
  nativeOf(model: Owner): NativeTensor | undefined {
    return this.#owner === (model.original ?? model) ? this.#native : undefined;
  }

  /** Elements [start, start + count): the array itself where it holds just these, else a copy. */
  read(start: number, count: number): DataArray {
    if (this.#disposed) throw new Error("The tensor was disposed: its numbers are gone");
    if (this.#native) return this.#native.read(start, count);
    const data = this.#data as DataArray;
    return start === 0 && count === data.length ? data : data.slice(start, start + count);
  }

  /** Frees the memory; later reads are errors that say so. */
  dispose(): void {
    this.#disposed = true;
    this.#native?.dispose();
    this.#data = undefined;
  }
}
