/**
 * The main thread's end of the link to the socket worker: requests come in as events, output and replies go out in order.
 *
 * Sending never waits for the event loop, so a loop that never yields still shows what it prints. When more than 64 MB of
 * output wait in the worker, the writer waits until there is room.
 */
import { join } from "node:path";
import { MessageChannel, receiveMessageOnPort, SHARE_ENV, Worker } from "node:worker_threads";
import { beginReading, endReading, type Stream } from "./descriptors";
import {
  type CompilerStart,
  type Connection,
  type Question,
  type Request,
  Shared,
  type Told,
  type ToMain,
  type ToWorker,
  type WorkerStart,
} from "./link";
import { toJson } from "./message";
import type { Supervised } from "./supervised";

/** Characters of output that may wait in the worker. */
const ROOM = 64 * 1024 * 1024;
/** Longest sleep at a time of a writer that waits for room, in milliseconds: an interrupt must get through. */
const NAP_MS = 50;
/** Longest wait for the worker to start the compiler, in milliseconds. */
const START_MS = 1_000;

/** What the kernel does with what comes in. Every handler runs on a fresh stack of the event loop. */
export interface WireHandlers {
  request(request: Request): void;
  /** The user wants the cell of request `serial` (0: none) to end; to be answered by `acknowledge` once it has. May come repeatedly. */
  interrupt(serial: number): void;
  /** JavaScript was stopped by force: whatever of the kernel's own may have been hit must go on. */
  kick(): void;
  input(serial: number, value: string): void;
  /** What was written to the process's own descriptors while a cell keeps what it prints. */
  output(stream: Stream, bytes: Uint8Array): void;
  /** Answers at once. */
  look(question: Question): unknown;
  exit(): void;
  /** The sockets are gone, for the reason given: nobody can be reached any more. */
  lost(reason: string): void;
}

export interface WireOptions {
  connection: Connection;
  /** Content of kernel_info_reply. */
  kernelInfo: Record<string, unknown>;
  supervised?: Supervised;
  compiler: CompilerStart;
}

/** The kernel's connection to its clients. */
export class Wire {
  readonly #shared = new Int32Array(new SharedArrayBuffer(Shared.Size * Int32Array.BYTES_PER_ELEMENT));
  readonly #worker: Worker;
  readonly #answers = new MessageChannel();
  readonly #marks = new Map<number, () => void>();
  #handlers!: WireHandlers;
  #lastMark = 0;
  #lastInterrupt = 0;
  #closed: (() => void) | undefined;

  /** Starts the worker. */
  constructor({ connection, kernelInfo, supervised, compiler }: WireOptions) {
    this.#answers.port1.unref();
    const workerData: WorkerStart = {
      connection,
      shared: this.#shared,
      kernelInfo: JSON.stringify(kernelInfo),
      parent: process.ppid,
      supervised,
      answers: this.#answers.port2,
      compiler,
    };
    this.#worker = new Worker(join(__dirname, "..", "thread.js"), {
      ...{ workerData, stdout: false, stderr: false, env: SHARE_ENV },
      transferList: [this.#answers.port2, compiler.port],
    });
    // Nothing takes as long to be ready as the compiler: on a busy machine the rest would be loaded at its expense.
    Atomics.wait(this.#shared, Shared.Compiling, 0, START_MS);
  }

  /** Hands what comes in to `handlers`. To be called in the turn of the event loop in which the wire was made. */
  listen(handlers: WireHandlers): void {
    this.#handlers = handlers;
    this.#worker.on("error", (error) => handlers.lost(String(error)));
    this.#worker.on("exit", () => this.#closed === undefined && handlers.lost("The thread of the sockets ended."));
    this.#worker.on("message", (message: ToMain) => {
      if (message.type === "failed") {
        handlers.lost(message.message);
      } else {
        this.#receive(message);
      }
    });
  }

  /** Appends text to a stream of request `serial`; waits while too much is unsent. */
  write(serial: number, stream: Stream, text: string | Uint8Array): void {
    this.#reserve(text.length);
    this.#send([serial, stream, text]);
  }

  /** Publishes a message on iopub for request `serial`. Throws when the content is no JSON. */
  publish(serial: number, msg_type: string, content: unknown, metadata?: Record<string, unknown>): void {
    const text = toJson(content);
    this.#reserve(text.length);
    this.#send({ type: "publish", serial, msg_type, content: text, metadata: metadata && toJson(metadata) });
  }

  /** Answers request `serial` on the channel it came from, and publishes `idle` for it. Only the first answer counts. */
  reply(serial: number, msg_type: string, content: Record<string, unknown>): void {
    this.#send({ type: "reply", serial, msg_type, content: toJson(content) });
  }

  /** Publishes `idle` for a request that has no reply. */
  ignore(serial: number): void {
    this.#send({ type: "reply", serial, msg_type: "", content: "" });
  }

  /** Asks the client of request `serial` for a line of text. */
  ask(serial: number, content: { prompt: string; password: boolean }): void {
    this.#send({ type: "input", serial, content: toJson(content), blocking: false });
  }

  /** As {@link ask}, and waits for the answer without turning the event loop; undefined: the cell was interrupted. */
  askAndWait(serial: number, content: { prompt: string; password: boolean }): string | undefined {
    Atomics.store(this.#shared, Shared.Wanted, 0);
    this.#send({ type: "input", serial, content: toJson(content), blocking: true });
    for (;;) {
      const seen = Atomics.load(this.#shared, Shared.Answered);
      const next = receiveMessageOnPort(this.#answers.port1);
      const answer = next?.message as { serial: number; value: string } | undefined;
      if (answer?.serial === serial) {
        return answer.value;
      }
      if (this.isInterrupted(serial)) {
        return undefined;
      }
      if (answer === undefined) {
        Atomics.wait(this.#shared, Shared.Answered, seen, NAP_MS);
      }
    }
  }

  /** True when the user wants the running request to end, also before the main thread could take that in. */
  isInterrupted(serial: number): boolean {
    return Atomics.load(this.#shared, Shared.Wanted) === serial;
  }

  /** Whether what is written to the process's own descriptors is handed to `output`. */
  setCapturing(capturing: boolean): void {
    Atomics.store(this.#shared, Shared.Capturing, capturing ? 1 : 0);
  }

  /** Tells the worker what it must know of the session. */
  tell(told: Told): void {
    this.#send(told);
  }

  /** Settles when every request that had reached the kernel before this call has been handed to `request`. */
  mark(): Promise<void> {
    this.#lastMark += 1;
    const number = this.#lastMark;
    this.#send({ type: "mark", number });
    return new Promise((resolve) => {
      this.#marks.set(number, resolve);
    });
  }

  /** Says whose user code runs from now on; 0: none. */
  setRunning(serial: number): void {
    Atomics.store(this.#shared, Shared.Running, serial);
    if (serial !== 0) {
      Atomics.store(this.#shared, Shared.LastRun, serial);
    }
  }

  /** Says that nothing of what the last interrupt meant still runs. */
  acknowledge(): void {
    Atomics.store(this.#shared, Shared.Interrupted, this.#lastInterrupt);
  }

  /** Runs the kernel's own `work`, which no interrupt may tear apart. */
  guard<T>(work: () => T): T {
    const before = Atomics.exchange(this.#shared, Shared.Guarded, 1);
    while (Atomics.load(this.#shared, Shared.Stopping) === 1) {
      Atomics.wait(this.#shared, Shared.Stopping, 1, NAP_MS);
    }
    try {
      return work();
    } finally {
      Atomics.store(this.#shared, Shared.Guarded, before);
    }
  }

  /** Runs `work`, which reads the process's descriptors and writes what it finds. */
  reading(work: () => void): void {
    this.guard(() => {
      beginReading(this.#shared, Number.POSITIVE_INFINITY);
      try {
        work();
      } finally {
        endReading(this.#shared);
      }
    });
  }

  /** Sends what waits, closes the sockets and ends the worker. */
  async close(): Promise<void> {
    this.#send({ type: "exit" });
    await new Promise<void>((resolve) => {
      this.#closed = resolve;
    });
    await this.#worker.terminate();
  }

  #receive(message: Exclude<ToMain, { type: "failed" }>): void {
    // Guarded work is synchronous, so at the bottom of the stack there is none; a stop may have left the mark behind.
    Atomics.store(this.#shared, Shared.Guarded, 0);
    switch (message.type) {
      case "request":
        // In order and once: after a forced interrupt the worker repeats what it cannot know to have arrived.
        if (message.serial === Atomics.load(this.#shared, Shared.Received) + 1) {
          this.#handlers.request(message);
          Atomics.store(this.#shared, Shared.Received, message.serial);
        }
        return;
      case "interrupt":
        this.#lastInterrupt = message.number;
        this.#handlers.interrupt(message.serial);
        return;
      case "kick":
        this.#handlers.kick();
        return;
      case "input":
        this.#handlers.input(message.serial, message.value);
        return;
      case "output":
        this.#handlers.output(message.stream, message.bytes);
        return;
      case "look":
        this.#send({ type: "saw", number: message.number, answer: this.#handlers.look(message.question) });
        return;
      case "mark":
        this.#marks.get(message.number)?.();
        this.#marks.delete(message.number);
        return;
      case "exit":
        if (this.#closed) {
          this.#closed();
        } else {
          this.#handlers.exit();
        }
        return;
    }
  }

  #reserve(size: number): void {
    for (;;) {
      const pending = Atomics.load(this.#shared, Shared.Pending);
      if (pending <= ROOM) {
        break;
      }
      Atomics.wait(this.#shared, Shared.Pending, pending, NAP_MS);
    }
    Atomics.add(this.#shared, Shared.Pending, size);
  }

  #send(message: ToWorker): void {
    this.#worker.postMessage(message);
  }
}
