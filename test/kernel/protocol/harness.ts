/** The kernel's end of its sockets in a test: what is built of it, and a place for what comes in. */
import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { MessageChannel } from "node:worker_threads";
import type { CompilerStart, Connection, Request } from "../../../kernel/protocol/link";
import type { Wire, WireHandlers } from "../../../kernel/protocol/wire";

// Its worker thread is started from what is built.
const built = require("../../../dist/kernel/protocol/wire") as { Wire: typeof Wire };

/** The content of its kernel_info_reply. */
export const info = { status: "ok", language_info: { name: "none" }, banner: "a banner" };

/** What came in, in order. */
export class Inbox implements WireHandlers {
  readonly requests: Request[] = [];
  readonly interrupts: number[] = [];
  readonly inputs: [serial: number, value: string][] = [];
  readonly losses: string[] = [];
  exits = 0;
  onInterrupt = () => {};

  request = (request: Request) => void this.requests.push(request);
  interrupt = (serial: number) => {
    this.interrupts.push(serial);
    this.onInterrupt();
  };
  kick = () => {};
  input = (serial: number, value: string) => void this.inputs.push([serial, value]);
  output = () => {};
  look = () => undefined;
  exit = () => void this.exits++;
  lost = (reason: string) => void this.losses.push(reason);
}

/** The sockets of a connection; they have a compiler, which nobody calls. */
export function start(connection: Connection, inbox: Inbox): Wire {
  const { port1, port2 } = new MessageChannel();
  port1.unref();
  const compiler: CompilerStart = { folder: tmpdir(), language: "typescript", port: port2 };
  const wire = new built.Wire({ connection, kernelInfo: info, compiler });
  wire.listen(inbox);
  return wire;
}

/** Waits for what is to come within three seconds. */
export const until = async (isSo: () => boolean): Promise<void> => {
  for (let i = 0; i < 600 && !isSo(); i++) await sleep(5);
  assert.ok(isSo(), "it did not happen in three seconds");
};
