/**
 * `process.stdin` of cells: what is read from it is asked of the reader, a line at a time. `readline` on it works: a question
 * is shown with its text, `for await (const line of rl)` and "line" listeners ask for as long as they listen.
 */
import { syncBuiltinESMExports } from "node:module";
import readline, { type Interface } from "node:readline";
import readlinePromises from "node:readline/promises";
import { Readable } from "node:stream";
import { currentCell } from "./cell";

type Ask = (prompt?: string) => Promise<string>;

/** Standard input as a stream of the reader's lines. */
class Lines extends Readable {
  readonly fd = 0;
  readonly #ask: Ask;
  /** Readline's interfaces that listen here: each takes what comes, but only some of them want it. */
  readonly #interfaces = new Set<Interface>();
  #wanted = false;
  #asking = false;

  constructor(ask: Ask) {
    super({ encoding: "utf8" });
    this.#ask = ask;
  }

  override _read(): void {
    this.#wanted = true;
    this.#consider();
  }

  /** Lets questions of `rl` go to the reader, and its lines come only while somebody listens for them. */
  attach(rl: Interface): void {
    this.#interfaces.add(rl);
    let end: () => void = () => undefined;
    rl.once("close", () => {
      this.#interfaces.delete(rl);
      end();
    });
    rl.on("newListener", (event: string) => {
      if (event === "line" && rl.listenerCount("line") === 0) {
        const listening = new Promise<void>((resolve) => {
          end = resolve;
        });
        const cell = currentCell();
        cell?.signal.addEventListener("abort", end, { once: true });
        cell?.pending.add(listening); // The cell lasts as long as it wants lines.
        void listening.finally(() => cell?.pending.delete(listening));
      }
      this.#consider();
    });
    rl.on("removeListener", () => rl.listenerCount("line") === 0 && end());
  }

  /** Asks once what is going on now has ended, if somebody then waits for a line. */
  #consider(): void {
    setImmediate(() => {
      if (!this.#wanted || this.#asking || this.destroyed || !this.#isListenedTo()) {
        return;
      }
      this.#asking = true;
      this.#ask().then(
        (line) => {
          this.#asking = false;
          this.#wanted = false;
          this.push(`${line}\n`);
        },
        (error: unknown) => {
          // A stream that failed is of no use to later cells; they get a new one.
          this.destroy();
          currentCell()?.fail(error);
        },
      );
    });
  }

  #isListenedTo(): boolean {
    const others = this.listenerCount("data") + this.listenerCount("readable") - this.#interfaces.size;
    return others > 0 || [...this.#interfaces].some((rl) => rl.listenerCount("line") > 0);
  }
}

/** Makes `process.stdin` ask the reader; `ask` asks for one line. */
export function installStdin(ask: Ask): void {
  let lines = new Lines(ask);
  Object.defineProperty(process, "stdin", {
    configurable: true,
    enumerable: true,
    get: () => {
      if (lines.destroyed) lines = new Lines(ask);
      return lines;
    },
  });
  const created = readline.createInterface;
  const createdPromises = readlinePromises.createInterface;
  readline.createInterface = ((...args: Parameters<typeof created>) => {
    const rl = created(...args);
    if ((rl as unknown as { input: unknown }).input === lines) {
      lines.attach(rl);
      rl.question = (query: string, ...rest: unknown[]) => {
        const answered = rest.at(-1) as (answer: string) => void;
        lasting(ask(query).then(answered));
      };
    }
    return rl;
  }) as typeof created;
  readlinePromises.createInterface = ((...args: Parameters<typeof createdPromises>) => {
    const rl = createdPromises(...args);
    if ((rl as unknown as { input: unknown }).input === lines) {
      lines.attach(rl);
      rl.question = (query: string) => ask(query);
    }
    return rl;
  }) as typeof createdPromises;
  syncBuiltinESMExports();
}

/** The cell lasts until the answer is there; what goes wrong is its failure. */
function lasting(work: Promise<unknown>): void {
  const cell = currentCell();
  const settled = work.catch((error: unknown) => cell?.fail(error)).finally(() => cell?.pending.delete(settled));
  cell?.pending.add(settled);
}
