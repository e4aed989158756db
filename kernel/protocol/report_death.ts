/**
 * Started by `supervise.sh` once the kernel has ended in another way than by itself:
 * `node report_death.js CONNECTION_FILE STATUS`. Opens the dead kernel's sockets for a moment and says below the cell that
 * ran what has become of it. Descriptors 5 and 6 are the pipes that were the kernel's standard output and error.
 */
import { fstatSync, read, readFileSync, readSync, write, writeSync } from "node:fs";
import { constants } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import * as zmq from "zeromq";
import type { Connection } from "./link";
import { Codec, type Outgoing } from "./message";
import { type LastWords, NOTE_BYTES, NOTES } from "./supervised";

/** How long clients may take to connect again, in milliseconds. */
const PATIENCE_MS = 2_500;
/** How long what was sent may take to arrive, in milliseconds. */
const LINGER_MS = 300;
/** Lines of the dead kernel's standard error that are shown. */
const SHOWN_LINES = 12;

/** Why a process ended, for its reader; `stderr` is the end of what it said. */
export function causeOfDeath(status: number, stderr: string): string {
  const ended = "The kernel has ended, and with it every variable";
  if (/heap out of memory|heap limit/i.test(stderr)) {
    return `${ended}: its JavaScript needed more memory than V8's heap limit allows. NODE_OPTIONS=--max-old-space-size=MEGABYTES raises the limit for kernels that are started with it.`;
  }
  const signal = Object.entries(constants.signals).find(([, number]) => number === status - 128)?.[0];
  switch (signal) {
    case undefined:
      return `${ended}: its process exited with code ${status}.`;
    case "SIGKILL":
      return `${ended}: its process was killed (SIGKILL), as the system does when memory runs out.`;
    case "SIGSEGV":
    case "SIGBUS":
    case "SIGILL":
    case "SIGFPE":
    case "SIGABRT":
    case "SIGTRAP":
      return `${ended}: native code crashed (${signal}).`;
    default:
      return `${ended}: its process was ended by ${signal}.`;
  }
}

/** The lines that a person can use: not V8's tables of collections, nor native frames and those of compiled code. */
export function readableLines(stderr: string): string[] {
  const noise = /^\s*$|^<---|^\[\d+:0x|^\s*\d+: |(?:Native|JavaScript) stack trace/;
  return stderr
    .split("\n")
    .filter((line) => !noise.test(line))
    .slice(-SHOWN_LINES);
}

/** What the kernel noted before it died. */
function readNotes(): { words?: LastWords; stderr: string } {
  const size = fstatSync(NOTES).size;
  const bytes = Buffer.alloc(size);
  readSync(NOTES, bytes, 0, size, 0);
  const [line] = bytes.subarray(0, NOTE_BYTES).toString().split("\n");
  const words = line?.startsWith("{") ? (JSON.parse(line) as LastWords) : undefined;
  return { words, stderr: bytes.subarray(NOTE_BYTES).toString() };
}

/**
 * What waits in a pipe whose two ends this process holds. A mark of our own goes in behind it, so that nothing is waited
 * for and nothing missed; while the pipe is full, reading makes room for the mark.
 */
async function readRest(descriptor: number): Promise<string> {
  const mark = Buffer.from(`\0end of ${process.pid}\0`);
  const marked = promisify(write)(descriptor, mark);
  const part = Buffer.alloc(65_536);
  let bytes = Buffer.alloc(0);
  let end = -1;
  while (end < 0) {
    const { bytesRead } = await promisify(read)(descriptor, part, 0, part.length, null);
    bytes = Buffer.concat([bytes, part.subarray(0, bytesRead)]);
    end = bytes.indexOf(mark);
  }
  await marked;
  return bytes.subarray(0, end).toString();
}

async function report(connection: Connection, status: number): Promise<void> {
  const [stdout, rest] = await Promise.all([readRest(5), readRest(6)]);
  const { words, stderr } = readNotes();
  if (words === undefined) {
    // Nothing ran: it could not start, or was ended from outside; its words are for the terminal.
    writeSync(1, stdout);
    writeSync(2, rest);
    return;
  }
  const evalue = causeOfDeath(status, stderr + rest);
  const lines = readableLines(stderr + rest);
  const traceback = [`\x1b[31mKernelDied\x1b[0m: ${evalue}`, ...(lines.length > 0 ? [lines.join("\n")] : [])];
  const content = { ename: "KernelDied", evalue, traceback };
  const codec = new Codec(connection.key, connection.signature_scheme);
  const message = (msg_type: string, identities: (Buffer | string)[], body: object): Outgoing => {
    return { identities, msg_type, parent: words.header, content: JSON.stringify(body) };
  };
  const shell = new zmq.Router({ handover: true, mandatory: true, linger: LINGER_MS, sendTimeout: 0 });
  const iopub = new zmq.XPublisher({ linger: LINGER_MS, sendTimeout: 0 });
  const at = (port: number): string =>
    connection.transport === "ipc" ? `ipc://${connection.ip}-${port}` : `tcp://${connection.ip}:${port}`;
  await Promise.all([iopub.bind(at(connection.iopub_port)), shell.bind(at(connection.shell_port))]);
  // The first subscription is a client that is back; others come in the same moment.
  await Promise.race([iopub.receive().catch(() => undefined), sleep(PATIENCE_MS)]);
  await sleep(LINGER_MS);
  if (stdout !== "") {
    await iopub.send(codec.pack(message("stream", ["stream"], { name: "stdout", text: stdout })));
  }
  await iopub.send(codec.pack(message("error", ["error"], content)));
  const reply = { status: "error", execution_count: null, ...content };
  const identities = words.identities.map((identity) => Buffer.from(identity, "hex"));
  const deadline = Date.now() + PATIENCE_MS;
  while (Date.now() < deadline) {
    try {
      await shell.send(codec.pack(message("execute_reply", identities, reply)));
      break;
    } catch {
      await sleep(50); // Its client is not back yet.
    }
  }
  await iopub.send(codec.pack(message("status", ["status"], { execution_state: "idle" })));
  await sleep(LINGER_MS);
  shell.close();
  iopub.close();
}

if (require.main === module) {
  const [file, status] = process.argv.slice(2);
  let connection: Connection | undefined;
  try {
    connection = JSON.parse(readFileSync(file as string, "utf8")) as Connection;
  } catch {
    connection = undefined; // The kernel could not read it either, and has said so.
  }
  const done = connection
    ? report(connection, Number(status))
    : Promise.all([readRest(5), readRest(6)]).then(([, rest]) => writeSync(2, rest));
  done.then(
    () => process.exit(0),
    (error: unknown) => {
      writeSync(2, `${String(error)}\n`);
      process.exit(1);
    },
  );
}
