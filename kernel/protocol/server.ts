/**
 * The server of the protocol, in the thread that owns the sockets: heartbeat, kernel_info, interrupt, shutdown, stdin and the
 * help while a cell is typed are answered here, also while a cell blocks the main thread. Everything else goes there, in
 * order, and what it says is signed and sent.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { Channels, type Sent } from "./channels";
import { Ending } from "./ending";
import { Interrupts } from "./interrupts";
import { Shared, type ToMain, type Told, type ToWorker, type WorkerStart } from "./link";
import { type Message, toJson } from "./message";
import { clearNote, noteRunning } from "./notes";
import { type Channel, Requests } from "./requests";
import { Streams } from "./streams";
import { YoungRoom } from "./young";

/** Answers the requests of those who type a cell. */
export interface Help {
  /** The content of the reply; undefined for a request of another kind. */
  answer(message: Message): Promise<Record<string, unknown>> | undefined;
  /** Takes in what the main thread says of the session. */
  hear(message: Told): void;
}

export class Server {
  readonly #start: WorkerStart;
  readonly #port: MessagePort;
  readonly #help: Help;
  readonly #channels: Channels;
  readonly #requests = new Requests();
  readonly #interrupts: Interrupts;
  readonly #ending: Ending;
  readonly #streams: Streams;
  readonly #young = new YoungRoom();
  /** The loops over what the sockets receive: each ends when its socket is closed. */
  #reading: Promise<void>[] = [];
  /** Whether a client has asked for anything yet. */
  #asked = false;
  /** The request whose cell waits for a line of text. */
  #asking: { serial: number; blocking: boolean } | undefined;

  /** @param port leads to the main thread */
  constructor(start: WorkerStart, port: MessagePort, help: Help) {
    const { connection, shared } = start;
    this.#start = start;
    this.#port = port;
    this.#help = help;
    const toMain = (message: ToMain): void => this.#toMain(message);
    this.#channels = new Channels(connection, shared);
    this.#interrupts = new Interrupts({ shared, requests: this.#requests, toMain });
    this.#ending = new Ending({ shared, interrupts: this.#interrupts, toMain });
    this.#streams = new Streams({ shared, channels: this.#channels, requests: this.#requests, toMain });
  }

  /** Opens the sockets and begins to answer. */
  async open(): Promise<void> {
    const { parent, supervised } = this.#start;
    this.#port.on("message", (message: ToWorker) => this.#hear(message));
    await this.#channels.open();
    this.#reading = [
      ...(["shell", "control"] as const).map((channel) =>
        this.#channels.read(channel, (message) => this.#receive(channel, message)),
      ),
      this.#channels.read("stdin", (message) => this.#takeInput(message)),
      this.#channels.beat(),
      this.#channels.greet(() => this.#asked),
    ];
    for (const each of this.#reading) {
      each.catch((error: unknown) => this.#toMain({ type: "failed", message: String(error) }));
    }
    this.#ending.watch(parent, supervised);
    if (supervised) {
      this.#streams.capture(supervised, () => this.#catchUp());
    }
  }

  /** Sends what waits and closes the sockets. The thread may end then: nothing of theirs is yet to be called, which would abort. */
  async close(): Promise<void> {
    clearNote();
    this.#streams.close();
    await this.#channels.close();
    await Promise.allSettled(this.#reading);
    await nextTurn();
  }

  #toMain(message: ToMain): void {
    this.#port.postMessage(message);
  }

  /** Answers what needs no main thread; everything else goes there, in order. */
  #receive(channel: Channel, message: Message): void {
    this.#asked = true;
    if (this.#ending.begun) {
      return;
    }
    const { msg_type } = message.header;
    const parent = JSON.stringify(message.header);
    const answer = (type: string, content: string): Sent => {
      const sent = { msg_type: type, parent, content };
      this.#channels.status(parent, "busy");
      this.#channels.send(channel, message, sent);
      return sent;
    };
    switch (msg_type) {
      case "kernel_info_request":
        answer("kernel_info_reply", this.#start.kernelInfo);
        this.#idle(parent);
        return;
      case "interrupt_request":
        void this.#interrupts.interrupt();
        answer("interrupt_reply", '{"status":"ok"}');
        this.#idle(parent);
        return;
      case "shutdown_request": {
        const content = JSON.stringify({ status: "ok", restart: message.content.restart === true });
        this.#channels.publish(answer("shutdown_reply", content));
        this.#channels.status(parent, "idle");
        void this.#ending.end();
        return;
      }
    }
    if (msg_type !== "execute_request") {
      this.#channels.status(parent, "busy"); // A cell is busy when it starts, which the main thread says.
    }
    const help = this.#help.answer(message);
    if (help) {
      void help.catch(failure).then((content) => {
        const reply = { msg_type: msg_type.replace(/_request$/, "_reply"), parent, content: toJson(content) };
        this.#channels.send(channel, message, reply);
        this.#idle(parent);
      });
      return;
    }
    this.#toMain(this.#requests.add(channel, message, parent));
  }

  /** The idle that follows a reply; a client that joins late must still see that a cell is running. */
  #idle(parent: string): void {
    this.#channels.status(parent, "idle");
    const running = this.#requests.get(Atomics.load(this.#start.shared, Shared.Running));
    if (running && running.header !== parent) {
      this.#channels.status(running.header, "busy");
    }
  }

  /** What the main thread says. */
  #hear(message: ToWorker): void {
    if (Array.isArray(message)) {
      this.#streams.write(...message);
      return;
    }
    switch (message.type) {
      case "publish": {
        const { serial, msg_type, content, metadata } = message;
        if (msg_type === "status") {
          this.#begin(serial);
        }
        const parent = this.#requests.headerOf(serial);
        this.#channels.publish({ msg_type, parent, content, metadata }, content.length);
        return;
      }
      case "reply":
        this.#reply(message);
        return;
      case "input":
        this.#ask(message);
        return;
      case "mark":
        this.#toMain(message);
        return;
      case "names":
      case "magic":
      case "saw":
        this.#help.hear(message);
        return;
      case "exit":
        void this.close().then(() => this.#toMain({ type: "exit" }));
        return;
    }
  }

  /** Code of request `serial` begins to run. */
  #begin(serial: number): void {
    this.#interrupts.begin();
    const entry = this.#requests.get(serial);
    if (entry?.message.header.msg_type === "execute_request") {
      noteRunning(entry);
      this.#young.begin();
    }
  }

  /** Only the first answer to a request counts. */
  #reply({ serial, msg_type, content }: Extract<ToWorker, { type: "reply" }>): void {
    const entry = this.#requests.get(serial);
    if (entry?.request === undefined) {
      return;
    }
    this.#requests.answered(entry);
    if (msg_type === "execute_reply") {
      this.#streams.drain();
      clearNote();
      this.#young.end();
    }
    if (msg_type !== "") {
      this.#channels.send(entry.channel, entry.message, { msg_type, parent: entry.header, content });
    }
    this.#idle(entry.header);
  }

  #ask({ serial, content, blocking }: Extract<ToWorker, { type: "input" }>): void {
    const entry = this.#requests.get(serial);
    if (entry) {
      this.#asking = { serial, blocking };
      this.#channels.send("stdin", entry.message, { msg_type: "input_request", parent: entry.header, content });
    }
  }

  #takeInput({ header, content }: Message): void {
    if (header.msg_type !== "input_reply" || this.#asking === undefined) {
      return;
    }
    const value = typeof content.value === "string" ? content.value : "";
    const { serial, blocking } = this.#asking;
    const { answers, shared } = this.#start;
    this.#asking = undefined;
    if (blocking) {
      answers.postMessage({ serial, value });
      Atomics.add(shared, Shared.Answered, 1);
      Atomics.notify(shared, Shared.Answered);
    } else {
      this.#toMain({ type: "input", serial, value });
    }
  }

  /** Handles what the main thread has sent and this thread has not yet taken in. */
  #catchUp(): void {
    for (let next = receiveMessageOnPort(this.#port); next !== undefined; next = receiveMessageOnPort(this.#port)) {
      this.#hear(next.message as ToWorker);
    }
  }
}

/** The content of a reply that says what went wrong. */
function failure(error: Error): Record<string, unknown> {
  const { name: ename, message: evalue, stack = evalue } = error;
  return { status: "error", ename, evalue, traceback: stack.split("\n") };
}
