/** The five sockets of the connection file, and the queues in front of those that are written to. */
import * as zmq from "zeromq";
import type { Connection } from "./link";
import { Codec, type Message } from "./message";
import { Outbox } from "./outbox";

/** Messages that wait in a client's pipe before the outbox holds the rest back. */
const PIPE_MESSAGES = 64;
/** How long a socket's queue may take to empty when it closes, in milliseconds. */
const DRAIN_MS = 1_000;

/** The sockets that clients send requests and answers to. */
export type Asking = "shell" | "control" | "stdin";

/** What is sent: JSON texts, and the header of the request that it belongs to. */
export interface Sent {
  msg_type: string;
  /** JSON of the request's header; `{}`: of none. */
  parent: string;
  content: string;
  metadata?: string;
}

/** The sockets of a session. They are to be closed before their thread ends, or Node aborts. */
export class Channels {
  readonly #connection: Connection;
  readonly #codec: Codec;
  readonly #sockets = {
    shell: new zmq.Router({ sendTimeout: 0, handover: true, linger: 500 }),
    control: new zmq.Router({ sendTimeout: 0, handover: true, linger: 500 }),
    stdin: new zmq.Router({ sendTimeout: 0, handover: true, linger: 500 }),
    iopub: new zmq.XPublisher({ noDrop: true, sendTimeout: 0, sendHighWaterMark: PIPE_MESSAGES, linger: 500 }),
    heartbeat: new zmq.Reply({ linger: 0 }),
  };
  readonly #outboxes: Record<Asking | "iopub", Outbox>;

  constructor(connection: Connection, shared: Int32Array) {
    this.#connection = connection;
    const codec = new Codec(connection.key, connection.signature_scheme);
    this.#codec = codec;
    const { shell, control, stdin, iopub } = this.#sockets;
    this.#outboxes = {
      shell: new Outbox(codec, shell, shared),
      control: new Outbox(codec, control, shared),
      stdin: new Outbox(codec, stdin, shared),
      iopub: new Outbox(codec, iopub, shared),
    };
  }

  /** Opens all of them; throws when one cannot be opened. */
  async open(): Promise<void> {
    const { hb_port, iopub_port, stdin_port, control_port, shell_port } = this.#connection;
    const bound = await Promise.allSettled([
      this.#sockets.heartbeat.bind(this.#address(hb_port)),
      this.#sockets.iopub.bind(this.#address(iopub_port)),
      this.#sockets.stdin.bind(this.#address(stdin_port)),
      this.#sockets.control.bind(this.#address(control_port)),
      this.#sockets.shell.bind(this.#address(shell_port)),
    ]);
    const failed = bound.find((each) => each.status === "rejected");
    if (failed) {
      throw failed.reason;
    }
  }

  /** Calls `receive` with every good message that comes; settles when the socket is closed. */
  async read(channel: Asking, receive: (message: Message) => void): Promise<void> {
    for await (const frames of this.#sockets[channel]) {
      const message = this.#codec.open(frames);
      if (message) {
        receive(message);
      }
    }
  }

  /** Sends every heartbeat back; settles when the socket is closed. */
  async beat(): Promise<void> {
    const { heartbeat } = this.#sockets;
    for await (const frames of heartbeat) {
      await heartbeat.send(frames);
    }
  }

  /**
   * Says that the kernel has begun when somebody can hear it: what is published before a client has subscribed is lost, and
   * a front end whose kernel was started again asks for nothing. `asked`: whether a client has asked for anything yet.
   */
  async greet(asked: () => boolean): Promise<void> {
    let greeted = false;
    for await (const _ of this.#sockets.iopub) {
      if (!greeted && !asked()) {
        this.status("{}", "starting");
        this.status("{}", "idle");
      }
      greeted = true;
    }
  }

  /** Sends a message to the client that `to` came from. */
  send(channel: Asking, to: Message, message: Sent): void {
    this.#outboxes[channel].push({ identities: to.identities, ...message });
  }

  /** Sends a message to all clients. `size` is what its sender has added to the shared count for it. */
  publish(message: Sent, size = 0): void {
    this.#outboxes.iopub.push({ identities: [message.msg_type], ...message }, size);
  }

  status(parent: string, state: "busy" | "idle" | "starting"): void {
    this.publish({ msg_type: "status", parent, content: JSON.stringify({ execution_state: state }) });
  }

  /** Appends stream text that is counted as pending. */
  write(parent: string, stream: "stdout" | "stderr", text: string): void {
    this.#outboxes.iopub.write(parent, stream, text);
  }

  /** Sends what waits, and closes. */
  async close(): Promise<void> {
    await Promise.all(Object.values(this.#outboxes).map((outbox) => outbox.drain(DRAIN_MS)));
    for (const socket of Object.values(this.#sockets)) {
      socket.close();
    }
  }

  #address(port: number): string {
    const { transport, ip } = this.#connection;
    return transport === "ipc" ? `ipc://${ip}-${port}` : `tcp://${ip}:${port}`;
  }
}
