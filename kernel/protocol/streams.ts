/** Text that cells print, and what is written to the process's own descriptors, on its way to the clients. */
import { writeSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";
import type { Channels } from "./channels";
import { Descriptors, type Stream } from "./descriptors";
import { Shared, type ToMain } from "./link";
import type { Requests } from "./requests";
import { type Supervised, terminal } from "./supervised";

/** Characters of output that may wait before the process's descriptors are left to fill. */
const ROOM = 16 * 1024 * 1024;

export interface StreamsOptions {
  shared: Int32Array;
  channels: Channels;
  requests: Requests;
  toMain(message: ToMain): void;
}

/** The two streams of a session. */
export class Streams {
  readonly #options: StreamsOptions;
  readonly #decoders = { stdout: new StringDecoder("utf8"), stderr: new StringDecoder("utf8") };
  #descriptors: Descriptors | undefined;

  constructor(options: StreamsOptions) {
    this.#options = options;
  }

  /** Begins to read the process's descriptors; `catchUp` handles all that the main thread has said before. */
  capture(supervised: Supervised, catchUp: () => void): void {
    const { shared } = this.#options;
    this.#descriptors = new Descriptors(supervised, {
      ...{ shared, catchUp, write: (stream: Stream, bytes: Buffer) => this.#writeFound(stream, bytes) },
      hasRoom: () => Atomics.load(shared, Shared.Pending) < ROOM,
    });
  }

  /** Appends what a cell printed, which the main thread has counted as pending before. */
  write(serial: number, stream: Stream, printed: string | Uint8Array): void {
    const text = typeof printed === "string" ? printed : this.#decode(stream, printed);
    if (text !== "") {
      this.#options.channels.write(this.#options.requests.headerOf(serial), stream, text);
    }
  }

  /** Takes in all that was written to the descriptors before this call. */
  drain(): void {
    this.#descriptors?.drain();
  }

  close(): void {
    this.drain();
    this.#descriptors?.close();
  }

  /** Text of bytes whose number is counted as pending; that of the text is from now on. */
  #decode(stream: Stream, bytes: Uint8Array): string {
    const text = this.#decoders[stream].write(Buffer.from(bytes));
    Atomics.add(this.#options.shared, Shared.Pending, text.length - bytes.length);
    return text;
  }

  /** What came by the descriptors belongs to the cell that runs, or else to the last one. */
  #writeFound(stream: Stream, bytes: Buffer): void {
    const { shared, toMain } = this.#options;
    if (Atomics.load(shared, Shared.Capturing) === 1) {
      toMain({ type: "output", stream, bytes });
      return;
    }
    const serial = Atomics.load(shared, Shared.Running) || Atomics.load(shared, Shared.LastRun);
    if (serial === 0) {
      writeSync(terminal[stream], bytes);
      return;
    }
    Atomics.add(shared, Shared.Pending, bytes.length);
    this.write(serial, stream, bytes);
  }
}
