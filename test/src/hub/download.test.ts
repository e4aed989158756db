/** One file on its way into the cache: resumed, checked, told of, and what a full disk or another process does to it. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ModelCache } from "../../../src/hub/cache";
import type { HubClient, HubFile } from "../../../src/hub/client";
import { type DownloadOptions, downloadFile, type ProgressInfo } from "../../../src/hub/download";
import { rejects } from "./sandbox";

const commit = "0123456789abcdef0123456789abcdef01234567";
const whole = Buffer.from("0123456789".repeat(50));
const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
const gitHash = (bytes: Buffer) => createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
const large: HubFile = { path: "sub/a.bin", size: whole.length, etag: sha256(whole), sha256: true };
const small: HubFile = { path: "a.json", size: whole.length, etag: gitHash(whole), sha256: false };

type Read = (start: number, take: (bytes: Uint8Array, at: number) => Promise<void>) => Promise<void>;

describe("A file on its way into the cache", () => {
  let folder: string;
  let cache: ModelCache;
  let starts: number[];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "phi3lab-download-"));
    cache = new ModelCache(folder, "acme/tiny");
    starts = [];
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** The rest of the file, in pieces of 100. */
  const rest: Read = async (start, take) => {
    for (let at = start; at < whole.length; at += 100) await take(whole.subarray(at, at + 100), at);
  };
  /** Fetches a file from a hub that gives it in this way. */
  const fetch = (
    file: HubFile,
    read: Read = rest,
    options: DownloadOptions = { progress_callback: () => undefined },
  ) => {
    const client = {
      id: "acme/tiny",
      read: (_: string, __: HubFile, start: number, take: Parameters<Read>[1]) => {
        starts.push(start);
        return read(start, take);
      },
    } as unknown as HubClient;
    return downloadFile(client, cache, commit, file, options);
  };
  const partial = (file: HubFile, bytes: Buffer): void => {
    mkdirSync(join(cache.folder, "blobs"), { recursive: true });
    writeFileSync(`${cache.blob(file.etag)}.incomplete`, bytes);
  };
  const blobs = () => readdirSync(join(cache.folder, "blobs"));

  for (const file of [large, small])
    it(`is checked by its hash, from its first byte or from where it stopped (${file.path})`, async () => {
      const path = await fetch(file);
      assert.equal(path, join(cache.folder, "snapshots", commit, file.path));
      assert.ok(readFileSync(path).equals(whole));
      assert.deepEqual([starts, blobs()], [[0], [file.etag]]);
      for (const length of [1, 130, whole.length]) {
        rmSync(cache.folder, { recursive: true });
        partial(file, whole.subarray(0, length));
        assert.ok(readFileSync(await fetch(file)).equals(whole));
        assert.equal(starts.at(-1), length);
      }
      await fetch(file, () => assert.fail("it lies here"));
      assert.deepEqual(readdirSync(cache.locks), []);
    });

  it("is read from where the hub begins, and anew where more lies here than the file has", async () => {
    partial(large, whole.subarray(0, 130));
    assert.ok(readFileSync(await fetch(large, (_, take) => rest(30, take))).equals(whole));
    rmSync(cache.folder, { recursive: true });
    partial(large, whole.subarray(0, 130));
    assert.ok(
      readFileSync(await fetch(large, (_, take) => take(whole.subarray(30), 30))).equals(whole),
      "in one piece",
    );
    rmSync(cache.folder, { recursive: true });
    partial(large, Buffer.concat([whole, Buffer.from("more")]));
    assert.ok(readFileSync(await fetch(large)).equals(whole));
    assert.equal(starts.at(-1), 0);
  });

  it("is thrown away where it arrived damaged, also when the damage came earlier", async () => {
    const damaged = new RegExp(
      `^sub/a\\.bin of acme/tiny arrived damaged: expected the hash ${large.etag} but found [0-9a-f]{64}\\. It was removed`,
    );
    await rejects(
      fetch(large, (_, take) => take(Buffer.alloc(whole.length), 0)),
      damaged,
    );
    assert.deepEqual(blobs(), []);
    partial(large, Buffer.alloc(130));
    await rejects(fetch(large), damaged);
    assert.deepEqual(blobs(), []);
    assert.ok(readFileSync(await fetch(large)).equals(whole));
  });

  it("is kept as far as it came when the connection or the disk fails", async () => {
    const failing =
      (error: Error): Read =>
      async (start, take) => {
        await take(whole.subarray(start, 200), start);
        throw error;
      };
    const lost = new Error("lost");
    await assert.rejects(fetch(large, failing(lost)), lost);
    assert.deepEqual(blobs(), [`${large.etag}.incomplete`]);
    assert.deepEqual(readdirSync(cache.locks), []);
    const full = Object.assign(new Error("full"), { code: "ENOSPC" });
    await assert.rejects(fetch(large, failing(full)), (error: Error) => {
      const what = `The disk is full: sub/a.bin takes 1 MB in ${join(cache.folder, "blobs")}. Make room, or set HF_HUB_CACHE to a folder on another disk; what was fetched is kept.`;
      assert.deepEqual([error.name, error.message, error.cause], ["HubError", what, full]);
      return true;
    });
    assert.ok(readFileSync(await fetch(large)).equals(whole));
    assert.deepEqual(starts, [0, 200, 200]);
  });

  it("is not begun where the disk has no room for what is missing of it", async () => {
    const huge = { ...large, size: 2 ** 60 };
    await rejects(
      fetch(huge),
      /^The disk is full: sub\/a\.bin takes 1152921504607 MB and \d+ MB are free in \/.+blobs\. Make room/,
    );
    assert.deepEqual(starts, []);
  });

  it("is told of: what lies here already, what comes, and the end", async () => {
    partial(large, whole.subarray(0, 300));
    const told: ProgressInfo[] = [];
    await fetch(large, rest, { progress_callback: (info) => told.push(info) });
    const info = (status: ProgressInfo["status"], loaded: number) => ({
      ...{ status, name: "acme/tiny", file: "sub/a.bin", loaded, total: 500 },
      progress: loaded / 5,
    });
    assert.deepEqual(told, [
      ...[info("initiate", 0), info("download", 300), info("progress", 400), info("progress", 500)],
      info("done", 500),
    ]);
    told.length = 0;
    const empty = { ...small, size: 0, etag: gitHash(Buffer.alloc(0)) };
    await fetch(empty, async () => undefined, { progress_callback: (info) => told.push(info) });
    assert.deepEqual(
      told.map(({ status, progress }) => [status, progress]),
      [
        ["initiate", 100],
        ["download", 100],
        ["done", 100],
      ],
    );
  });

  it("may be brought by another process in the meantime", async () => {
    const path = await fetch(large, async (start, take) => {
      await rest(start, take);
      renameSync(`${cache.blob(large.etag)}.incomplete`, cache.blob(large.etag));
    });
    assert.ok(readFileSync(path).equals(whole));
    rmSync(cache.folder, { recursive: true });
    const removed = fetch(large, async (start, take) => {
      await rest(start, take);
      rmSync(`${cache.blob(large.etag)}.incomplete`);
    });
    await assert.rejects(removed, { code: "ENOENT" });
  });

  it("is waited for while another fetches it, which is said; an interrupt ends the wait", async () => {
    mkdirSync(cache.locks, { recursive: true });
    const lock = join(cache.locks, `${large.etag}.phi3lab.lock`);
    const { now } = Date;
    const { error } = console;
    const said: string[] = [];
    let passed = 0;
    console.error = (line: string) => said.push(line);
    Date.now = () => now() + passed;
    try {
      writeFileSync(lock, `${process.pid} ${hostname()}`);
      await assert.rejects(fetch(large, rest, { signal: AbortSignal.timeout(100) }), { name: "AbortError" });
      const waiting = fetch(large);
      await sleep(50);
      passed = 4000;
      await sleep(300);
      mkdirSync(join(cache.folder, "blobs"), { recursive: true });
      writeFileSync(cache.blob(large.etag), whole);
      rmSync(lock);
      assert.ok(readFileSync(await waiting).equals(whole));
    } finally {
      Date.now = now;
      console.error = error;
    }
    assert.deepEqual(said, ["acme/tiny/sub/a.bin is being fetched by another notebook or call; waiting for it."]);
    assert.deepEqual(starts, [], "the other one has brought it");
  });
});
