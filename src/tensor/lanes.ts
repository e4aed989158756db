/** The elements of a tensor as lanes along one of its dimensions. */
import { sizeOf } from "./shape";

/** The elements as `count` lanes along a dimension: each has `length` elements, `step` apart. */
export interface Lanes {
  count: number;
  length: number;
  step: number;
}

/** Where lane l begins. */
export const startOf = ({ length, step }: Lanes, l: number): number =>
  Math.floor(l / step) * length * step + (l % step);

/** `dim` undefined: one lane of all elements. */
export function lanes(dims: readonly number[], dim: number | undefined): Lanes {
  if (dim === undefined || dims.length === 0) return { count: 1, length: sizeOf(dims), step: 1 };
  const step = sizeOf(dims.slice(dim + 1));
  return { count: step * sizeOf(dims.slice(0, dim)), length: dims[dim] as number, step };
}

export const isNaN_ = (value: number | bigint): boolean => typeof value === "number" && Number.isNaN(value);
