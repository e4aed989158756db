/**
 * The worker thread that owns the five sockets, so that heartbeat, kernel_info, interrupt, shutdown and stdin answer while
 * a cell blocks the main thread. It verifies and parses what comes in, passes requests on in order, signs and sends what
 * goes out, and ends the process when its parent has died or its main thread no longer answers.
 */
import { writeSync } from "node:fs";
import { Socket } from "node:net";
import { StringDecoder } from "node:string_decoder";
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import * as zmq from "zeromq";
import { Descriptors, type Stream } from "./descriptors";
import { Interrupts } from "./interrupts";
import { Shared, type ToMain, type ToWorker, type WorkerStart } from "./link";
import { Codec, type Message } from "./message";
import { Outbox } from "./outbox";
import { clearNote, noteRunning } from "./notes";
import { watchParent } from "./parent";
import { type Channel, Requests } from "./requests";
import { type Supervised, terminal, useTerminal } from "./supervised";

/** Messages that wait in a client's pipe before the outbox holds the rest back. */
const PIPE_MESSAGES = 64;
/** How long a main thread may take to begin to end, in milliseconds. */
const OBEY_MS = 150;
/** How long a main thread may take to end before the process is killed, in milliseconds. */
const END_MS = 3_000;
/** Characters of output that may wait before the process's descriptors are left to fill. */
const ROOM = 16 * 1024 * 1024;
const port = parentPort as NonNullable<typeof parentPort>;
const { connection, shared, kernelInfo, parent, supervised, answers } = workerData as WorkerStart;
const codec = new Codec(connection.key, connection.signature_scheme);
const sockets = {
  shell: new zmq.Router({ sendTimeout: 0, handover: true, linger: 500 }),
  control: new zmq.Router({ sendTimeout: 0, handover: true, linger: 500 }),
  stdin: new zmq.Router({ sendTimeout: 0, handover: true, linger: 500 }),
  iopub: new zmq.XPublisher({ noDrop: true, sendTimeout: 0, sendHighWaterMark: PIPE_MESSAGES, linger: 500 }),
  heartbeat: new zmq.Reply({ linger: 0 }),
};
const outboxes = {
  shell: new Outbox(codec, sockets.shell, shared),
  control: new Outbox(codec, sockets.control, shared),
  stdin: new Outbox(codec, sockets.stdin, shared),
  iopub: new Outbox(codec, sockets.iopub, shared),
};
const requests = new Requests();
const interrupts = new Interrupts({ shared, requests, toMain });
/** The request whose cell waits for a line of text. */
let asking: { serial: number; header: string; blocking: boolean } | undefined;
let ending = false;
/** Whether a client has asked for anything yet. */
let asked = false;
const decoders = { stdout: new StringDecoder("utf8"), stderr: new StringDecoder("utf8") };
let descriptors: Descriptors | undefined;

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
  asked = true;
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
      interrupts.interrupt();
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
    const [serial, stream, text] = message;
    write(serial, stream, typeof text === "string" ? text : decode(stream, text));
    return;
  }
  switch (message.type) {
    case "publish":
      if (message.msg_type === "status") {
        begin(message.serial);
      }
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
      if (message.msg_type === "execute_reply") {
        descriptors?.drain();
        clearNote();
      }
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
        asking = { serial: message.serial, header: entry.header, blocking: message.blocking };
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

/** Code of request `serial` begins to run. */
function begin(serial: number): void {
  interrupts.begin();
  const entry = requests.get(serial);
  if (entry?.message.header.msg_type === "execute_request") {
    noteRunning(entry);
  }
}

/** Appends stream text, which the main thread may have counted as pending before. */
function write(serial: number, stream: Stream, text: string): void {
  if (text !== "") {
    outboxes.iopub.write(requests.headerOf(serial), stream, text);
  }
}

/** Text of bytes whose number is counted as pending; that of the text is from now on. */
function decode(stream: Stream, bytes: Uint8Array): string {
  const text = decoders[stream].write(Buffer.from(bytes));
  Atomics.add(shared, Shared.Pending, text.length - bytes.length);
  return text;
}

/** What came by the process's own descriptors belongs to the cell that runs, or else to the last one. */
function writeFromDescriptor(stream: Stream, bytes: Buffer): void {
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
  write(serial, stream, decode(stream, bytes));
}

/** Handles what the main thread has sent and this thread has not yet taken in. */
function catchUp(): void {
  for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
    onMain(next.message as ToWorker);
  }
}

/** Asks the main thread to end, and makes sure that the process does. */
async function end(): Promise<void> {
  if (ending) {
    return;
  }
  ending = true;
  clearNote();
  toMain({ type: "exit" });
  await sleep(OBEY_MS);
  if (Atomics.load(shared, Shared.Running) !== 0) {
    await interrupts.interrupt();
    toMain({ type: "exit" });
  }
  await sleep(END_MS);
  process.kill(process.pid, "SIGKILL");
}

async function closeAll(): Promise<void> {
  clearNote();
  descriptors?.drain();
  descriptors?.close();
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
      const { value: given } = message.content;
      const value = typeof given === "string" ? given : "";
      const { serial, blocking } = asking;
      asking = undefined;
      if (blocking) {
        answers.postMessage({ serial, value });
        Atomics.add(shared, Shared.Answered, 1);
        Atomics.notify(shared, Shared.Answered);
      } else {
        toMain({ type: "input", serial, value });
      }
    }
  }
}

/**
 * Says that the kernel has begun when somebody can hear it: what is published before a client has subscribed is lost, and a
 * front end whose kernel was started again asks for nothing.
 */
async function greet(): Promise<void> {
  for await (const _ of sockets.iopub) {
    if (!asked) {
      status("{}", "starting");
      status("{}", "idle");
    }
    asked = true;
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

/** Who kills the supervisor means the kernel, and may start another on the same ports at once. */
function watchSupervisor({ alive }: Supervised): void {
  const life = new Socket({ fd: alive, readable: true, writable: false });
  life.on("end", () => process.kill(process.pid, "SIGKILL"));
  life.resume();
}

async function main(): Promise<void> {
  if (supervised) {
    useTerminal();
  }
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
  for (const reading of [readRequests("shell"), readRequests("control"), readInput(), beat(), greet()]) {
    reading.catch((error: unknown) => toMain({ type: "failed", message: String(error) }));
  }
  watchParent(supervised?.parent ?? parent, () => void end(), supervised?.supervisor);
  if (supervised) {
    watchSupervisor(supervised);
    descriptors = new Descriptors(supervised, {
      shared,
      catchUp,
      write: writeFromDescriptor,
      hasRoom: () => Atomics.load(shared, Shared.Pending) < ROOM,
    });
  }
  toMain({ type: "ready" });
}

main().catch(async (error: unknown) => {
  await closeAll(); // Node aborts when a thread ends with open sockets.
  toMain({ type: "failed", message: `Cannot open the sockets of the connection file: ${String(error)}` });
});
