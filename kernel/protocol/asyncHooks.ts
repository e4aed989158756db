/**
 * Keeps Node alive when JavaScript is stopped by force while async hooks are in use.
 *
 * A cell that uses AsyncLocalStorage on Node 20 or 22 switches Node's async hooks on. Stopped code runs no `after` hook, and
 * Node, which checks at the bottom of every callback that its stack of ids is empty, would abort the process. So just before
 * the stop the check is switched off, and once the event loop turns again the stack is emptied and the hooks counted anew.
 * Node offers no public way; where the internal one is missing (Node 24 needs none) nothing is done.
 */

interface AsyncWrap {
  async_hook_fields: Uint32Array;
  clearAsyncIdStack(): void;
  constants: Record<"kInit" | "kBefore" | "kAfter" | "kDestroy" | "kPromiseResolve" | "kTotals" | "kCheck", number>;
}

const NAME = "__phi3lab_prepare_stop__";

/** What the inspector evaluates on the main thread right before it stops it. */
export const PREPARE_STOP: string = `globalThis.${NAME}?.()`;

let asyncWrap: AsyncWrap | undefined;
let prepared = false;

/**
 * Makes {@link PREPARE_STOP} work; called once on the main thread. `note` is called on top of the stack that is about to be
 * unwound.
 */
export function offerPrepareStop(note: () => void): void {
  asyncWrap = findAsyncWrap();
  Object.defineProperty(globalThis, NAME, {
    value: () => {
      note();
      if (asyncWrap === undefined) {
        return;
      }
      const { async_hook_fields: fields, constants } = asyncWrap;
      prepared = true;
      fields[constants.kTotals] = 0;
      fields[constants.kCheck] = 0;
    },
  });
}

/** Undoes the preparation; called where no stopped code is left on the stack. */
export function repairAsyncHooks(): void {
  if (!prepared || asyncWrap === undefined) {
    return;
  }
  prepared = false;
  asyncWrap.clearAsyncIdStack();
  const { async_hook_fields: fields, constants } = asyncWrap;
  const count = (index: number): number => fields[index] ?? 0;
  const { kInit, kBefore, kAfter, kDestroy, kPromiseResolve } = constants;
  fields[constants.kTotals] = [kInit, kBefore, kAfter, kDestroy, kPromiseResolve].reduce((sum, k) => sum + count(k), 0);
  fields[constants.kCheck] = 0;
}

function findAsyncWrap(): AsyncWrap | undefined {
  const { binding } = process as unknown as { binding?: (name: string) => Partial<AsyncWrap> };
  const { noDeprecation } = process;
  try {
    process.noDeprecation = true; // There is nothing that a reader of the warning could do.
    const found = binding?.("async_wrap");
    const usable =
      found?.async_hook_fields instanceof Uint32Array &&
      typeof found.clearAsyncIdStack === "function" &&
      typeof found.constants?.kTotals === "number" &&
      typeof found.constants.kCheck === "number";
    return usable ? (found as AsyncWrap) : undefined;
  } catch {
    return undefined;
  } finally {
    process.noDeprecation = noDeprecation;
  }
}
