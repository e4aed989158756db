/** Functions of a caller's that a pass waits for. */
import { AsyncLocalStorage } from "node:async_hooks";
import { inspect } from "node:util";
import type { NativeHook, NativeModel } from "../native";
import { Tensor } from "../tensor";
import type { HookEdit } from "./edit_types";
import { layerOf } from "./names";

/** The models whose passes wait for the function that is running. */
const waiting = new AsyncLocalStorage<ReadonlySet<NativeModel>>();
/** Passes with hooks. While a storage is in use Node marks every promise of the process, visibly. */
let passes = 0;

/** Runs a pass with hooks. */
export async function withHooks<T>(pass: () => Promise<T>): Promise<T> {
  passes++;
  try {
    return await pass();
  } finally {
    if (--passes === 0) waiting.disable();
  }
}

/** @throws Error where the model waits for the function that asks it. */
export function refuseWithinHook(native: NativeModel): void {
  if (waiting.getStore()?.has(native.original ?? native))
    throw new Error("Expected no call of the model from a hook of its own pass: the model waits for the hook");
}

/** The hook for one call of the model, whose error, where the function throws, goes to `failed`. */
export function nativeHook(native: NativeModel, { at, call }: HookEdit, failed: (error: unknown) => void): NativeHook {
  return {
    at,
    call: (numbers, rows, position, done) => {
      const n = numbers.length / rows;
      const given = new Tensor("float32", numbers, [1, rows, n]);
      const positions = Array.from({ length: rows }, (_, i) => position + i);
      const run = async (): Promise<void> => {
        const made: unknown = await call(given, { at, layer: layerOf(at) ?? -1, positions });
        if (made === undefined) return done();
        if (!(made instanceof Tensor) || made.size !== numbers.length || made.dims.at(-1) !== n)
          throw new RangeError(
            `Expected a tensor [1, ${rows}, ${n}] or nothing from the hook at ${at} but received ${made instanceof Tensor ? `[${made.dims.join(", ")}]` : inspect(made, { depth: 0 })}`,
          );
        done(made.to("float32").data as Float32Array);
      };
      waiting.run(new Set([...(waiting.getStore() ?? []), native]), () =>
        run().catch((error: unknown) => {
          failed(error);
          done(null);
        }),
      );
    },
  };
}
