/** The shared cache's folders, file by file, and the locks that keep two notebooks from fetching one file twice. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import promises from "node:fs/promises";
import { mock } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ModelCache } from "../../../src/hub/cache";
import { withLock } from "../../../src/hub/lock";
import { tidy } from "../../../src/hub/tidy";

const commit = "0123456789abcdef0123456789abcdef01234567";
const etag = "89abcdef0123456789abcdef0123456789abcdef";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "phi3lab-cache-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("a model's folder in the cache", () => {
  let cache: ModelCache;
  let repo: string;
  beforeEach(() => {
    cache = new ModelCache(folder, "acme/tiny");
    repo = join(folder, "models--acme--tiny");
  });
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(repo, path)), { recursive: true });
    writeFileSync(join(repo, path), text);
  };

  it("knows the commit that a branch, a tag or a commit names", async () => {
    assert.equal(await cache.commit("main"), undefined);
    assert.equal(await cache.commit(commit), commit);
    write("refs/main", `${commit}\n`);
    write("refs/refs/pr/1", commit);
    assert.equal(await cache.commit("main"), commit);
    assert.equal(await cache.commit("refs/pr/1"), commit);
    for (const damage of ["", commit.slice(1), `${commit}0`, `x${commit}`, commit.toUpperCase()]) {
      write("refs/main", damage);
      assert.equal(await cache.commit("main"), undefined, damage);
    }
  });

  it("remembers a revision's commit, and writes nothing where the revision is the commit", async () => {
    await cache.setCommit(commit, commit);
    assert.ok(!existsSync(repo));
    await cache.setCommit("refs/pr/1", commit);
    await cache.setCommit("main", commit);
    assert.equal(readFileSync(join(repo, "refs/refs/pr/1"), "utf8"), commit);
    assert.deepEqual(readdirSync(join(repo, "refs")).sort(), ["main", "refs"], "no half-written file is left");
  });

  it("tells a file that lies here from one that the commit lacks and one that nobody knows of", async () => {
    write(`snapshots/${commit}/sub/a.json`, "{}");
    await cache.setAbsent(commit, "sub/b.json");
    mkdirSync(join(repo, "blobs"));
    symlinkSync(join("../../blobs", etag), join(repo, "snapshots", commit, "c.json"));
    assert.equal(await cache.find(commit, "sub/a.json"), join(repo, "snapshots", commit, "sub/a.json"));
    assert.equal(await cache.find(commit, "sub/b.json"), null);
    assert.equal(await cache.find(commit, "c.json"), undefined, "its contents are gone");
    assert.equal(await cache.find(commit, "d.json"), undefined);
    assert.equal(readFileSync(join(repo, ".no_exist", commit, "sub/b.json"), "utf8"), "");
    assert.deepEqual(readdirSync(join(repo, ".no_exist", commit, "sub")), ["b.json"]);
  });

  it("lets files point at contents by links that stay right where the cache is moved", async () => {
    write(`blobs/${etag}`, "text");
    write(`snapshots/${commit}/sub/deep/a.json`, "an older one");
    const path = await cache.point(commit, "sub/deep/a.json", etag);
    assert.equal(path, join(repo, "snapshots", commit, "sub/deep/a.json"));
    assert.equal(readlinkSync(path), `../../../../blobs/${etag}`);
    assert.equal(readFileSync(path, "utf8"), "text");
    assert.equal(await cache.point(commit, "sub/deep/a.json", etag), path, "again");
    assert.deepEqual(readdirSync(join(repo, "snapshots", commit, "sub/deep")), ["a.json"]);
    assert.ok(lstatSync(path).isSymbolicLink());
  });

  it("has copies where the system makes no links", async () => {
    write(`blobs/${etag}`, "text");
    const refuse = (code: string) =>
      mock.method(promises, "symlink", async () => Promise.reject(Object.assign(new Error(code), { code })));
    const refused = refuse("EPERM");
    try {
      const path = await cache.point(commit, "a.json", etag);
      assert.ok(lstatSync(path).isFile());
      assert.equal(readFileSync(path, "utf8"), "text");
      assert.deepEqual(readdirSync(dirname(path)), ["a.json"], "no half-written file is left");
    } finally {
      refused.mock.restore();
    }
  });

  it("is rid of what killed processes left: half-written files an hour later, locks and forced fetches at once", async () => {
    await cache.setCommit("main", commit);
    for (const [name, minutes] of [
      ["main.1.tmp", 61],
      ["main.2.tmp", 59],
    ] as const) {
      writeFileSync(join(cache.locks, name), "");
      const then = new Date(Date.now() - minutes * 60_000);
      utimesSync(join(cache.locks, name), then, then);
    }
    const { pid } = spawnSync(process.execPath, ["-e", ""]);
    writeFileSync(cache.lock("a"), `${pid} ${hostname()}`);
    writeFileSync(cache.lock("b"), `${process.pid} ${hostname()}`);
    for (const name of ["a", "b", "a.phi3lab.incomplete", "b.phi3lab.incomplete", "c.phi3lab.incomplete"])
      write(`blobs/${name}`, "");
    await tidy(cache);
    assert.deepEqual(readdirSync(cache.locks).sort(), ["b.phi3lab.lock", "main.2.tmp"]);
    const blobs = ["a", "b", "b.phi3lab.incomplete", "c.phi3lab.incomplete"];
    assert.deepEqual(readdirSync(join(repo, "blobs")).sort(), blobs, "b is being fetched, c is resumed");
  });

  it("knows the only commit that it has files of", async () => {
    assert.equal(await cache.onlyCommit(), undefined);
    write(`snapshots/${commit}/a.json`, "{}");
    assert.equal(await cache.onlyCommit(), commit);
    write(`snapshots/${commit.replace("0", "9")}/a.json`, "{}");
    assert.equal(await cache.onlyCommit(), undefined);
  });

  it("lies beside the locks of its files", () => {
    assert.equal(cache.folder, repo);
    assert.equal(cache.locks, join(folder, ".locks", "models--acme--tiny"));
    assert.equal(cache.blob(etag), join(repo, "blobs", etag));
  });
});

describe("a lock between processes", function () {
  this.timeout(20_000);
  const lock = () => join(folder, "deep", "file.lock");
  const hold = (holder: string, secondsAgo = 0): void => {
    mkdirSync(join(folder, "deep"), { recursive: true });
    writeFileSync(lock(), holder);
    const then = new Date(Date.now() - secondsAgo * 1000);
    utimesSync(lock(), then, then);
  };
  const dead = () => spawnSync(process.execPath, ["-e", ""]).pid;
  /** Whether the lock is had at once. */
  const isHad = async (): Promise<boolean> => {
    const work = withLock(lock(), async () => true, { signal: AbortSignal.timeout(400) });
    return work.catch((error: Error) => (error.name === "AbortError" ? false : Promise.reject(error)));
  };

  it("is held while the work lasts, by a file that names its holder, and gives the work's result", async () => {
    const seen = await withLock(lock(), async () => readFileSync(lock(), "utf8"));
    assert.match(seen, new RegExp(`^${process.pid} ${hostname()}( \\d+)?$`));
    assert.ok(!existsSync(lock()));
  });

  it("is given back when the work fails", async () => {
    await assert.rejects(
      withLock(lock(), async () => Promise.reject(new Error("no"))),
      /no/,
    );
    assert.ok(!existsSync(lock()));
    assert.equal(await isHad(), true);
  });

  it("lets one in at a time, and all in turn", async () => {
    let inside = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, ++inside);
      await sleep(30);
      inside--;
    };
    await Promise.all([1, 2, 3].map(() => withLock(lock(), work)));
    assert.deepEqual([most, inside], [1, 0]);
  });

  it("is taken over from a process of this machine that is dead, and from nobody else", async () => {
    hold(`${dead()} ${hostname()}`);
    assert.equal(await isHad(), true, "a dead one");
    hold(`${process.pid} ${hostname()}`);
    assert.equal(await isHad(), false, "a living one");
    hold(`1 ${hostname()}`);
    assert.equal(await isHad(), false, "one of another user");
    hold(`${dead()} elsewhere`);
    assert.equal(await isHad(), false, "one of another machine");
    assert.deepEqual(readdirSync(join(folder, "deep")), ["file.lock"]);
  });

  it("is taken over from one whose number another process has by now, and from one that died before it wrote its name", async function () {
    hold("");
    assert.equal(await isHad(), false, "it may be writing");
    hold("", 3);
    assert.equal(await isHad(), true);
    if (!existsSync("/proc/self/stat")) this.skip();
    const [, , start = ""] = (await withLock(lock(), async () => readFileSync(lock(), "utf8"))).split(" ");
    hold(`${process.pid} ${hostname()} ${start}`);
    assert.equal(await isHad(), false);
    hold(`${process.pid} ${hostname()} ${Number(start) - 1}`);
    assert.equal(await isHad(), true);
  });

  it("is taken over from one that has been silent for two minutes", async () => {
    hold(`${process.pid} elsewhere`, 115);
    assert.equal(await isHad(), false);
    hold(`${process.pid} elsewhere`, 125);
    assert.equal(await isHad(), true);
    assert.deepEqual(readdirSync(join(folder, "deep")), []);
  });

  it("is taken over by one alone, whose own lock nobody takes for the dead one's", async () => {
    hold(`${dead()} ${hostname()}`);
    writeFileSync(`${lock()}.guard`, `${process.pid} ${hostname()}`);
    assert.equal(await isHad(), false, "another is just taking it over");
    writeFileSync(`${lock()}.guard`, `${dead()} ${hostname()}`);
    assert.equal(await isHad(), true, "that one died");
    assert.deepEqual(readdirSync(join(folder, "deep")), []);
  });

  it("says once that it waits, after three seconds", async () => {
    hold(`${process.pid} ${hostname()}`);
    const { now } = Date;
    let passed = 0;
    const said: number[] = [];
    Date.now = () => now() + passed;
    try {
      const work = withLock(lock(), async () => undefined, {
        signal: AbortSignal.timeout(1500),
        onWait: () => said.push(passed),
      });
      await sleep(100);
      for (passed of [2000, 4000, 8000]) await sleep(400);
      await assert.rejects(work, { name: "AbortError" });
    } finally {
      Date.now = now;
    }
    assert.deepEqual(said, [4000]);
  });

  it("is given back though somebody has removed its file", async () => {
    await withLock(lock(), async () => rmSync(lock()));
    assert.equal(await isHad(), true);
  });

  it("is touched every ten seconds while the work lasts, so that nobody takes it for a silent one's", async () => {
    const age = () => (Date.now() - statSync(lock()).mtimeMs) / 1000;
    mock.timers.enable({ apis: ["setInterval"] });
    try {
      await withLock(lock(), async () => {
        const then = new Date(Date.now() - 100_000);
        utimesSync(lock(), then, then);
        mock.timers.tick(9900);
        await sleep(50);
        assert.ok(age() > 99);
        mock.timers.tick(200);
        for (let i = 0; i < 100 && age() > 90; i++) await sleep(10);
        assert.ok(age() < 90);
      });
    } finally {
      mock.timers.reset();
    }
  });

  it("is no lock where its folder cannot be", async () => {
    writeFileSync(join(folder, "deep"), "");
    await assert.rejects(
      withLock(lock(), async () => undefined),
      { code: "EEXIST" },
    );
    const name = join(folder, "x".repeat(300));
    await assert.rejects(
      withLock(name, async () => undefined),
      { code: "ENAMETOOLONG" },
    );
    mkdirSync(join(folder, "a", "file.lock"), { recursive: true });
    const work = withLock(join(folder, "a", "file.lock"), async () => 1, { signal: AbortSignal.timeout(300) });
    await assert.rejects(work, { name: "AbortError" });
  });
});
