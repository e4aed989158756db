/** The end of the kernel's process: asked for, or because nobody is left to serve. */
import { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Interrupts } from "./interrupts";
import { Shared, type ToMain } from "./link";
import { clearNote } from "./notes";
import { watchParent } from "./parent";
import type { Supervised } from "./supervised";

/** How long a main thread may take to begin to end, in milliseconds. */
const OBEY_MS = 150;
/** How long a main thread may take to end before the process is killed, in milliseconds. */
const END_MS = 3_000;

export interface EndingOptions {
  shared: Int32Array;
  interrupts: Interrupts;
  toMain(message: ToMain): void;
}

/** Ends the process, once. */
export class Ending {
  readonly #options: EndingOptions;
  #begun = false;

  constructor(options: EndingOptions) {
    this.#options = options;
  }

  /** True from the moment at which the end was asked for. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Asks the main thread to end, and makes sure that the process does. */
  async end(): Promise<void> {
    if (this.#begun) {
      return;
    }
    this.#begun = true;
    const { shared, interrupts, toMain } = this.#options;
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

  /** Ends with the process that started the kernel, and with the supervisor between the two. */
  watch(parent: number, supervised: Supervised | undefined): void {
    watchParent(supervised?.parent ?? parent, () => void this.end(), supervised?.supervisor);
    if (supervised) {
      watchSupervisor(supervised);
    }
  }
}

/** Who kills the supervisor means the kernel, and may start another on the same ports at once. */
function watchSupervisor({ alive }: Supervised): void {
  const life = new Socket({ fd: alive, readable: true, writable: false });
  life.on("end", () => process.kill(process.pid, "SIGKILL"));
  life.resume();
}
