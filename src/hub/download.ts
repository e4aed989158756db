/**
 * Fetches one file of a commit into the cache. The bytes go to `blobs/<etag>.phi3lab.incomplete`, which survives
 * interruptions and which the next call resumes; when all are there and their hash is right the file gets its name, at
 * once whole. The name is ours alone: an older huggingface_hub appends to its `<etag>.incomplete` under another lock.
 */
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { type ProgressBar, progressBar } from "../progress";
import type { ModelCache } from "./cache";
import type { HubClient, HubFile } from "./client";
import { HubError } from "./error";
import { withLock } from "./lock";

/** What a `progress_callback` is told of each file; the fields are transformers.js'. */
export interface ProgressInfo {
  /**
   * "initiate" and "download" once before a file's first byte, "progress" as bytes come, "done" when the file is whole.
   */
  status: "initiate" | "download" | "progress" | "done";
  /** The model's id. */
  name: string;
  /** The file's path in the model's repository. */
  file: string;
  /** Of the file, in per cent. */
  progress: number;
  /** Bytes of the file that are here, those of an earlier try included. */
  loaded: number;
  /** Bytes of the whole file. */
  total: number;
}

export interface DownloadOptions {
  signal?: AbortSignal;
  /** Draws no bar when it is given. */
  progress_callback?: (info: ProgressInfo) => void;
  /** Fetches what lies here, too. Default: false. */
  force?: boolean;
}

/** Where a blob's bytes are gathered. */
export const incompleteOf = (blob: string): string => `${blob}.phi3lab.incomplete`;
/** One of another length is damaged: it counts as nothing. */
const isWhole = async (blob: string, { size }: HubFile): Promise<boolean> => (await sizeOf(blob)) === size;
/** undefined where there is no file of this name, though a pipe or a folder may be. */
const sizeOf = (path: string): Promise<number | undefined> =>
  stat(path).then(
    (found) => (found.isFile() ? found.size : undefined),
    () => undefined,
  );

/**
 * Sees to it that there is room for what is missing of some files.
 *
 * @throws HubError where there is not.
 */
export async function checkSpace(
  cache: ModelCache,
  files: readonly HubFile[],
  options: DownloadOptions,
): Promise<void> {
  let needed = 0;
  for (const file of new Map(files.map((one) => [one.etag, one])).values()) {
    const blob = cache.blob(file.etag);
    if (options.force) needed += file.size;
    else if (!(await isWhole(blob, file))) needed += Math.max(0, file.size - ((await sizeOf(incompleteOf(blob))) ?? 0));
  }
  const [first, ...others] = files;
  if (first === undefined || needed === 0) return;
  const folder = dirname(cache.blob(first.etag));
  await mkdir(folder, { recursive: true });
  const disk = await statfs(folder).catch(() => undefined);
  const free = disk ? disk.bavail * disk.bsize : Infinity;
  const what = others.length > 0 ? `${files.length} files` : first.path;
  if (free < needed) throw noSpace(folder, `${what} take${others.length > 0 ? "" : "s"}`, needed, free);
}

/**
 * Sees to it that a commit's file lies in the cache.
 *
 * @returns its path in the snapshot.
 */
export async function downloadFile(
  client: HubClient,
  cache: ModelCache,
  commit: string,
  file: HubFile,
  options: DownloadOptions,
): Promise<string> {
  const blob = cache.blob(file.etag);
  if (options.force || !(await isWhole(blob, file))) {
    const onWait = () =>
      console.error(`${client.id}/${file.path} is being fetched by another notebook or call; waiting for it.`);
    await withLock(cache.lock(file.etag), () => fetchBlob(client, commit, file, blob, options), {
      signal: options.signal,
      onWait,
    });
  }
  return cache.point(commit, file.path, file.etag);
}

async function fetchBlob(
  client: HubClient,
  commit: string,
  file: HubFile,
  blob: string,
  options: DownloadOptions,
): Promise<void> {
  if (!options.force && (await isWhole(blob, file))) return;
  const incomplete = incompleteOf(blob);
  await mkdir(dirname(blob), { recursive: true });
  if (options.force || (await sizeOf(incomplete)) === undefined) await rm(incomplete, { force: true, recursive: true });
  const report = reporter(client.id, file, options);
  try {
    const resumed = ((await sizeOf(incomplete)) ?? 0) > 0;
    const found = await fill(client, commit, file, incomplete, report);
    // What an earlier call left may be what is damaged: then all of it is fetched, once.
    const again = found !== file.etag && resumed ? await fill(client, commit, file, incomplete, report) : found;
    if (again !== file.etag) {
      const what = `${file.path} of ${client.id} arrived damaged: expected the hash ${file.etag} but found ${again}`;
      throw new HubError(`${what}. It was removed; run the call again.`);
    }
  } catch (error) {
    const full = (error as NodeJS.ErrnoException).code === "ENOSPC";
    throw full ? noSpace(dirname(blob), `${file.path} takes`, file.size, undefined, error) : error;
  } finally {
    report.close();
  }
  // Another process may have been as far as this: whoever comes second finds the same content in place.
  await rename(incomplete, blob).catch(async (error) => {
    if (!(await isWhole(blob, file))) throw error;
  });
  report.done();
}

/** Fetches what is missing of a file; gives the hash of all of it, and removes it where that is not the hub's. */
async function fill(
  client: HubClient,
  commit: string,
  file: HubFile,
  incomplete: string,
  report: Reporter,
): Promise<string> {
  // "a" makes the file, "r+" then writes at any place of it.
  await (await open(incomplete, "a")).close();
  const target = await open(incomplete, "r+");
  try {
    let { size: at } = await target.stat();
    if (at > file.size) {
      await target.truncate();
      at = 0;
    }
    let hash = await hashStart(file, incomplete, at);
    report.start(at);
    await client.read(commit, file, at, async (bytes, position) => {
      if (position !== at) hash = await hashStart(file, incomplete, position);
      await writeAll(target, bytes, position);
      hash.update(bytes);
      at = position + bytes.length;
      report.progress(at);
    });
    const found = hash.digest("hex");
    if (found === file.etag) await target.sync();
    else await rm(incomplete, { force: true });
    return found;
  } finally {
    await target.close();
  }
}

/** The hash of a file's first `length` bytes: SHA-256 of the content, or git's SHA-1, which begins with the size. */
async function hashStart(file: HubFile, path: string, length: number): Promise<Hash> {
  const hash = file.sha256 ? createHash("sha256") : createHash("sha1").update(`blob ${file.size}\0`);
  if (length > 0)
    for await (const bytes of createReadStream(path, { end: length - 1, highWaterMark: 2 ** 20 }))
      hash.update(bytes as Buffer);
  return hash;
}

async function writeAll(target: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    written += (await target.write(bytes, written, bytes.length - written, position + written)).bytesWritten;
  }
}

function noSpace(folder: string, takes: string, needed: number, free: number | undefined, cause?: unknown): HubError {
  const megabytes = (bytes: number) => `${Math.ceil(bytes / 1e6)} MB`;
  const left = free === undefined ? "" : ` and ${megabytes(free)} are free`;
  const what = `The disk is full: ${takes} ${megabytes(needed)}${left} in ${folder}`;
  return new HubError(
    `${what}. Make room, or set HF_HUB_CACHE to a folder on another disk; what was fetched is kept.`,
    { cause },
  );
}

interface Reporter {
  start(loaded: number): void;
  progress(loaded: number): void;
  close(): void;
  done(): void;
}

function reporter(name: string, file: HubFile, { progress_callback: callback }: DownloadOptions): Reporter {
  const { path, size: total } = file;
  const tell = (status: ProgressInfo["status"], loaded: number) => {
    const progress = total > 0 ? (100 * loaded) / total : 100;
    callback?.({ status, name, file: path, progress, loaded, total });
  };
  tell("initiate", 0);
  let bar: ProgressBar | undefined;
  return {
    start(loaded) {
      if (!callback) bar ??= progressBar({ label: path, total, unit: "B", initial: loaded });
      tell("download", loaded);
    },
    progress(loaded) {
      bar?.update(loaded);
      tell("progress", loaded);
    },
    close() {
      bar?.close();
    },
    done() {
      tell("done", total);
    },
  };
}
