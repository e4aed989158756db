/**
 * The worker thread that owns the five sockets, so that heartbeat, kernel_info, interrupt, shutdown and stdin answer while
 * a cell blocks the main thread. It verifies and parses what comes in, passes requests on in order, signs and sends what
 * goes out, and ends the process when its parent has died or its main thread no longer answers.
 */
import { parentPort, workerData } from "node:worker_threads";
import * as zmq from "zeromq";
import { Shared, type ToMain, type ToWorker, type WorkerStart } from "./link";
import { Codec, type Message } from "./message";
import { Outbox } from "./outbox";
import { watchParent } from "./parent";
import { type Channel, Requests } from "./requests";
import { stopMainThread } from "./stopper";

/** Messages that wait in a client's pipe before the outbox holds the rest back. */
const PIPE_MESSAGES = 64;
/** How long a main thread may take to act on an interrupt before its JavaScript is stopped, in milliseconds. */
const OBEY_MS = 150;
/** How long a main thread may take to end before the process is killed, in milliseconds. */
const END_MS = 3_000;
const port = parentPort as NonNullable<typeof parentPort>;
const { connection, shared, kernelInfo, parent } = workerData as WorkerStart;
const codec = new Codec(connection.key, connection.signature_scheme);
const sockets = {
  shell: new zmq.Router({ sendTimeout: 0, handover: true, linger: 500 }),
  control: new zmq.Router({ sendTimeout: 0, handover: true, linger: 500 }),
  stdin: new zmq.Router({ sendTimeout: 0, handover: true, linger: 500 }),
  iopub: new zmq.Publisher({ noDrop: true, sendTimeout: 0, sendHighWaterMark: PIPE_MESSAGES, linger: 500 }),
  heartbeat: new zmq.Reply({ linger: 0 }),
};
const outboxes = {
  shell: new Outbox(codec, sockets.shell, shared),
  control: new Outbox(codec, sockets.control, shared),
  stdin: new Outbox(codec, sockets.stdin, shared),
  iopub: new Outbox(codec, sockets.iopub, shared),
};
const requests = new Requests();
let interrupts = 0;
/** The request whose code the last interrupt was meant for; 0: what runs between cells. */
let target = 0;
let interrupting: Promise<void> | undefined;
/** The request whose cell waits for a line of text. */
let asking: { serial: number; header: string } | undefined;
let ending = false;

function toMain(message: ToMain): void {
  port.postMessage(message);
}

function publish(header: string, msg_type: string, content: string, size = 0, metadata?: string): void {
  outboxes.iopub.push({ identities: [msg_type], msg_type, parent: header, content, metadata }, size);
}

function status(header: string, state: "busy" | "idle" | "starting"): void {
  publish(header, "status", JSON.stringify({ execution_state: state }));
}

/** The idle that follows a reply; a client that joins late must still see that a cell is running. */
function idle(header: string): void {
  status(header, "idle");
  const running = requests.get(Atomics.load(shared, Shared.Running));
  if (running && running.header !== header) {
    status(running.header, "busy");
  }
}

/** Answers what needs no main thread; everything else goes there, in order. */
function receive(channel: Channel, message: Message): void {
  const header = JSON.stringify(message.header);
  const answer = (msg_type: string, content: string): void => {
    status(header, "busy");
    outboxes[channel].push({ identities: message.identities, msg_type, parent: header, content });
  };
  switch (message.header.msg_type) {
    case "kernel_info_request":
      answer("kernel_info_reply", kernelInfo);
      idle(header);
      return;
    case "interrupt_request":
      interrupt();
      answer("interrupt_reply", '{"status":"ok"}');
      idle(header);
      return;
    case "shutdown_request": {
      const content = JSON.stringify({ status: "ok", restart: message.content.restart === true });
      answer("shutdown_reply", content);
      publish(header, "shutdown_reply", content);
      status(header, "idle");
      void end();
      return;
    }
  }
  if (message.header.msg_type !== "execute_request") {
    status(header, "busy"); // A cell is busy when it starts, which the main thread says.
  }
  toMain(requests.add(channel, message, header));
}

function onMain(message: ToWorker): void {
  if (Array.isArray(message)) {
    outboxes.iopub.write(requests.headerOf(message[0]), message[1], message[2]);
    return;
  }
  switch (message.type) {
    case "publish":
      publish(
        requests.headerOf(message.serial),
        message.msg_type,
        message.content,
        message.content.length,
        message.metadata,
      );
      return;
    case "reply": {
      const entry = requests.get(message.serial);
      if (entry?.request === undefined) {
        return;
      }
      entry.request = undefined;
      if (message.msg_type !== "") {
        const { identities } = entry.message;
        const { msg_type, content } = message;
        outboxes[entry.channel].push({ identities, msg_type, parent: entry.header, content });
      }
      idle(entry.header);
      return;
    }
    case "input": {
      const entry = requests.get(message.serial);
      if (entry) {
        asking = { serial: message.serial, header: entry.header };
        const { identities } = entry.message;
        const { content } = message;
        outboxes.stdin.push({ identities, msg_type: "input_request", parent: entry.header, content });
      }
      return;
    }
    case "mark":
      toMain(message);
      return;
    case "exit":
      void closeAll().then(() => toMain({ type: "exit" }));
      return;
  }
}

/**
 * Both steps of an interrupt: the cell's signal first, then force, again and again until the main thread has acted. Also
 * between cells, where a timer's callback may hang; an idle main thread answers at once.
 */
function interrupt(): void {
  interrupts += 1;
  target = Atomics.load(shared, Shared.Running);
  toMain({ type: "interrupt", number: interrupts, serial: target });
  interrupting ??= force().finally(() => {
    interrupting = undefined;
  });
}

async function force(): Promise<void> {
  const done = (): boolean => Atomics.load(shared, Shared.Interrupted) >= interrupts;
  let stopped = false;
  while (!done()) {
    await sleep(OBEY_MS);
    if (!done() && (await stopMainThread(shared, target))) {
      stopped = true;
      repeat();
      toMain({ type: "interrupt", number: interrupts, serial: target });
    }
  }
  if (stopped) {
    setTimeout(() => {
      repeat();
      toMain({ type: "kick" });
    }, OBEY_MS);
  }
}

/** A stop may have hit the taking in of a message: what the main thread has not confirmed is sent again. */
function repeat(): void {
  for (const request of requests.after(Atomics.load(shared, Shared.Received))) {
    toMain(request);
  }
}

/** Asks the main thread to end, and makes sure that the process does. */
async function end(): Promise<void> {
  if (ending) {
    return;
  }
  ending = true;
  toMain({ type: "exit" });
  await sleep(OBEY_MS);
  if (Atomics.load(shared, Shared.Running) !== 0) {
    interrupt();
    await interrupting;
    toMain({ type: "exit" });
  }
  await sleep(END_MS);
  process.kill(process.pid, "SIGKILL");
}

async function closeAll(): Promise<void> {
  await Promise.all(Object.values(outboxes).map((outbox) => outbox.drain(1_000)));
  for (const socket of Object.values(sockets)) {
    socket.close();
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function readRequests(channel: Channel): Promise<void> {
  for await (const frames of sockets[channel]) {
    const message = codec.open(frames);
    if (message && !ending) {
      receive(channel, message);
    }
  }
}

async function readInput(): Promise<void> {
  for await (const frames of sockets.stdin) {
    const message = codec.open(frames);
    if (message?.header.msg_type === "input_reply" && asking) {
      const value = message.content.value;
      toMain({ type: "input", serial: asking.serial, value: typeof value === "string" ? value : "" });
      asking = undefined;
    }
  }
}

async function beat(): Promise<void> {
  for await (const frames of sockets.heartbeat) {
    await sockets.heartbeat.send(frames);
  }
}

function address(channelPort: number): string {
  const { transport, ip } = connection;
  return transport === "ipc" ? `ipc://${ip}-${channelPort}` : `tcp://${ip}:${channelPort}`;
}

async function main(): Promise<void> {
  port.on("message", onMain);
  const bound = await Promise.allSettled([
    sockets.heartbeat.bind(address(connection.hb_port)),
    sockets.iopub.bind(address(connection.iopub_port)),
    sockets.stdin.bind(address(connection.stdin_port)),
    sockets.control.bind(address(connection.control_port)),
    sockets.shell.bind(address(connection.shell_port)),
  ]);
  const failed = bound.find((each) => each.status === "rejected");
  if (failed) {
    throw failed.reason;
  }
  status("{}", "starting");
  for (const reading of [readRequests("shell"), readRequests("control"), readInput(), beat()]) {
    reading.catch((error: unknown) => toMain({ type: "failed", message: String(error) }));
  }
  watchParent(parent, () => void end());
  toMain({ type: "ready" });
}

main().catch(async (error: unknown) => {
  await closeAll(); // Node aborts when a thread ends with open sockets.
  toMain({ type: "failed", message: `Cannot open the sockets of the connection file: ${String(error)}` });
});
