/** What is asked of a hub, and what is made of its answers: commits, listings, ranges. */
import assert from "node:assert/strict";
import { asked, commit, found } from "./asked";
import { rejects } from "./sandbox";
import { type Answer, json, Script, status } from "./script";

describe("a hub's client", function () {
  this.timeout(20_000);
  const hub = new Script();
  before(() => hub.start());
  after(() => hub.stop());

  const { client, file, read } = asked(hub);

  it("asks for the commit that a revision names", async () => {
    hub.answers(found);
    assert.equal(await client({}, "v1").commit(), commit);
    assert.match(hub.seen[0]?.url ?? "", /^\/api\/models\/acme\/tiny\/revision\/v1\?/);
    assert.equal(hub.seen[0]?.headers["user-agent"], "phi3lab");
    for (const sha of [undefined, 5, "", commit.slice(1), `${commit}0`, `x${commit}`]) {
      hub.answers(json({ id: "acme/tiny", sha }));
      await rejects(client().commit(), /names no commit for acme\/tiny; is it a Hugging Face hub \(HF_ENDPOINT\)\?$/);
    }
  });

  it("lists the files of a folder with size and hash: the content's where it is large, git's where not", async () => {
    const large = { oid: "f".repeat(64), size: 5000, pointerSize: 130 };
    const entries = [
      { type: "file", path: "q/a.json", size: 7, oid: commit },
      { type: "directory", path: "q/below", size: 0, oid: commit },
      { type: "file", path: "q/b.bin", size: 134, oid: commit, lfs: large },
    ];
    hub.answers(json(entries));
    assert.deepEqual((await client().list(commit, "q")).files, [
      { path: "q/a.json", size: 7, etag: commit, sha256: false },
      { path: "q/b.bin", size: 5000, etag: "f".repeat(64), sha256: true },
    ]);
    assert.match(hub.seen[0]?.url ?? "", new RegExp(`^/api/models/acme/tiny/tree/${commit}/q\\?`));
    for (const oid of ["", "../../x", commit.slice(1), `${commit}0`, `x${commit}`, "f".repeat(63), "F".repeat(64)]) {
      hub.answers(json([{ type: "file", path: "a.json", size: 7, oid }]));
      await rejects(client().list(commit, ""), /^The hub gave acme\/tiny\/a\.json no valid hash\.$/);
    }
  });

  it("lists the folders below too, the upper ones first, and at most fifty of them", async () => {
    const inside = (url = ""): string => /\/tree\/[0-9a-f]+\/?([^?]*)/.exec(url)?.[1] ?? "";
    const entry = (path: string, type = "file") => ({ type, path, size: 1, oid: commit });
    hub.answers((request, response) => {
      const at = inside(request.url);
      const prefix = at === "" ? "" : `${at}/`;
      const folders = at === "" ? ["a", "b"] : at === "a" ? ["a/c"] : [];
      json([...folders.map((path) => entry(path, "directory")), entry(`${prefix}x`)])(request, response);
    });
    const names = (await client().tree(commit, "")).map(({ path }) => path);
    assert.deepEqual(names, ["x", "a/x", "b/x", "a/c/x"]);
    hub.answers((request, response) => {
      const at = inside(request.url);
      json([entry(`${at}/1`, "directory"), entry(`${at}/2`, "directory"), entry(`${at}/x`)])(request, response);
    });
    assert.equal((await client().tree(commit, "top")).length, 50);
    assert.equal(hub.seen.length, 50);
  });

  describe("reads a file", () => {
    const bytes =
      (text: string, headers: Record<string, string> = {}, code = 200): Answer =>
      (_, response) =>
        response.writeHead(code, headers).end(text);
    /** Sends so much and breaks off. */
    const broken =
      (text: string, headers: Record<string, string> = {}, code = 200): Answer =>
      (_, response) => {
        response.writeHead(code, headers).flushHeaders();
        response.write(text, () => setTimeout(() => response.destroy(), 20));
      };
    const from = (at: number) => ({ "content-range": `bytes ${at}-9/10` });

    it("whole, by its path in the commit, and uncompressed", async () => {
      hub.answers(bytes("0123456789"));
      assert.equal(await read(10, 0, {}, "sub dir/é#.bin"), "0:0123456789");
      const [request] = hub.seen;
      assert.equal(request?.url, `/acme/tiny/resolve/${commit}/sub%20dir/%C3%A9%23.bin`);
      assert.equal(request?.headers["accept-encoding"], "identity");
      assert.equal(request?.headers.range, undefined);
    });

    it("from where an earlier call stopped, or from where the server begins", async () => {
      hub.answers(bytes("56789", from(5), 206));
      assert.equal(await read(10, 5), "5:56789");
      assert.equal(hub.seen[0]?.headers.range, "bytes=5-");
      hub.answers(bytes("3456789", from(3), 206));
      assert.equal(await read(10, 5), "3:3456789");
      for (const whole of [bytes("0123456789"), bytes("0123456789", from(5)), bytes("0123456789", {}, 206)]) {
        hub.answers(whole);
        assert.equal(await read(10, 5), "0:0123456789");
      }
      hub.answers(bytes("89", from(8), 206));
      const skipped = /cannot be reached for acme\/tiny \(the server skipped a part, 1 times\)/;
      await rejects(read(10, 5, { tries: 1 }), skipped);
    });

    it("in the pieces in which it comes, each at its place", async () => {
      const whole = Buffer.alloc(300_000, "0123456789");
      hub.answers((_, response) => {
        response.writeHead(206, { "content-range": "bytes 20-299999/300000" });
        response.write(whole.subarray(20, 50_000), () => setTimeout(() => response.end(whole.subarray(50_000)), 20));
      });
      const got = Buffer.alloc(whole.length, "0123456789");
      got.fill(0, 20);
      let pieces = 0;
      await client().read(commit, file(whole.length), 25, async (bytes, at) => {
        pieces++;
        got.set(bytes, at);
      });
      assert.ok(pieces > 1 && got.equals(whole));
      assert.equal(hub.seen.length, 1);
    });

    it("not at all where all of it is there", async () => {
      hub.answers(status(500));
      assert.equal(await read(10, 10), "");
      assert.equal(await read(0), "");
      assert.equal(hub.seen.length, 0);
    });

    it("on from where the connection broke; a try that brought something does not count", async () => {
      hub.answers(broken("01"), broken("23", from(2), 206), broken("45", from(4), 206), bytes("6789", from(6), 206));
      assert.equal(await read(10, 0, { tries: 2 }), "0:01 2:23 4:45 6:6789");
      assert.deepEqual(
        hub.seen.map(({ headers }) => headers.range),
        [undefined, "bytes=2-", "bytes=4-", "bytes=6-"],
      );
    });

    it("and says where the connection ended when the tries are used up", async () => {
      hub.answers(bytes("0123"), bytes("", from(4), 206));
      await rejects(
        read(10, 0, { tries: 2 }),
        /\(the connection ended at byte 4 of 10, 2 times\)\. Check the network and HF_ENDPOINT; what was fetched so far is kept\.$/,
      );
    });

    it("and takes no more than the hub announced", async () => {
      hub.answers(bytes("0123456789"));
      await rejects(read(9), /\/resolve\/.+ gave more than the 9 bytes that the hub announced\.$/);
      assert.equal(hub.seen.length, 1);
    });

    it("and stops at a full disk or a failed write without another try, with the system's error", async () => {
      hub.answers(bytes("0123456789"));
      for (const fields of [{ code: "ENOSPC" }, { syscall: "write" }]) {
        hub.seen.length = 0;
        const failure = Object.assign(new Error("no"), fields);
        const take = () => Promise.reject(failure);
        await assert.rejects(client().read(commit, file(10), 0, take), failure);
        assert.equal(hub.seen.length, 1);
      }
    });

    it("until no byte has come for as long as HF_HUB_DOWNLOAD_TIMEOUT says", async () => {
      hub.answers((_, response) => response.writeHead(200).write("0123"));
      process.env.HF_HUB_DOWNLOAD_TIMEOUT = "0.3";
      try {
        const start = Date.now();
        await rejects(read(10, 0, { tries: 1 }), /\(no byte came for 0\.3 seconds, 1 times\)/);
        assert.ok(Date.now() - start >= 290);
      } finally {
        delete process.env.HF_HUB_DOWNLOAD_TIMEOUT;
      }
    });
  });
});
