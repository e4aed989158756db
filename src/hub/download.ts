/**
 * Fetches one file of a commit into the cache. The bytes go to `blobs/<etag>.incomplete`, which survives interruptions and
 * which the next call resumes; when all are there and their hash is right the file gets its name, at once whole.
 */
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type ProgressBar, progressBar } from "../progress";
import { exists, type ModelCache } from "./cache";
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
  if (!(await exists(blob))) {
    const onWait = () =>
      console.error(`${client.id}/${file.path} is being fetched by another notebook or call; waiting for it.`);
    const lock = join(cache.locks, `${file.etag}.phi3lab.lock`);
    await withLock(lock, () => fetchBlob(client, commit, file, blob, options), { signal: options.signal, onWait });
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
  if (await exists(blob)) return;
  const incomplete = `${blob}.incomplete`;
  await mkdir(dirname(blob), { recursive: true });
  const report = reporter(client.id, file, options);
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
    await checkSpace(dirname(blob), file.size - at, file);
    report.start(at);
    await client.read(commit, file, at, async (bytes, position) => {
      if (position !== at) hash = await hashStart(file, incomplete, position);
      await writeAll(target, bytes, position);
      hash.update(bytes);
      at = position + bytes.length;
      report.progress(at);
    });
    const found = hash.digest("hex");
    if (found !== file.etag) {
      await rm(incomplete, { force: true });
      const what = `${file.path} of ${client.id} arrived damaged: expected the hash ${file.etag} but found ${found}`;
      throw new HubError(`${what}. It was removed; run the call again.`);
    }
    await target.sync();
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === "ENOSPC" ? noSpace(dirname(blob), file, undefined, error) : error;
  } finally {
    await target.close();
    report.close();
  }
  // Another process may have been as far as this: whoever comes second finds the same content in place.
  await rename(incomplete, blob).catch(async (error) => {
    if (!(await exists(blob))) throw error;
  });
  report.done();
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

async function checkSpace(folder: string, needed: number, file: HubFile): Promise<void> {
  const disk = await statfs(folder).catch(() => undefined);
  const free = disk ? disk.bavail * disk.bsize : Infinity;
  if (free < needed) throw noSpace(folder, file, free);
}

function noSpace(folder: string, file: HubFile, free: number | undefined, cause?: unknown): HubError {
  const megabytes = (bytes: number) => `${Math.ceil(bytes / 1e6)} MB`;
  const left = free === undefined ? "" : ` and ${megabytes(free)} are free`;
  const what = `The disk is full: ${file.path} takes ${megabytes(file.size)}${left} in ${folder}`;
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
      if (!callback) bar = progressBar({ label: path, total, unit: "B", initial: loaded });
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
