/** Removes what killed processes have left of a model in the cache, as far as nobody goes on with it. */
import { lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { exists, type ModelCache } from "./cache";
import { incompleteOf } from "./download";
import { isFree } from "./lock";

/** Milliseconds after which a half-written file's process must be gone. */
const leftAfter = 3_600_000;

export async function tidy(cache: ModelCache): Promise<void> {
  for (const name of await names(cache.locks)) {
    const path = join(cache.locks, name);
    if (name.endsWith(".phi3lab.lock")) await isFree(path);
    else if (name.endsWith(".tmp") && (await age(path)) > leftAfter) await rm(path, { force: true });
  }
  // Of a forced fetch: the blob that it was to replace is there, and nobody would resume it.
  for (const name of await names(join(cache.folder, "blobs"))) {
    const incomplete = incompleteOf(cache.blob(name));
    if ((await exists(incomplete)) && (await isFree(cache.lock(name)))) await rm(incomplete, { force: true });
  }
}

const names = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

async function age(path: string): Promise<number> {
  const found = await lstat(path).catch(() => undefined);
  return found === undefined ? 0 : Date.now() - found.mtimeMs;
}
