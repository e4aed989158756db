/**
 * What passes between the main thread, where cells run, and the worker thread that owns the sockets.
 *
 * The two share a few counters (`Shared`) because a blocked main thread can neither read nor answer a message: the worker
 * must see without asking whether a cell runs, and the main thread must see how much output waits to be sent.
 * A request is named by its `serial`, the order in which it came in; output names the request that it belongs to.
 */

import type { MessagePort } from "node:worker_threads";
import type { KeysQuery } from "../engine/run/keys";
import type { AddedMagic } from "../magics/added";
import type { Supervised } from "./supervised";

/** Indices into the shared Int32Array. */
export enum Shared {
  /** Characters of output that wait in the worker. */
  Pending = 0,
  /** Serial of the request whose user code runs; 0: none. */
  Running = 1,
  /** Serial of the last request that the main thread has taken in. */
  Received = 2,
  /** Number of the last interrupt that the main thread acted on. */
  Interrupted = 3,
  /** 1 while the kernel's own code on the main thread must not be stopped. */
  Guarded = 4,
  /** 1 while the worker is stopping the main thread's JavaScript. */
  Stopping = 5,
  /** Serial of the last request whose user code ran: output that comes later is still its. */
  LastRun = 6,
  /** Serial of the request that the last interrupt was meant for, from the moment it came in. */
  Wanted = 7,
  /** 1 while a cell keeps what it prints: the worker hands over what comes by the process's descriptors. */
  Capturing = 8,
  /** Grows with every answer that the main thread waits for without turning its event loop. */
  Answered = 9,
  /** 1 while a thread reads the process's descriptors and passes on what it found. */
  Reading = 10,
  /** 1 when the worker has started the compiler's process. */
  Compiling = 11,
  Size = 12,
}

/** The connection file, as Jupyter writes it. */
export interface Connection {
  transport: "tcp" | "ipc";
  ip: string;
  shell_port: number;
  iopub_port: number;
  stdin_port: number;
  control_port: number;
  hb_port: number;
  key: string;
  signature_scheme?: string;
}

/** What the worker is started with. */
export interface WorkerStart {
  connection: Connection;
  shared: Int32Array;
  /** JSON content of kernel_info_reply. */
  kernelInfo: string;
  /** The process whose end ends the kernel. */
  parent: number;
  supervised?: Supervised;
  /** Takes the answers to questions of a main thread that blocks. */
  answers: MessagePort;
  compiler: CompilerStart;
}

/** The compiler's process belongs to the worker, which asks it while a cell computes. */
export interface CompilerStart {
  /** The notebook's. */
  folder: string;
  language: "typescript" | "javascript";
  /** Brings the main thread's calls. */
  port: MessagePort;
}

/** What only the main thread knows; it answers when it is free. */
export type Question = { kind: "values"; magic: string } | ({ kind: "keys" } & KeysQuery);

/** A request of a client, for the main thread. */
export interface Request {
  type: "request";
  serial: number;
  msg_type: string;
  msg_id: string;
  content: Record<string, unknown>;
  metadata: Record<string, unknown>;
}

/** Worker to main thread. */
export type ToMain =
  | Request
  | { type: "interrupt"; number: number; serial: number }
  | { type: "kick" }
  | { type: "mark"; number: number }
  | { type: "input"; serial: number; value: string }
  | { type: "output"; stream: "stdout" | "stderr"; bytes: Uint8Array }
  | { type: "look"; number: number; question: Question }
  | { type: "exit" }
  | { type: "failed"; message: string };

/** Main thread to worker. A tuple is stream text, or bytes of the process's descriptors: the request's serial, the stream, the text. */
export type ToWorker =
  | [serial: number, stream: "stdout" | "stderr", text: string | Uint8Array]
  | { type: "publish"; serial: number; msg_type: string; content: string; metadata?: string }
  | { type: "reply"; serial: number; msg_type: string; content: string }
  | { type: "input"; serial: number; content: string; blocking: boolean }
  | { type: "mark"; number: number }
  | Told
  | { type: "exit" };

/** What helps while a cell is typed: names that are new, a magic that a cell added, an answer to a {@link Question}. */
export type Told =
  | { type: "names"; names: string[] }
  | { type: "magic"; magic: AddedMagic }
  | { type: "saw"; number: number; answer: unknown };
