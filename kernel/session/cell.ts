/**
 * A running cell: whose request it is, its abort signal, and where its output goes. Code belongs to the last cell that was
 * started; a timer's callback belongs to the cell that set the timer, so a clock started in one cell goes on printing below
 * it. (AsyncLocalStorage would know more, but on Node 20 and 22 it makes every await slower, and a forced interrupt unsafe.)
 */
import { StringDecoder } from "node:string_decoder";
import type { MimeBundle } from "../../src/host";
import type { Wire } from "../protocol/wire";

export type Stream = "stdout" | "stderr";

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

let last: Cell | undefined;
/** The cell whose timer's callback runs. */
let owner: Cell | undefined;

/** The cell that the running code belongs to; undefined before the first. */
export function currentCell(): Cell | undefined {
  return owner ?? last;
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
}

/** One execute request. */
export class Cell implements CellOptions {
  readonly serial: number;
  readonly count: number;
  readonly silent: boolean;
  readonly allowStdin: boolean;
  readonly source: string;
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
    last = this;
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
    this.#captures.push(capture);
    try {
      const value = await run();
      await this.settleDisplays();
      return { ...capture, value };
    } finally {
      this.#captures.splice(this.#captures.indexOf(capture), 1);
    }
  }

  /** Settles when everything displayed so far has shown itself. */
  async settleDisplays(): Promise<void> {
    while (this.pending.size > 0) {
      await Promise.allSettled(this.pending);
    }
  }
}
