/** Results that are plain data and say in words what they are, wherever they are shown. */
import { inspect } from "node:util";
import { jupyterDisplay, type MimeBundle, mime } from "../host";
import { tableText } from "../table";
import type { Cost } from "./results";

/** The same object, which prints as `text` says; JSON, and whoever lists its members, sees the data alone. */
export function shown<T extends object>(data: T, text: (data: T) => string): T {
  const hidden = (value: unknown): PropertyDescriptor => ({ value, enumerable: false });
  const words = (): string => text(data);
  return Object.defineProperties(data, {
    toString: hidden(words),
    [inspect.custom]: hidden(words),
    [jupyterDisplay]: hidden((): MimeBundle => ({ [mime.text]: words() })),
  });
}

/** The last line of a result: what it took. */
export function costLine({ ms, passes, bytes }: Cost): string {
  const counted = `${passes.toLocaleString("en-US")} pass${passes === 1 ? "" : "es"}`;
  return `${ms.toFixed(0)} ms, ${counted}, ${(bytes / 2 ** 20).toFixed(1)} MiB kept`;
}

/** Lines of cells: names at the left, then numbers. */
export const columns = (rows: string[][]): string[] => tableText({ rows, numeric: (column) => column > 0 });
