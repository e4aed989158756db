/** Where a tensor's numbers lie: in an array of JavaScript's, or on a device until someone reads them. */
import type { NativeTensor } from "../native";

/** The number types a tensor may have; `bool` is kept as 0 and 1. */
export type DataType = "float32" | "float64" | "int64" | "int32" | "bool";

/** The array that holds each type. */
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

/** The elements under one or more tensors. */
export class Storage {
  #data: DataArray | undefined;
  #native: NativeTensor | undefined;
  readonly length: number;
  readonly device: "cpu" | "cuda";
  #disposed = false;

  constructor(source: DataArray | NativeTensor, device: "cpu" | "cuda" = "cpu") {
    this.device = device;
    if (ArrayBuffer.isView(source)) {
      this.#data = source;
      this.length = source.length;
    } else {
      this.#native = source;
      this.length = source.nbytes / 4;
    }
  }

  /** The device's own tensor, when the elements lie there. */
  get native(): NativeTensor | undefined {
    return this.#native;
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
