/**
 * Opens a model's files, and where they turn out to be damaged looks whether the cache is to blame: a blob's name is the
 * hash of what it should hold. One that holds something else is removed, fetched again and opened once more.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, realpath, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { WeightsError } from "../weights";
import { HubError } from "./error";
import type { ResolvedModel } from "./local";
import { resolveModel, type WantedOptions } from "./resolve";
import { offline } from "./settings";

/** Bytes up to which a file is looked at though the error does not name it. */
const small = 100e6;

/**
 * Finds a model's files, as {@link resolveModel} does, and opens them.
 *
 * @param open Reads them; called again where the first call failed on files of the cache that were damaged.
 */
export async function openResolved<T>(
  model: string,
  options: WantedOptions,
  open: (found: ResolvedModel) => Promise<T>,
): Promise<T> {
  let found: ResolvedModel | undefined;
  try {
    found = await resolveModel(model, options);
    return await open(found);
  } catch (error) {
    if (error instanceof HubError) throw error;
    const suspects = await suspected(error, found);
    const damaged: string[] = [];
    for (const blob of suspects) if (await isDamaged(blob)) damaged.push(blob);
    if (damaged.length === 0) throw withCure(error, found);
    if (options.local_files_only ?? offline()) {
      const what = `What the cache holds of ${model} is damaged (${(error as Error).message})`;
      throw new HubError(`${what}, and nothing may be fetched; load it once with the network, which replaces it.`, {
        cause: error,
      });
    }
    for (const blob of damaged) await rm(blob, { force: true });
    const files = damaged.length === 1 ? "A file" : `${damaged.length} files`;
    console.error(
      `${files} of ${model} in the cache ${damaged.length === 1 ? "is" : "are"} damaged and fetched again.`,
    );
    return open(await resolveModel(model, { ...options, force_download: false }));
  }
}

/**
 * A cache that was copied, or lies where there are no links, holds files whose names tell no hash: that they are damaged
 * is only their reader's guess, so the error says how they are fetched again.
 */
function withCure(error: unknown, found: ResolvedModel | undefined): unknown {
  if (found?.commit !== undefined && error instanceof Error)
    error.message = error.message.replace(/download it again/, "$&, with { force_download: true }");
  return error;
}

/** The blobs that may be to blame: the file that the error names, or the small ones of the model's folder. */
async function suspected(error: unknown, found: ResolvedModel | undefined): Promise<string[]> {
  const named = error instanceof WeightsError ? error.file : undefined;
  const folder = found?.folder ?? (named === undefined ? undefined : dirname(named));
  if (folder === undefined || !/[/\\]snapshots[/\\][0-9a-f]{40}/.test(folder)) return [];
  const blobs = new Set<string>();
  for (const path of [...(named === undefined ? [] : [named]), ...(await inFolder(folder))]) {
    const blob = await realpath(path).catch(() => undefined);
    const size = blob === undefined ? undefined : (await stat(blob).catch(() => undefined))?.size;
    if (blob === undefined || size === undefined || basename(dirname(blob)) !== "blobs") continue;
    if (path === named || size <= small) blobs.add(blob);
  }
  return [...blobs];
}

async function inFolder(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).map((name) => join(folder, name));
}

/** Whether a blob's content is another than its name says: SHA-256 of a large file, git's SHA-1 of a small one. */
async function isDamaged(blob: string): Promise<boolean> {
  const etag = basename(blob);
  if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(etag)) return false;
  const found = await stat(blob);
  // What is read from a pipe has no end.
  if (!found.isFile()) return true;
  const { size } = found;
  const hash = etag.length === 64 ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`);
  for await (const bytes of createReadStream(blob, { highWaterMark: 2 ** 20 })) hash.update(bytes as Buffer);
  return hash.digest("hex") !== etag;
}
