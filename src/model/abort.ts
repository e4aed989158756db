/** Ties abort signals (the caller's, and the notebook's interrupt) to a native abort flag while work runs. */
import { inspect } from "node:util";
import { host } from "../host";
import { type AbortFlag, addon } from "../native";

/** Runs `work` with a flag that any of the signals sets; an abort rejects with an `AbortError` that says so. */
export async function abortable<T>(signal: AbortSignal | undefined, work: (flag: AbortFlag) => Promise<T>): Promise<T> {
  if (signal !== undefined && typeof signal?.addEventListener !== "function")
    throw new TypeError(`Expected an AbortSignal for signal but received ${inspect(signal, { depth: 0 })}`);
  const flag = new (addon().AbortFlag)();
  const signals = [signal, host()?.signal].filter((one): one is AbortSignal => one !== undefined);
  const abort = (): void => flag.abort();
  for (const one of signals) {
    if (one.aborted) throw abortError();
    one.addEventListener("abort", abort);
  }
  try {
    return await work(flag);
  } catch (error) {
    if (flag.aborted && (error as Error).name === "AbortError") throw abortError();
    throw error;
  } finally {
    for (const one of signals) one.removeEventListener("abort", abort);
  }
}

/** What an aborted call rejects with. */
export function abortError(): Error {
  return new DOMException("The operation was aborted; the model is ready for the next one.", "AbortError");
}
