/** Questions to the reader of the notebook, one at a time, each of a cell that allows them. */
import type { Wire } from "../protocol/wire";
import { type Cell, currentCell, KeyboardInterrupt } from "./cell";

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

  /**
   * Asks, and waits for the answer as browsers and Deno do: nothing else runs meanwhile. An empty answer is the default.
   * Null: an empty answer without a default.
   */
  readonly prompt = (message: unknown = "Prompt", defaultValue?: unknown): string | null => {
    const given = defaultValue === undefined || defaultValue === null ? undefined : String(defaultValue);
    const answer = this.#askAndWait("prompt", `${message}${given === undefined ? "" : ` [${given}]`} `);
    return answer === "" ? (given ?? null) : answer;
  };

  /** Asks a question that is answered by yes or no. */
  readonly confirm = (message: unknown = "Confirm"): boolean =>
    /^\s*y(es)?\s*$/i.test(this.#askAndWait("confirm", `${message} [y/N] `));

  /** Says something and waits until the reader has taken note. */
  readonly alert = (message: unknown = "Alert"): void => {
    this.#askAndWait("alert", `${message} [Enter] `);
  };

  /** The reader's answer. */
  answer(serial: number, value: string): void {
    if (this.#waiting?.serial === serial) {
      this.#waiting.resolve(value);
    }
  }

  #ask(prompt: string, password: boolean): Promise<string> {
    const cell = askingCell("input");
    return new Promise<string>((resolve, reject) => {
      this.#waiting = { serial: cell.serial, resolve };
      cell.signal.addEventListener("abort", () => reject(cell.signal.reason as Error), { once: true });
      cell.catchUp();
      this.#wire.ask(cell.serial, { prompt, password });
    }).finally(() => {
      this.#waiting = undefined;
    });
  }

  #askAndWait(name: string, prompt: string): string {
    const cell = askingCell(name);
    if (this.#waiting !== undefined) {
      throw new Error(`${name}() was called while another question waits for its answer.`);
    }
    cell.catchUp();
    const answer = this.#wire.askAndWait(cell.serial, { prompt, password: false });
    if (answer === undefined) {
      throw new KeyboardInterrupt();
    }
    return answer;
  }
}

/** The cell that a question belongs to; throws when nobody can answer. */
export function askingCell(name: string): Cell {
  const cell = currentCell();
  if (cell === undefined || cell.ended) {
    throw new Error(`${name}() was called when no cell was running: nobody can answer.`);
  }
  if (!cell.allowStdin) {
    throw new Error(`${name}() was called, but this front end does not answer questions (allow_stdin is false).`);
  }
  return cell;
}
