/** The memory of a model on its device, by what it is for. */
import { inspect } from "node:util";
import { jupyterDisplay, type MimeBundle, mime } from "../host";

/**
 * Bytes that a model holds on its device, as `model.memory()` gives them. As a cell's last value it is a line for each.
 *
 * @example
 * const { weights, cache, workspace, total } = model.memory();
 * weights + cache + workspace === total; // => true
 */
export class MemoryUse {
  /** The weights, as the device keeps them: quantised ones about as compact as in their file, on a GPU too. */
  readonly weights: number;
  /** Keys and values of every sequence that is alive; grows with the text. */
  readonly cache: number;
  /** Activations and what else the passes work in (on a GPU also 64 MiB, where a prompt unpacks quantised weights), and
   * the tensors that they gave. */
  readonly workspace: number;

  /** @internal */
  constructor({ weights, cache, workspace }: { weights: number; cache: number; workspace: number }) {
    this.weights = weights;
    this.cache = cache;
    this.workspace = workspace;
  }

  /** The three together. */
  get total(): number {
    return this.weights + this.cache + this.workspace;
  }

  /** A line each, in bytes and in MiB. */
  toString(): string {
    const rows = Object.entries({ ...this, total: this.total }).map(([name, bytes]) => [
      name,
      bytes.toLocaleString("en-US"),
      (bytes / 2 ** 20).toFixed(1),
    ]);
    const wide = (column: number): number => Math.max(...rows.map((row) => (row[column] as string).length));
    const line = ([name = "", bytes = "", mib = ""]: string[]): string =>
      `${name.padEnd(wide(0))}  ${bytes.padStart(wide(1))} bytes  ${mib.padStart(wide(2))} MiB`;
    return rows.map(line).join("\n");
  }
  /** @internal */
  [inspect.custom](): string {
    return this.toString();
  }
  /** @internal */
  [jupyterDisplay](): MimeBundle {
    return { [mime.text]: this.toString() };
  }
}
