/** The requests that the main thread answers: what a reply, and output that comes late, must know of them. */
import type { Request } from "./link";
import type { Message } from "./message";

/** The socket that a request came in by. */
export type Channel = "shell" | "control";

/** One request. */
export interface Known {
  message: Message;
  channel: Channel;
  /** JSON of the header: the `parent_header` of all that comes of it. */
  header: string;
  /** As the main thread gets it; undefined once it is answered. */
  request?: Request;
}

/** Requests remembered; output of still older ones is shown under the last. */
const REMEMBERED = 4_096;

/** The requests of a session by serial, in the order in which they came. */
export class Requests {
  readonly #known = new Map<number, Known>();
  #lastSerial = 0;

  /** Gives a message the next serial. */
  add(channel: Channel, message: Message, header: string): Request {
    this.#lastSerial += 1;
    const { header: head, content, metadata } = message;
    const { msg_type, msg_id } = head;
    const request: Request = { type: "request", serial: this.#lastSerial, msg_type, msg_id, content, metadata };
    this.#known.set(request.serial, { message, channel, header, request });
    if (this.#known.size > REMEMBERED) {
      this.#forgetOldest();
    }
    return request;
  }

  /** A request has its reply: of what it said only the header is still needed. */
  answered(entry: Known): void {
    entry.request = undefined;
    entry.message.content = {};
  }

  get(serial: number): Known | undefined {
    return this.#known.get(serial);
  }

  /** JSON of the header that output of request `serial` belongs to. */
  headerOf(serial: number): string {
    return (this.#known.get(serial) ?? this.#known.get(this.#lastSerial))?.header ?? "{}";
  }

  /** The unanswered requests after `serial`, in order. */
  after(serial: number): Request[] {
    return [...this.#known.values()].flatMap(({ request }) => (request && request.serial > serial ? [request] : []));
  }

  /** Drops the oldest answered request; one that still waits for its reply stays. */
  #forgetOldest(): void {
    for (const [serial, entry] of this.#known) {
      if (entry.request === undefined) {
        this.#known.delete(serial);
        return;
      }
    }
  }
}
