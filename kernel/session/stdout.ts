/**
 * `process.stdout` and `process.stderr` of cells. They are streams of our own: Node's would make the descriptor below them
 * non-blocking, and a child that inherits it would fail where it should wait.
 */
import { writeSync } from "node:fs";
import { Writable } from "node:stream";
import { terminal } from "../protocol/supervised";
import { currentCell, type Stream } from "./cell";

type Done = (error?: Error | null) => void;

/** Makes one of them print into the cell; before the first cell, to the terminal. */
export function installOutput(name: Stream): void {
  const stream = new Writable();
  const write = (data: unknown, encoding?: BufferEncoding | Done, callback?: Done): boolean => {
    if (typeof data !== "string" && !(data instanceof Uint8Array)) {
      throw new TypeError(`Expected a string or bytes for process.${name}.write but received ${typeof data}`);
    }
    const isText = typeof data === "string" && (typeof encoding !== "string" || /^utf-?8$/i.test(encoding));
    const text = isText || typeof data !== "string" ? data : Buffer.from(data, encoding as BufferEncoding);
    const cell = currentCell();
    if (cell === undefined) {
      writeSync(terminal[name], text as string);
    } else {
      cell.write(name, text);
    }
    const done = typeof encoding === "function" ? encoding : callback;
    if (done) {
      process.nextTick(done);
    }
    return true;
  };
  /** Ends nothing: the next cell prints, too. */
  const end = (...args: [data?: unknown, encoding?: BufferEncoding | Done, callback?: Done]): Writable => {
    const done = args.find((each) => typeof each === "function") as Done | undefined;
    const [data, encoding] = args;
    if (data !== undefined && data !== null && data !== done) {
      write(data, typeof encoding === "string" ? encoding : undefined);
    }
    process.nextTick(() => {
      stream.emit("finish");
      done?.();
    });
    return stream;
  };
  Object.assign(stream, { fd: name === "stdout" ? 1 : 2, write, end, destroy: () => stream });
  Object.defineProperty(process, name, { configurable: true, enumerable: true, get: () => stream });
}
