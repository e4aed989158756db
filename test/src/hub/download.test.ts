/** One file on its way into the cache: resumed, checked, told of, and what a full disk or another process does to it. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ModelCache } from "../../../src/hub/cache";
import type { HubClient, HubFile } from "../../../src/hub/client";
import { checkSpace, type DownloadOptions, downloadFile, type ProgressInfo } from "../../../src/hub/download";
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
    writeFileSync(`${cache.blob(file.etag)}.phi3lab.incomplete`, bytes);
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

  it("is thrown away where it arrived damaged; where the damage came earlier all of it is fetched, once", async () => {
    const damaged = new RegExp(
      `^sub/a\\.bin of acme/tiny arrived damaged: expected the hash ${large.etag} but found [0-9a-f]{64}\\. It was removed`,
    );
    await rejects(
      fetch(large, (_, take) => take(Buffer.alloc(whole.length), 0)),
      damaged,
    );
    assert.deepEqual(blobs(), []);
    partial(large, Buffer.alloc(130));
    starts = [];
    assert.ok(readFileSync(await fetch(large)).equals(whole));
    assert.deepEqual([starts, blobs()], [[130, 0], [large.etag]]);
    rmSync(cache.folder, { recursive: true });
    partial(large, Buffer.alloc(130));
    starts = [];
    await rejects(
      fetch(large, (start, take) => take(Buffer.alloc(whole.length - start), start)),
      damaged,
    );
    assert.deepEqual([starts, blobs()], [[130, 0], []]);
  });

  it("is fetched again where it lies here in another length, or where that is asked for", async () => {
    const path = await fetch(large);
    writeFileSync(path, whole.subarray(0, 100));
    assert.ok(readFileSync(await fetch(large)).equals(whole));
    // Of the right length: only a reader notices.
    writeFileSync(path, Buffer.alloc(whole.length));
    assert.ok(readFileSync(await fetch(large)).equals(Buffer.alloc(whole.length)));
    partial(large, Buffer.alloc(130));
    starts = [];
    await fetch(large, rest, { progress_callback: () => undefined, force: true });
    assert.ok(readFileSync(path).equals(whole));
    assert.deepEqual([starts, blobs()], [[0], [large.etag]]);
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
    assert.deepEqual(blobs(), [`${large.etag}.phi3lab.incomplete`]);
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

  it("is not begun where the disk has no room for what is missing of it, and of those that come with it", async () => {
    const room = (files: HubFile[], options = {}) => checkSpace(cache, files, options);
    await rejects(
      room([{ ...large, size: 2 ** 60 }]),
      /^The disk is full: sub\/a\.bin takes 1152921504607 MB and \d+ MB are free in \/.+blobs\. Make room/,
    );
    const third = statfsSync(folder).bavail * statfsSync(folder).bsize * 0.4;
    const [a, b, c] = ["a", "b", "c"].map((letter) => ({ ...large, size: Math.floor(third), etag: letter.repeat(64) }));
    await room([a, b] as HubFile[]);
    await room([a, b, b] as HubFile[]);
    await rejects(room([a, b, c] as HubFile[]), /^The disk is full: 3 files take \d+ MB and \d+ MB are free/);
    partial(c as HubFile, Buffer.alloc(0));
    truncateSync(`${cache.blob((c as HubFile).etag)}.phi3lab.incomplete`, Math.floor(third * 0.9));
    await room([a, b, c] as HubFile[]);
    await rejects(room([a, b, c] as HubFile[], { force: true }), /3 files/);
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
      renameSync(`${cache.blob(large.etag)}.phi3lab.incomplete`, cache.blob(large.etag));
    });
    assert.ok(readFileSync(path).equals(whole));
    rmSync(cache.folder, { recursive: true });
    const removed = fetch(large, async (start, take) => {
      await rest(start, take);
      rmSync(`${cache.blob(large.etag)}.phi3lab.incomplete`);
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
