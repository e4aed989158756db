/**
 * What is written to the process's own descriptors 1 and 2: by children that inherit them, by `fs.writeSync(1, …)`, by native
 * code. The thread of the sockets looks for it again and again; the main thread takes in what waits before it says something
 * itself, so that all of it stays in order.
 */
import { readSync, writeSync } from "node:fs";
import { Shared } from "./link";
import { NOTE_BYTES, NOTES, type Supervised } from "./supervised";

export type Stream = "stdout" | "stderr";

/** Read at a time: what a pipe holds. */
const SIZE = 65_536;
/** Bytes of standard error that are noted for the case that the process dies. */
const TAIL_BYTES = 8_192;
/** Read before what was found is passed on: a writer may be faster than its reader. */
const MOST = 16;
/**
 * Between two looks into the pipes, in milliseconds. Node's own way, to be told when there is something, reads at a moment
 * that the main thread does not know of.
 */
const LOOK_MS = { least: 1, running: 16, idle: 64 };
/** How long the main thread may take to pass on what it has read, in milliseconds. */
const PATIENCE_MS = 5;

/** What waits in a pipe, without waiting for more. */
export function readWaiting(descriptor: number): Buffer {
  const parts: Buffer[] = [];
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0; // An empty pipe is an error; its stack would be the most expensive part of a print.
  try {
    for (let i = 0; i < MOST; i++) {
      const part = Buffer.allocUnsafe(SIZE);
      const length = readSync(descriptor, part);
      parts.push(part.subarray(0, length));
      if (length < SIZE) break;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  return Buffer.concat(parts);
}

/**
 * Takes the right to read: who has it passes on what it found before it gives it back, so that the two threads keep the
 * order. False: the other thread has not given it back in `ms` milliseconds.
 */
export function beginReading(shared: Int32Array, ms: number): boolean {
  const deadline = performance.now() + ms;
  while (Atomics.compareExchange(shared, Shared.Reading, 0, 1) !== 0) {
    if (performance.now() >= deadline) {
      return false;
    }
    Atomics.wait(shared, Shared.Reading, 1, 1);
  }
  return true;
}

export function endReading(shared: Int32Array): void {
  Atomics.store(shared, Shared.Reading, 0);
  Atomics.notify(shared, Shared.Reading);
}

export interface DescriptorOptions {
  shared: Int32Array;
  /** Handles all that the main thread has said before now. */
  catchUp(): void;
  write(stream: Stream, bytes: Buffer): void;
  /** False: the pipes are left to fill, and their writers wait. */
  hasRoom(): boolean;
}

/** The reader in the thread of the sockets, for what comes while the main thread says nothing. */
export class Descriptors {
  readonly #supervised: Supervised;
  readonly #options: DescriptorOptions;
  #tail = Buffer.alloc(0);
  #timer: NodeJS.Timeout | undefined;
  #wait = LOOK_MS.least;

  constructor(supervised: Supervised, options: DescriptorOptions) {
    this.#supervised = supervised;
    this.#options = options;
    this.#look();
  }

  /** Writes all that was written to the descriptors before this call; false: there was nothing. */
  drain(): boolean {
    const { shared, catchUp, write } = this.#options;
    if (!beginReading(shared, PATIENCE_MS)) {
      return false; // The main thread reads, and waits for room: its words are on the way.
    }
    let found = false;
    for (const stream of ["stdout", "stderr"] as const) {
      const bytes = readWaiting(this.#supervised[stream]);
      if (bytes.length > 0) {
        found = true;
        if (stream === "stderr") {
          this.#note(bytes); // At once: what was read and not noted would end with the process.
        }
        catchUp();
        write(stream, bytes);
      }
    }
    endReading(shared);
    return found;
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  /** Looks again soon after there was something, and less and less often else. */
  #look(): void {
    const idle = Atomics.load(this.#options.shared, Shared.Running) === 0;
    const most = idle ? LOOK_MS.idle : LOOK_MS.running;
    const found = this.#options.hasRoom() && this.drain();
    this.#wait = found ? LOOK_MS.least : Math.min(most, this.#wait * 2);
    this.#timer = setTimeout(() => this.#look(), this.#wait);
  }

  /** Keeps the end of standard error where it outlives the process: V8 says there why it ends it. */
  #note(bytes: Buffer): void {
    this.#tail = Buffer.concat([this.#tail, bytes]).subarray(-TAIL_BYTES);
    writeSync(NOTES, this.#tail, 0, this.#tail.length, NOTE_BYTES);
  }
}
