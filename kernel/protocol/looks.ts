/** Looks at what only the main thread knows: it answers if it is free, and nobody waits long for one that computes. */
import { type Question, Shared, type ToMain } from "./link";

/** How long an answer may take while user code runs, which may await something, and while none does, in milliseconds. */
const PATIENCE_MS = { running: 40, idle: 250 };
/** A main thread that did not answer is not asked again for so long, in milliseconds, unless its answer comes. */
const BUSY_MS = 1_000;

export interface LooksOptions {
  shared: Int32Array;
  toMain(message: ToMain): void;
}

/** The questions of the sockets' thread to the main thread. */
export class Looks {
  readonly #options: LooksOptions;
  readonly #waiting = new Map<number, (answer: unknown) => void>();
  #last = 0;
  #busyUntil = 0;

  constructor(options: LooksOptions) {
    this.#options = options;
  }

  /** The answer; undefined: the main thread is busy. */
  ask(question: Question): Promise<unknown> {
    const { shared, toMain } = this.#options;
    if (performance.now() < this.#busyUntil) {
      return Promise.resolve(undefined);
    }
    this.#last += 1;
    const number = this.#last;
    const running = Atomics.load(shared, Shared.Running) !== 0;
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => {
          this.#waiting.delete(number);
          this.#busyUntil = performance.now() + BUSY_MS;
          resolve(undefined);
        },
        running ? PATIENCE_MS.running : PATIENCE_MS.idle,
      );
      this.#waiting.set(number, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      toMain({ type: "look", number, question });
    });
  }

  take(number: number, answer: unknown): void {
    this.#busyUntil = 0;
    this.#waiting.get(number)?.(answer);
    this.#waiting.delete(number);
  }
}
