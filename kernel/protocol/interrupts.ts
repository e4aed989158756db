/**
 * Both steps of an interrupt: the cell's signal first, then force, again and again until the main thread has acted. Also
 * between cells, where a timer's callback may hang; an idle main thread answers at once.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { signalAll, youngDescendants } from "./children";
import { Shared, type ToMain } from "./link";
import type { Requests } from "./requests";
import { stopMainThread } from "./stopper";

/** How long a main thread may take to act on an interrupt before its JavaScript is stopped, in milliseconds. */
const OBEY_MS = 150;
/** How long a cell's children may take to end when they are interrupted, in milliseconds. */
const CHILD_MS = 500;

export interface InterruptOptions {
  shared: Int32Array;
  requests: Requests;
  toMain(message: ToMain): void;
}

/** The interrupts of a session. */
export class Interrupts {
  readonly #shared: Int32Array;
  readonly #requests: Requests;
  readonly #toMain: (message: ToMain) => void;
  #count = 0;
  /** The request whose code the last interrupt was meant for; 0: what runs between cells. */
  #target = 0;
  #forcing: Promise<void> | undefined;
  /** When the running cell began. */
  #began = 0;

  constructor({ shared, requests, toMain }: InterruptOptions) {
    this.#shared = shared;
    this.#requests = requests;
    this.#toMain = toMain;
  }

  /** A cell begins: what is started from now on is its. */
  begin(): void {
    this.#began = performance.now();
  }

  /** Ends what runs; settles when the main thread has acted. */
  interrupt(): Promise<void> {
    this.#count += 1;
    this.#target = Atomics.load(this.#shared, Shared.Running);
    Atomics.store(this.#shared, Shared.Wanted, this.#target);
    Atomics.notify(this.#shared, Shared.Answered); // A main thread that waits for an answer looks up.
    this.#tell();
    if (this.#target !== 0) {
      this.#interruptChildren();
    }
    this.#forcing ??= this.#force().finally(() => {
      this.#forcing = undefined;
    });
    return this.#forcing;
  }

  #tell(): void {
    this.#toMain({ type: "interrupt", number: this.#count, serial: this.#target });
  }

  /** A child that blocks the main thread would keep it from seeing the interrupt. */
  #interruptChildren(): void {
    const serial = this.#target;
    const signal = (name: NodeJS.Signals): void =>
      signalAll(youngDescendants(process.pid, (performance.now() - this.#began) / 1_000), name);
    signal("SIGINT");
    setTimeout(() => {
      if (Atomics.load(this.#shared, Shared.Running) === serial) {
        signal("SIGKILL");
      }
    }, CHILD_MS).unref();
  }

  async #force(): Promise<void> {
    const done = (): boolean => Atomics.load(this.#shared, Shared.Interrupted) >= this.#count;
    let stopped = false;
    while (!done()) {
      await sleep(OBEY_MS);
      if (!done() && (await stopMainThread(this.#shared, this.#target))) {
        stopped = true;
        this.#repeat();
        this.#tell();
      }
    }
    if (stopped) {
      setTimeout(() => {
        this.#repeat();
        this.#toMain({ type: "kick" });
      }, OBEY_MS);
    }
  }

  /** A stop may have hit the taking in of a message: what the main thread has not confirmed is sent again. */
  #repeat(): void {
    for (const request of this.#requests.after(Atomics.load(this.#shared, Shared.Received))) {
      this.#toMain(request);
    }
  }
}
