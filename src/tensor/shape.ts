/** Arithmetic of shapes: strides, dimensions counted from the end, ranges. */
import { inspect } from "node:util";

/** Steps between neighbours along each dimension of a row-major array. */
export function stridesOf(dims: readonly number[]): number[] {
  const strides = new Array<number>(dims.length);
  let step = 1;
  for (let i = dims.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= dims[i] as number;
  }
  return strides;
}

/** How many numbers a shape has. */
export function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/** A dimension's number from 0 on; negative ones count from the last. */
export function dimension(dim: number, rank: number): number {
  const least = -Math.max(rank, 1);
  if (!Number.isInteger(dim) || dim < least || dim >= Math.max(rank, 1))
    throw new RangeError(`Expected a dimension from ${least} to ${Math.max(rank, 1) - 1} but received ${inspect(dim)}`);
  return dim < 0 ? dim + Math.max(rank, 1) : dim;
}

/** An index from 0 on; negative ones count from the end. */
export function position(index: number, size: number, dim: number): number {
  if (!Number.isInteger(index) || index < -size || index >= size)
    throw new RangeError(
      `Expected an index from ${-size} to ${size - 1} for dimension ${dim} but received ${inspect(index)}`,
    );
  return index < 0 ? index + size : index;
}

/**
 * What `Tensor.slice` takes for a dimension: an index (which removes it), `[start, end]`, `[start]`, or null for all of
 * it.
 */
export type SliceArgument = number | bigint | readonly [number, number] | readonly [number] | null;

/** The shape of a part of an array, its strides, and how far its first element is from the array's. */
export function sliceShape(
  sizes: readonly number[],
  steps: readonly number[],
  ranges: readonly SliceArgument[],
): { start: number; dims: number[]; strides: number[] } {
  let start = 0;
  const dims: number[] = [];
  const strides: number[] = [];
  sizes.forEach((size, i) => {
    const step = steps[i] as number;
    const range = ranges[i] ?? null;
    if (range === null) {
      dims.push(size);
      strides.push(step);
    } else if (Array.isArray(range)) {
      const [from, to] = [bound(range[0], size), bound(range[1] ?? size, size)];
      start += from * step;
      dims.push(Math.max(0, to - from));
      strides.push(step);
    } else {
      start += position(typeof range === "bigint" ? Number(range) : (range as number), size, i) * step;
    }
  });
  return { start, dims, strides };
}

function bound(index: number, size: number): number {
  if (!Number.isInteger(index))
    throw new RangeError(`Expected whole numbers for a range but received ${inspect(index)}`);
  return Math.min(size, Math.max(0, index < 0 ? index + size : index));
}

/** The sizes that `dims` stands for, -1 being whatever is left. */
export function resolveShape(dims: readonly number[], size: number): number[] {
  const known = dims.filter((dim) => dim !== -1);
  const product = sizeOf(known);
  const open = dims.length - known.length;
  const fits = open === 0 ? product === size : open === 1 && product > 0 && size % product === 0;
  if (!fits || known.some((dim) => !Number.isInteger(dim) || dim < 0))
    throw new RangeError(`Expected a shape of ${size} elements but received [${dims.join(", ")}]`);
  return dims.map((dim) => (dim === -1 ? size / product : dim));
}
