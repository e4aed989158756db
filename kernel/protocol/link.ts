/**
 * What passes between the main thread, where cells run, and the worker thread that owns the sockets.
 *
 * The two share a few counters (`Shared`) because a blocked main thread can neither read nor answer a message: the worker
 * must see without asking whether a cell runs, and the main thread must see how much output waits to be sent.
 * A request is named by its `serial`, the order in which it came in; output names the request that it belongs to.
 */

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
  Size = 6,
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
}

/** A request of a client, for the main thread. */
export interface Request {
  type: "request";
  serial: number;
  msg_type: string;
  msg_id: string;
  content: Record<string, unknown>;
}

/** Worker to main thread. */
export type ToMain =
  | Request
  | { type: "ready" }
  | { type: "interrupt"; number: number; serial: number }
  | { type: "kick" }
  | { type: "mark"; number: number }
  | { type: "input"; serial: number; value: string }
  | { type: "exit" }
  | { type: "failed"; message: string };

/** Main thread to worker. A tuple is stream text: the request's serial, the stream, the text. */
export type ToWorker =
  | [serial: number, stream: "stdout" | "stderr", text: string]
  | { type: "publish"; serial: number; msg_type: string; content: string; metadata?: string }
  | { type: "reply"; serial: number; msg_type: string; content: string }
  | { type: "input"; serial: number; content: string }
  | { type: "mark"; number: number }
  | { type: "exit" };
