/**
 * What the kernel changes in the process that cells run in: where prints go, what `process.exit` means, timers that end with
 * an interrupted cell, and the globals `display`, `clear_output` and `input`.
 */
import { Console } from "node:console";
import timers from "node:timers";
import timersPromises from "node:timers/promises";
import { promisify } from "node:util";
import { setHost } from "../../src/host";
import { kernelColours } from "../magics/shell";
import { html, md } from "../display/markup";
import { type ProgressOptions, progress } from "../display/progress";
import { type Cell, currentCell } from "./cell";
import { display } from "./display";
import type { Questions } from "./input";
import { installStdin } from "./stdin";
import { installOutput } from "./stdout";

/** Makes all the changes. `questions` asks the reader. */
export function installGlobals(questions: Questions): void {
  installOutput("stdout");
  installOutput("stderr");
  installStdin(questions.ask);
  installColors();
  bindTimers();
  process.exit = refuseExit;
  Object.assign(globalThis, {
    display,
    html,
    md,
    progress: (source: unknown, options: ProgressOptions = {}) =>
      progress(source, options, (data, place) => currentCell()?.show(data, place)),
    input: questions.ask,
    prompt: questions.prompt,
    confirm: questions.confirm,
    alert: questions.alert,
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

/** Programs that colour what they print do so here, too, as in IPython; the reader's own wish counts. */
function installColors(): void {
  const { env } = process;
  env.TERM = env.TERM === undefined || env.TERM === "dumb" ? "xterm-color" : env.TERM;
  if (!env.NO_COLOR) {
    for (const name of ["FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE"]) {
      if (env[name] !== undefined) continue;
      env[name] = "1";
      kernelColours.add(name);
    }
  }
  env.PAGER = "cat";
  env.GIT_PAGER = "cat";
  // Node would colour what console.log prints wherever FORCE_COLOR is set; it does as results do.
  const inspectOptions = {
    get colors() {
      return currentCell()?.colors === true;
    },
  };
  Object.assign(console, new Console({ stdout: process.stdout, stderr: process.stderr, inspectOptions }));
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
  const bound = (callback: unknown, stop?: () => void, fired?: () => void): unknown => {
    const cell = currentCell();
    if (cell === undefined || typeof callback !== "function") {
      return callback; // Node says what is wrong with it.
    }
    return function (this: unknown, ...args: unknown[]): unknown {
      fired?.();
      return cell.interrupted ? stop?.() : cell.call(() => Reflect.apply(callback as Callback, this, args));
    };
  };
  const { setTimeout: timeout, setInterval: interval, setImmediate: immediate } = timers;
  const { clearTimeout: clear, clearInterval: clearRepeated } = timers;
  const promised = { ...timersPromises };
  const timeoutPromise = whileRunning(promised.setTimeout);
  const immediatePromise = whileRunning(promised.setImmediate);
  const owners = new WeakMap<object, Cell>();
  const forget = (handle: unknown): void => {
    if (typeof handle === "object" && handle !== null) owners.get(handle)?.timers.delete(handle);
  };
  /** The cell knows of its timers, for the case that its end has to wait for them. */
  const own = <T extends object>(handle: T, due: number): T => {
    const cell = owners.get(handle) ?? currentCell();
    if (cell !== undefined) {
      owners.set(handle, cell);
      cell.timers.set(handle, due);
    }
    return handle;
  };

  const replacements = {
    setTimeout: (callback: unknown, ...rest: unknown[]) => {
      const handle = Reflect.apply(timeout, undefined, [
        bound(callback, undefined, () => forget(handle)),
        ...rest,
      ]) as NodeJS.Timeout;
      return own(handle, performance.now() + (Number(rest[0]) || 0));
    },
    setInterval: (callback: unknown, ...rest: unknown[]) => {
      const handle = Reflect.apply(interval, undefined, [
        bound(
          callback,
          () => clearRepeated(handle),
          () => own(handle, performance.now() + (Number(rest[0]) || 0)),
        ),
        ...rest,
      ]) as NodeJS.Timeout;
      return own(handle, performance.now() + (Number(rest[0]) || 0));
    },
    setImmediate: (callback: unknown, ...rest: unknown[]) =>
      Reflect.apply(immediate, undefined, [bound(callback), ...rest]) as NodeJS.Immediate,
    clearTimeout: (handle: Parameters<typeof clear>[0]) => {
      forget(handle);
      clear(handle);
    },
    clearInterval: (handle: Parameters<typeof clear>[0]) => {
      forget(handle);
      clearRepeated(handle);
    },
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
    const timer = {};
    cell?.timers.set(timer, performance.now() + (Number(args[0]) || 0));
    return new Promise<R>((resolve, reject) => {
      start(...args)
        .finally(() => cell?.timers.delete(timer))
        .then(
          (value) => cell?.interrupted || resolve(value),
          (error: unknown) => cell?.interrupted || reject(error),
        );
    });
  };
}
