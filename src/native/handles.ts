/** What the native half holds and JavaScript has in hand: a tensor, a sequence's keys and values, an abort flag. */

/** Set once from JavaScript, read between layers by the native thread. */
export interface AbortFlag {
  abort(): void;
  readonly aborted: boolean;
}

/** A float32 array in the device's memory, row-major. Its memory is known to the garbage collector. */
export interface NativeTensor {
  readonly dims: number[];
  readonly nbytes: number;
  /** Copies `count` elements from element `start` on. Throws after `dispose`. */
  read(start: number, count: number): Float32Array;
  dispose(): void;
}

/** Keys and values of one sequence. */
export interface NativeCache {
  /** Positions held. */
  readonly length: number;
  /** Positions that fit: the model's context. */
  readonly capacity: number;
  /** Bytes committed. */
  readonly nbytes: number;
  /** Forgets every position from `length` on. */
  truncate(length: number): void;
  dispose(): void;
}
