/**
 * Stops JavaScript that listens to no signal: a synchronous loop, also one after an `await`, or an endless chain of
 * microtasks. Called from the worker; the inspector of the main thread unwinds whatever runs there, uncatchably.
 *
 * Only user code may be hit. The main thread marks its own critical sections (`Shared.Guarded`) and the time in which user
 * code runs (`Shared.Running`); the two sides agree through `Shared.Stopping`, which this side raises before it looks.
 */
import { Session } from "node:inspector";
import { PREPARE_STOP } from "./asyncHooks";
import { Shared } from "./link";

/** Longest wait for the inspector's answer, in milliseconds. */
const ANSWER_MS = 1_000;

/** Stops what the main thread runs if it still runs user code of request `serial`; true when something was stopped. */
export async function stopMainThread(shared: Int32Array, serial: number): Promise<boolean> {
  Atomics.store(shared, Shared.Stopping, 1);
  const session = new Session();
  try {
    if (Atomics.load(shared, Shared.Guarded) !== 0 || Atomics.load(shared, Shared.Running) !== serial) {
      return false;
    }
    session.connectToMainThread();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ANSWER_MS);
      session.post("Runtime.evaluate", { expression: PREPARE_STOP, silent: true });
      session.post("Runtime.terminateExecution", () => {
        clearTimeout(timer);
        resolve();
      });
    });
    return true;
  } finally {
    session.disconnect();
    Atomics.store(shared, Shared.Stopping, 0);
    Atomics.notify(shared, Shared.Stopping);
  }
}
