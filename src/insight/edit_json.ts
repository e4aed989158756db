/** Edits as JSON and back: their tensors as base64 of float32, row after row. */
import { inspect } from "node:util";
import { Tensor } from "../tensor";

/** A tensor as JSON holds it. */
export interface StoredTensor {
  /** The type of its numbers. */
  readonly dtype: "float32";
  /** Its sizes, outermost first. */
  readonly shape: readonly number[];
  /** base64 of the numbers, least significant byte first. */
  readonly data: string;
}

const littleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;
/** The bytes of numbers in the order in which JSON holds them; the same turns them back. */
function ordered(bytes: Buffer): Buffer {
  return littleEndian ? bytes : bytes.swap32();
}

/** The float32 tensor that a value says, in JavaScript's memory: no model's end takes it away. */
export function decodeTensor(value: Tensor | StoredTensor | readonly number[]): Tensor {
  if (value instanceof Tensor) return new Tensor("float32", value.to("float32").data as Float32Array, value.dims);
  if (Array.isArray(value)) return new Tensor("float32", value as number[], [value.length]);
  const { dtype, shape, data } = value as StoredTensor;
  if (dtype !== "float32" || !Array.isArray(shape) || typeof data !== "string")
    throw new TypeError(`Expected a tensor for the value of an edit but received ${inspect(value, { depth: 0 })}`);
  const bytes = ordered(Buffer.from(data, "base64"));
  const count = shape.reduce((product, n) => product * n, 1);
  if (bytes.length !== 4 * count)
    throw new RangeError(`Expected ${4 * count} bytes for a tensor [${shape.join(", ")}] but received ${bytes.length}`);
  const numbers = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  return new Tensor("float32", numbers, shape);
}

/** An edit's `toJSON`. */
export function editJson(this: { value?: Tensor }): Record<string, unknown> {
  if (this.value === undefined) return { ...this };
  const numbers = this.value.data as Float32Array;
  const bytes = ordered(Buffer.from(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)));
  const stored: StoredTensor = { dtype: "float32", shape: this.value.shape, data: bytes.toString("base64") };
  return { ...this, value: stored };
}
