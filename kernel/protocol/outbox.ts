/**
 * The queue in front of one socket: messages leave in order, one at a time, each awaited (a socket takes no more than 512
 * unawaited ones). Stream text is gathered for a moment, so that a thousand prints are a few messages.
 *
 * A client that reads slowly makes the queue grow; the shared count of pending characters makes the writing cell wait.
 * A client that reads nothing for 30 seconds loses output, and is told how much as soon as it reads again.
 */
import { Shared } from "./link";
import type { Codec, Outgoing } from "./message";

/** The part of a socket that an outbox needs. */
export interface Sender {
  send(frames: (Buffer | string)[]): Promise<void>;
}

/** How long stream text is gathered, in milliseconds. */
const GATHER_MS = 25;
/** A stream message grows no longer than this, in UTF-16 units. */
const LONGEST_CHUNK = 256 * 1024;
/** How long nothing may be read before output is dropped, in milliseconds. */
const PATIENCE_MS = 30_000;
/** Between two tries to send to a client that is behind, in milliseconds. */
const RETRY_MS = 20;

interface Chunk {
  parent: string;
  stream: "stdout" | "stderr";
  parts: string[];
  size: number;
}

type Item = { chunk: Chunk } | { message: Outgoing; size: number; droppable: boolean };

/** Message types that a client which read nothing for long does without. */
const DROPPABLE = new Set(["stream", "display_data", "update_display_data", "execute_result"]);

/** Sends messages in order through one socket. */
export class Outbox {
  readonly #codec: Codec;
  readonly #socket: Sender;
  readonly #shared: Int32Array;
  readonly #queue: Item[] = [];
  #gathering: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  /** Characters dropped since the client last read, and the request that wrote the last of them. */
  #lost = 0;
  #lostParent = "{}";
  /** Since when the socket has taken nothing. */
  #stuckSince: number | undefined;

  constructor(codec: Codec, socket: Sender, shared: Int32Array) {
    this.#codec = codec;
    this.#socket = socket;
    this.#shared = shared;
  }

  /** Appends a message. `size` is what the sender has added to the shared count for it. */
  push(message: Outgoing, size = 0): void {
    this.#queue.push({ message, size, droppable: DROPPABLE.has(message.msg_type) });
    this.#start();
  }

  /** Appends text to a stream of the request with this header. */
  write(parent: string, stream: "stdout" | "stderr", text: string): void {
    const last = this.#queue.at(-1);
    if (last && "chunk" in last) {
      const chunk = last.chunk;
      if (chunk.parent === parent && chunk.stream === stream && chunk.size < LONGEST_CHUNK) {
        chunk.parts.push(text);
        chunk.size += text.length;
        return;
      }
    }
    this.#queue.push({ chunk: { parent, stream, parts: [text], size: text.length } });
    if (this.#queue.length === 1) {
      this.#gathering ??= setTimeout(() => {
        this.#gathering = undefined;
        this.#start();
      }, GATHER_MS);
    } else {
      this.#start();
    }
  }

  /** Settles when all that was appended so far has been handed to the socket, dropped, or `ms` have passed. */
  async drain(ms: number): Promise<void> {
    this.#start();
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([
      this.#sending ?? Promise.resolve(),
      new Promise((resolve) => {
        timer = setTimeout(resolve, ms);
      }),
    ]);
    clearTimeout(timer);
  }

  #start(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
      if (this.#queue.length > 0 && this.#gathering === undefined) {
        this.#start();
      }
    });
  }

  async #sendAll(): Promise<void> {
    for (let item = this.#queue.shift(); item !== undefined; item = this.#queue.shift()) {
      const chunk = "chunk" in item ? item.chunk : undefined;
      const size = "chunk" in item ? item.chunk.size : item.size;
      const message = "chunk" in item ? streamMessage(item.chunk) : item.message;
      const sent = await this.#deliver(message, chunk !== undefined || ("droppable" in item && item.droppable));
      if (!sent) {
        this.#lost += chunk ? chunk.size : message.content.length;
        this.#lostParent = message.parent;
      }
      if (size > 0) {
        Atomics.sub(this.#shared, Shared.Pending, size);
        Atomics.notify(this.#shared, Shared.Pending);
      }
    }
  }

  /** True when the socket took the message; false when it was dropped because nobody reads. */
  async #deliver(message: Outgoing, droppable: boolean): Promise<boolean> {
    for (;;) {
      if (await this.#trySend(this.#lost > 0 ? this.#notice() : message)) {
        this.#stuckSince = undefined;
        if (this.#lost === 0) {
          return true;
        }
        this.#lost = 0;
        continue;
      }
      const now = performance.now();
      this.#stuckSince ??= now;
      if (droppable && now - this.#stuckSince > PATIENCE_MS) {
        return false;
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  async #trySend(message: Outgoing): Promise<boolean> {
    try {
      await this.#socket.send(this.#codec.pack(message));
      return true;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === "EAGAIN" || code === "EBUSY") {
        return false;
      }
      return true; // The client is gone (EHOSTUNREACH), or the socket is: nobody is left to tell.
    }
  }

  #notice(): Outgoing {
    const text = `[phi3lab] ${this.#lost} characters of output were dropped: nothing was read for ${PATIENCE_MS / 1000} s.\n`;
    return streamMessage({ parent: this.#lostParent, stream: "stderr", parts: [text], size: text.length });
  }
}

function streamMessage(chunk: Chunk): Outgoing {
  const text = wellFormed(chunk.parts.join(""));
  return {
    identities: [`stream.${chunk.stream}`],
    msg_type: "stream",
    parent: chunk.parent,
    content: JSON.stringify({ name: chunk.stream, text }),
  };
}

/** A lone surrogate has no UTF-8 form, and Python clients refuse it. */
function wellFormed(text: string): string {
  return (text as string & { toWellFormed(): string }).toWellFormed();
}
