/** Questions to the reader of the notebook, one at a time, each of a cell that allows them. */
import type { Wire } from "../protocol/wire";
import { currentCell } from "./cell";

/** The kernel's stdin channel. */
export class Questions {
  readonly #wire: Wire;
  #waiting: { serial: number; resolve: (value: string) => void } | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** Asks for a line of text. Rejects when nobody can answer and when the cell is interrupted. */
  readonly ask = (prompt = "", options: { password?: boolean } = {}): Promise<string> => {
    const answer = this.#last.then(() => this.#ask(String(prompt), options.password === true));
    this.#last = answer.catch(() => undefined);
    return answer;
  };

  /** The reader's answer. */
  answer(serial: number, value: string): void {
    if (this.#waiting?.serial === serial) {
      this.#waiting.resolve(value);
    }
  }

  #ask(prompt: string, password: boolean): Promise<string> {
    const cell = currentCell();
    if (cell === undefined || cell.ended) {
      throw new Error("input() was called when no cell was running: nobody can answer.");
    }
    if (!cell.allowStdin) {
      throw new Error("input() was called, but this front end does not answer questions (allow_stdin is false).");
    }
    return new Promise<string>((resolve, reject) => {
      this.#waiting = { serial: cell.serial, resolve };
      cell.signal.addEventListener("abort", () => reject(cell.signal.reason as Error), { once: true });
      this.#wire.ask(cell.serial, { prompt, password });
    }).finally(() => {
      this.#waiting = undefined;
    });
  }
}
