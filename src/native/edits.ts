/** What may be changed on the way of a pass: numbers of an intermediate, by a function of it, edges of attention. */
import type { NativeTensor } from "./handles";

/** Positions of a text: a rising list, or from one on, up to, without, another; default: all. */
export interface NativePositions {
  rows?: Int32Array;
  from?: number;
  to?: number;
}

/** Numbers of an intermediate that change at some positions; native/seam/tensor.h, RowEdit, says how. */
export interface NativeEdit extends NativePositions {
  /** A name as in `ForwardOptions.taps`; attention weights cannot be edited. */
  at: string;
  op: "add" | "multiply" | "set" | "project_out";
  /** Columns [first, last). */
  first: number;
  last: number;
  scale: number;
  /** (1, last - first), or a row for each of the positions. */
  value?: NativeTensor;
}

/** A function that is given an intermediate; until it calls `done`, with what takes its place or nothing, the pass waits. */
export interface NativeHook extends NativePositions {
  at: string;
  /** `numbers` (rows, n), the first row at `position`; `done(null)` makes the pass fail. */
  call: (numbers: Float32Array, rows: number, position: number, done: (changed?: Float32Array | null) => void) => void;
}

/** Edges of attention, from queries to keys, that count as never seen. */
export interface NativeKnockOut {
  layer: number;
  heads: Int32Array;
  queries: NativePositions;
  keys: NativePositions;
}

/** What may be changed in a pass. */
export type NativeChange = NativeEdit | NativeHook | NativeKnockOut;
