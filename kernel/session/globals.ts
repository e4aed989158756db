/**
 * What the kernel changes in the process that cells run in: where prints go, what `process.exit` means, timers that end with
 * an interrupted cell, and the globals `display`, `clear_output` and `input`.
 */
import timers from "node:timers";
import timersPromises from "node:timers/promises";
import { promisify } from "node:util";
import { setHost } from "../../src/host";
import { currentCell, type Stream } from "./cell";
import { display } from "./display";

type Input = (prompt?: string, options?: { password?: boolean }) => Promise<string>;

/** Makes all the changes. `input` asks the reader. */
export function installGlobals(input: Input): void {
  captureStream("stdout");
  captureStream("stderr");
  bindTimers();
  process.exit = refuseExit;
  Object.assign(globalThis, {
    display,
    input,
    clear_output: (options: { wait?: boolean } = {}) => currentCell()?.clear(options.wait === true),
  });
  setHost({
    get signal() {
      const cell = currentCell();
      return cell && (cell.interrupted || !cell.ended) ? cell.signal : undefined;
    },
    display: (data, options) => currentCell()?.show(data, options),
  });
}

/** Prints go to the cell; before the first cell, to the terminal. */
function captureStream(name: Stream): void {
  const stream = process[name];
  const original = stream.write.bind(stream);
  const write = (
    data: string | Uint8Array,
    encoding?: BufferEncoding | ((error?: Error | null) => void),
    callback?: (error?: Error | null) => void,
  ): boolean => {
    const cell = currentCell();
    if (cell === undefined) {
      return original(data, encoding as BufferEncoding, callback);
    }
    if (typeof data !== "string" && !(data instanceof Uint8Array)) {
      throw new TypeError(`Expected a string or bytes for process.${name}.write but received ${typeof data}`);
    }
    const isText = typeof data === "string" && (typeof encoding !== "string" || /^utf-?8$/i.test(encoding));
    cell.write(name, isText ? data : typeof data === "string" ? Buffer.from(data, encoding as BufferEncoding) : data);
    const done = typeof encoding === "function" ? encoding : callback;
    if (done) {
      process.nextTick(done);
    }
    return true;
  };
  stream.write = write;
}

function refuseExit(): never {
  throw new Error(
    "process.exit() would end the kernel and lose every variable. To stop a cell, throw an error; to start afresh, restart the kernel.",
  );
}

/**
 * Timers of an interrupted cell never fire again: this is what ends a loop that sleeps between its rounds. Node's own
 * functions stay underneath, so that what they return and accept is unchanged.
 */
function bindTimers(): void {
  type Callback = (...args: unknown[]) => unknown;
  const bound = (callback: unknown, stop?: () => void): unknown => {
    const cell = currentCell();
    if (cell === undefined || typeof callback !== "function") {
      return callback; // Node says what is wrong with it.
    }
    return function (this: unknown, ...args: unknown[]): unknown {
      return cell.interrupted ? stop?.() : cell.call(() => Reflect.apply(callback as Callback, this, args));
    };
  };
  const { setTimeout: timeout, setInterval: interval, setImmediate: immediate, clearInterval: clear } = timers;
  const promised = { ...timersPromises };
  const timeoutPromise = whileRunning(promised.setTimeout);
  const immediatePromise = whileRunning(promised.setImmediate);

  const replacements = {
    setTimeout: (callback: unknown, ...rest: unknown[]) =>
      Reflect.apply(timeout, undefined, [bound(callback), ...rest]) as NodeJS.Timeout,
    setInterval: (callback: unknown, ...rest: unknown[]) => {
      const handle = Reflect.apply(interval, undefined, [
        bound(callback, () => clear(handle)),
        ...rest,
      ]) as NodeJS.Timeout;
      return handle;
    },
    setImmediate: (callback: unknown, ...rest: unknown[]) =>
      Reflect.apply(immediate, undefined, [bound(callback), ...rest]) as NodeJS.Immediate,
  };
  Object.defineProperty(replacements.setTimeout, promisify.custom, { value: timeoutPromise });
  Object.defineProperty(replacements.setImmediate, promisify.custom, { value: immediatePromise });
  Object.assign(globalThis, replacements);
  Object.assign(timers, replacements);
  Object.assign(timersPromises, { setTimeout: timeoutPromise, setImmediate: immediatePromise });
}

/** A promise that settles as that of `start` unless the cell is interrupted meanwhile. */
function whileRunning<A extends unknown[], R>(start: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
  return (...args) => {
    const cell = currentCell();
    return new Promise<R>((resolve, reject) => {
      start(...args).then(
        (value) => cell?.interrupted || resolve(value),
        (error: unknown) => cell?.interrupted || reject(error),
      );
    });
  };
}
