/** A prompt behind what an earlier call's cache holds. */
import type { DynamicCache } from "../model/cache";
import type { Core } from "../model/core";
import type { NativeCache } from "../native";

/**
 * Runs a prompt of `tokens` behind what `past` holds, which then holds it too; without a cache, by itself.
 *
 * @param where The function's name, for the error of the next call that wants the cache meanwhile.
 */
export async function behind<T>(
  { native }: Core,
  past: DynamicCache | undefined,
  where: string,
  tokens: number,
  run: (cache?: NativeCache) => Promise<T>,
): Promise<T> {
  if (past === undefined) return run();
  return past.use(native, 1, where, async ([cache]) => {
    past.lead(undefined);
    const result = await run(cache);
    past.append([new Array<boolean>(tokens).fill(true)]);
    return result;
  });
}
