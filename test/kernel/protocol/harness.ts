/** The kernel's end of its sockets in a test: what is built of it, and a place for what comes in. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Request } from "../../../kernel/protocol/link";
import type { Wire, WireHandlers } from "../../../kernel/protocol/wire";

// Its worker thread is started from what is built.
export const built = require("../../../dist/kernel/protocol/wire") as { Wire: typeof Wire };

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
  exit = () => void this.exits++;
  lost = (reason: string) => void this.losses.push(reason);
}

/** Waits for what is to come within three seconds. */
export const until = async (isSo: () => boolean): Promise<void> => {
  for (let i = 0; i < 600 && !isSo(); i++) await sleep(5);
  assert.ok(isSo(), "it did not happen in three seconds");
};
