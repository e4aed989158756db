/**
 * A running cell: whose request it is, its abort signal, and where its output goes. Code belongs to the last cell that was
 * started; a timer's callback belongs to the cell that set the timer, so a clock started in one cell goes on printing below
 * it. (AsyncLocalStorage would know more, but on Node 20 and 22 it makes every await slower, and a forced interrupt unsafe.)
 */
import { StringDecoder } from "node:string_decoder";
import type { MimeBundle } from "../../src/host";
import type { Stream } from "../protocol/descriptors";
import type { Wire } from "../protocol/wire";

export type { Stream };

/** Why the signal of an interrupted cell aborted; what the cell ends with. */
export class KeyboardInterrupt extends Error {
  override name = "KeyboardInterrupt";

  constructor() {
    super("The cell was interrupted.");
  }
}

/** Output kept back by a magic such as `%%capture`. */
export interface Capture {
  stdout: string;
  stderr: string;
  outputs: MimeBundle[];
}

/** What a display carries besides its data. */
export interface ShowOptions {
  display_id?: string;
  update?: boolean;
  metadata?: Record<string, unknown>;
}

/** A timer that is late by more than this, in milliseconds, was cleared in a way that nobody noticed. */
const TIMER_MS = 100;

let last: Cell | undefined;
/** The cell whose timer's callback runs. */
let owner: Cell | undefined;

/**
 * The cell that the running code belongs to; undefined before the first. Without a front end, where only what belongs to the
 * running cell is kept, late code belongs to that one.
 */
export function currentCell(): Cell | undefined {
  const late = owner?.ended === true && last?.ended === false && !last.allowStdin;
  return late ? last : (owner ?? last);
}

/** The cell that was started last. */
export function lastCell(): Cell | undefined {
  return last;
}

/** The latest cells by their numbers. */
const latest = new Map<number, Cell>();
const REMEMBERED = 256;

/** The cell whose code an error came from, as far as its stack says; it may have ended. */
export function cellOfError(error: unknown): Cell | undefined {
  try {
    const stack = String((error as Error).stack);
    const count = [...stack.matchAll(/\bcell ?\[(\d+)\]/g)].at(-1)?.[1];
    return count === undefined ? undefined : latest.get(Number(count));
  } catch {
    return undefined; // Not an error, or one with a stack of its own making.
  }
}

/** Takes in what was written to the process's own descriptors; called before a cell says something itself. */
let takeIn: (always: boolean) => void = () => undefined;

/** Says how {@link takeIn} is done, where the descriptors are captured. */
export function setTakeIn(how: (always: boolean) => void): void {
  takeIn = how;
}

/** Forgets whose callback runs: after an error or a forced interrupt that ended it. */
export function resetOwner(): void {
  owner = undefined;
}

export interface CellOptions {
  serial: number;
  /** Number shown beside the cell. */
  count: number;
  silent: boolean;
  allowStdin: boolean;
  /** The cell's text. */
  source?: string;
  /** The front end shows colours in results. */
  colors?: boolean;
}

/** One execute request. */
export class Cell implements CellOptions {
  readonly serial: number;
  readonly count: number;
  readonly silent: boolean;
  readonly allowStdin: boolean;
  readonly source: string;
  readonly colors: boolean;
  /** Timers that the cell has set and that have not yet fired: when each is due, in milliseconds of `performance.now()`. */
  readonly timers = new Map<unknown, number>();
  /** Ends the cell with an error that its own code cannot be given; set while it runs. */
  fail: (error: unknown) => void = () => undefined;
  /** Displays whose objects have not shown themselves yet; the cell ends after them. */
  readonly pending = new Set<Promise<unknown>>();
  /** What `execute_reply` asks the front end to do. */
  readonly payload: Record<string, unknown>[] = [];
  /** Ended by the user: its timers never fire again. */
  interrupted = false;
  /** No longer the running one. */
  ended = false;
  readonly #wire: Wire;
  readonly #controller = new AbortController();
  readonly #captures: Capture[] = [];
  readonly #decoders: Record<Stream, StringDecoder> = {
    stdout: new StringDecoder("utf8"),
    stderr: new StringDecoder("utf8"),
  };

  constructor(wire: Wire, options: CellOptions) {
    this.#wire = wire;
    this.serial = options.serial;
    this.count = options.count;
    this.silent = options.silent;
    this.allowStdin = options.allowStdin;
    this.source = options.source ?? "";
    this.colors = options.colors === true;
    last = this;
    latest.delete(this.count);
    latest.set(this.count, this);
    if (latest.size > REMEMBERED) {
      latest.delete(latest.keys().next().value as number);
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Runs the callback of a timer that this cell has set. What it throws, uncaught, still belongs to the cell. */
  call<T>(callback: () => T): T {
    const before = owner;
    owner = this;
    const result = callback();
    owner = before;
    return result;
  }

  /** The user wants the cell to end. */
  interrupt(): void {
    this.interrupted = true;
    this.#controller.abort(new KeyboardInterrupt());
  }

  /** Appends to a stream; bytes may stop in the middle of a character. */
  write(stream: Stream, data: string | Uint8Array): void {
    takeIn(false);
    this.#write(stream, data);
  }

  /** Takes in what was written to the process's own descriptors, so that what is said next comes after it. */
  catchUp(): void {
    takeIn(true);
  }

  /** Appends what was written to the process's own descriptors. */
  writeDescriptor(stream: Stream, bytes: Uint8Array): void {
    if (this.#captures.length > 0) {
      this.#write(stream, bytes);
    } else {
      this.#wire.write(this.serial, stream, bytes);
    }
  }

  #write(stream: Stream, data: string | Uint8Array): void {
    const text = typeof data === "string" ? data : this.#decoders[stream].write(Buffer.from(data));
    if (text === "") {
      return;
    }
    const capture = this.#captures.at(-1);
    if (capture) {
      capture[stream] += text;
    } else {
      this.#wire.write(this.serial, stream, text);
    }
  }

  /** Shows data, or shows it in the place of an earlier display. */
  show(data: MimeBundle, options: ShowOptions = {}): void {
    takeIn(true);
    const capture = this.#captures.at(-1);
    if (capture) {
      capture.outputs.push(data);
      return;
    }
    const transient = options.display_id === undefined ? {} : { display_id: options.display_id };
    const content = { data, metadata: options.metadata ?? {}, transient };
    this.#wire.publish(this.serial, options.update ? "update_display_data" : "display_data", content);
  }

  /** Clears what the cell has shown. */
  clear(wait: boolean): void {
    if (this.#captures.length === 0) {
      this.#wire.publish(this.serial, "clear_output", { wait });
    }
  }

  /** Runs `run` and keeps what it prints and shows. */
  async capture<T>(run: () => Promise<T>): Promise<Capture & { value: T }> {
    const capture: Capture = { stdout: "", stderr: "", outputs: [] };
    takeIn(true);
    this.#wire.setCapturing(true);
    this.#captures.push(capture);
    try {
      const value = await run();
      await this.settleDisplays();
      await this.#wire.mark(); // What the worker has read of the descriptors is here after that.
      takeIn(true);
      return { ...capture, value };
    } finally {
      this.#captures.splice(this.#captures.indexOf(capture), 1);
      this.#wire.setCapturing(this.#captures.length > 0);
    }
  }

  /**
   * When the last of the timers is due that are worth waiting for before a cell without a front end ends, in milliseconds of
   * `performance.now()`: those that are due by `latest` and would keep a process alive.
   */
  timersDue(latest: number): number | undefined {
    const now = performance.now();
    const dues = [...this.timers]
      .filter(([handle]) => (handle as Partial<NodeJS.Timeout>).hasRef?.() !== false)
      .map(([, due]) => due)
      .filter((due) => due >= now - TIMER_MS && due <= latest);
    return dues.length === 0 ? undefined : Math.max(...dues);
  }

  /** Settles when everything displayed so far has shown itself. */
  async settleDisplays(): Promise<void> {
    while (this.pending.size > 0) {
      await Promise.allSettled(this.pending);
    }
  }
}
