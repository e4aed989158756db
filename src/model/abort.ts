/** Ties abort signals (the caller's, and the notebook's interrupt) to a native abort flag while work runs. */
import { inspect } from "node:util";
import { host } from "../host";
import { type AbortFlag, addon } from "../native";

/** Runs `work`; when one of the signals fires meanwhile, `abort` is called. */
async function hearing<T>(
  signal: AbortSignal | undefined,
  abort: () => void,
  work: () => T | PromiseLike<T>,
): Promise<T> {
  if (signal !== undefined && typeof signal?.addEventListener !== "function")
    throw new TypeError(`Expected an AbortSignal for signal but received ${inspect(signal, { depth: 0 })}`);
  const signals = [signal, host()?.signal].filter((one): one is AbortSignal => one !== undefined);
  for (const one of signals) {
    if (one.aborted) throw abortError(signal);
    one.addEventListener("abort", abort);
  }
  try {
    return await work();
  } finally {
    for (const one of signals) one.removeEventListener("abort", abort);
  }
}

/**
 * Runs `work` with a flag that any of the signals sets; an abort rejects with the reason that the caller's signal was given,
 * else with an `AbortError` that says so.
 */
export async function abortable<T>(signal: AbortSignal | undefined, work: (flag: AbortFlag) => Promise<T>): Promise<T> {
  const flag = new (addon().AbortFlag)();
  const run = async (): Promise<T> => {
    try {
      return await work(flag);
    } catch (error) {
      if (flag.aborted && (error as Error).name === "AbortError") throw abortError(signal);
      throw error;
    }
  };
  return hearing(signal, () => flag.abort(), run);
}

/** What `work` gives, or an `AbortError` as soon as any of the signals fires, whether or not the work obeys them. */
export function unlessAborted<T>(signal: AbortSignal | undefined, work: () => T | PromiseLike<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    hearing(signal, () => reject(abortError(signal)), work).then(resolve, reject);
  });
}

/** What an aborted call rejects with: the reason that the signal was given, where it was given one. */
export function abortError(signal?: AbortSignal): unknown {
  const reason: unknown = signal?.aborted ? signal.reason : undefined;
  const given = reason !== undefined && (reason as Error).name !== "AbortError";
  if (given) return reason;
  return new DOMException("The operation was aborted; the model is ready for the next one.", "AbortError");
}
