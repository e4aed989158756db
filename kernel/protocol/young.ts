/**
 * Room for young objects. V8 doubles it, up to 32 MB, each time as many have survived, and gives it back only when nothing
 * happens for long. What a session keeps of each small cell survives, too: after a thousand of them the room would be that
 * large, for nothing. So it grows only while a cell has been running for a while: one that makes many objects.
 */
import { setFlagsFromString } from "node:v8";

/** A cell that runs longer, in milliseconds, is not a small one. */
const SMALL_MS = 250;

export class YoungRoom {
  #timer: NodeJS.Timeout | undefined;

  /** A cell begins. Called in a thread that goes on while it runs: the room is that of every thread. */
  begin(): void {
    this.end();
    this.#timer = setTimeout(() => setFactor(2), SMALL_MS).unref();
  }

  /** No cell runs. */
  end(): void {
    clearTimeout(this.#timer);
    setFactor(1);
  }
}

function setFactor(factor: number): void {
  setFlagsFromString(`--semi-space-growth-factor=${factor}`);
}
