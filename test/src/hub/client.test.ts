/** What is asked of a hub, and what is made of its answers: retries, redirects, ranges and refusals. */
import assert from "node:assert/strict";
import { mock } from "node:test";
import { type ClientOptions, HubClient, type HubFile } from "../../../src/hub/client";
import { rejects } from "./sandbox";
import { type Answer, json, Script, status } from "./script";

const commit = "0123456789abcdef0123456789abcdef01234567";
const sha256 = "89abcdef".repeat(8);

const found = json({ _id: "1", id: "acme/tiny", sha: commit, lastModified: "2026-01-01T00:00:00.000Z" });

describe("a hub's client", function () {
  this.timeout(20_000);
  const hub = new Script();
  const other = new Script();
  before(() => Promise.all([hub.start(), other.start()]));
  after(() => Promise.all([hub.stop(), other.stop()]));

  const client = (options: Partial<ClientOptions> = {}, revision = "main") =>
    new HubClient("acme/tiny", revision, { endpoint: hub.url, ...options });
  const file = (size: number, path = "a.bin"): HubFile => ({ path, size, etag: sha256, sha256: true });
  /** Reads a file; gives what came, each piece behind its position. */
  const read = async (size: number, start = 0, options: Partial<ClientOptions> = {}, path?: string) => {
    const pieces: string[] = [];
    await client(options).read(commit, file(size, path), start, async (bytes, at) => {
      pieces.push(`${at}:${Buffer.from(bytes)}`);
    });
    return pieces.join(" ");
  };

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
    assert.deepEqual(await client().files(commit, "q"), [
      { path: "q/a.json", size: 7, etag: commit, sha256: false },
      { path: "q/b.bin", size: 5000, etag: "f".repeat(64), sha256: true },
    ]);
    assert.match(hub.seen[0]?.url ?? "", new RegExp(`^/api/models/acme/tiny/tree/${commit}/q\\?`));
    for (const oid of ["", "../../x", commit.slice(1), `${commit}0`, `x${commit}`, "f".repeat(63), "F".repeat(64)]) {
      hub.answers(json([{ type: "file", path: "a.json", size: 7, oid }]));
      await rejects(client().files(commit, ""), /^The hub gave acme\/tiny\/a\.json no valid hash\.$/);
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

    it("until no byte has come for ten seconds", async () => {
      hub.answers((_, response) => response.writeHead(200).write("0123"));
      mock.timers.enable({ apis: ["setTimeout"] });
      try {
        let came = () => {};
        const first = new Promise<void>((done) => {
          came = done;
        });
        const reading = client({ tries: 1 }).read(commit, file(10), 0, async () => came());
        await first;
        for (let i = 0; i < 5; i++) await new Promise((done) => setImmediate(done));
        mock.timers.tick(9_000);
        mock.timers.tick(2000);
        await rejects(reading, /\(no byte came for 10 seconds, 1 times\)/);
      } finally {
        mock.timers.reset();
      }
    });
  });

  describe("tries again", () => {
    it("after what may pass, and not after other answers", async () => {
      for (const code of [408, 429, 500, 502, 599]) {
        hub.answers(status(code), found);
        assert.equal(await client().commit(), commit);
        assert.equal(hub.seen.length, 2, String(code));
      }
      for (const code of [400, 404, 410, 428, 499]) {
        hub.answers(status(code), found);
        await assert.rejects(client().commit(), { name: "HubError", status: code });
        assert.equal(hub.seen.length, 1, String(code));
      }
    });

    it("five times, or as often as it is told", async () => {
      hub.answers(status(503));
      await rejects(
        client().commit(),
        /^http:.+ answered 503 for acme\/tiny, 5 times: it has trouble of its own; try again later; what was fetched so far is kept\.$/,
      );
      assert.equal(hub.seen.length, 5);
      hub.seen.length = 0;
      await rejects(client({ tries: 1 }).commit(), /answered 503 for acme\/tiny: it has/);
      assert.equal(hub.seen.length, 1);
    });

    it("when the server says, else after half a second, a second, and so on", async () => {
      const pauses = async (...answers: Answer[]) => {
        hub.answers(...answers, found);
        const start = Date.now();
        await client().commit();
        return Date.now() - start;
      };
      const soon = await pauses(status(503), status(503));
      assert.ok(soon < 1000, String(soon));
      const told = await pauses(status(503, { "retry-after": "1" }));
      assert.ok(told >= 990, String(told));
      const own = await pauses(status(503, { "retry-after": "Wed, 21 Oct 2015 07:28:00 GMT" }), (_, response) =>
        response.destroy(),
      );
      assert.ok(own >= 1490, String(own));
    });

    it("after a pause that is said, and not after one of more than a minute: that is quoted at once", async () => {
      const { error } = console;
      const said: string[] = [];
      console.error = (line: string) => said.push(line);
      try {
        for (const [headers, when] of [
          [{ "retry-after": "3600" }, "60 minutes"],
          [{ "retry-after": "61" }, "61 s"],
          [{ "retry-after": new Date(Date.now() + 10_000_000).toUTCString() }, "3 hours"],
          [{ "retry-after": "0", ratelimit: '"api";r=0;t=250' }, "5 minutes"],
        ] as const) {
          hub.answers(status(429, headers), found);
          await rejects(
            client().commit(),
            new RegExp(
              `^http:.+ answered 429 for acme/tiny: too many requests; try again in ${when}, as it asks, or set HF_TOKEN: signed-in users may ask more often; what was fetched`,
            ),
          );
          assert.equal(hub.seen.length, 1);
        }
        hub.answers(status(429, { "retry-after": "3600" }));
        await rejects(client({ token: "hf_x" }).commit(), /in 60 minutes, as it asks; what was fetched/);
        hub.answers(status(429, { ratelimit: '"api";r=5;t=250' }), found);
        await client().commit();
        assert.deepEqual(said, []);
        hub.answers(status(503, { "retry-after": "4" }), found);
        await client().commit();
        assert.match(said.join(), /^http:.+ answered 503 and asks to wait; trying again in 4 s\.$/);
      } finally {
        console.error = error;
      }
    });

    it("and stops at once when it is interrupted, between the tries too", async () => {
      const stop = new AbortController();
      hub.answers(status(503, { "retry-after": "60" }));
      setTimeout(() => stop.abort(), 100);
      await assert.rejects(client({ signal: stop.signal }).commit(), { name: "AbortError" });
      hub.seen.length = 0;
      await assert.rejects(client({ signal: stop.signal }).commit(), { name: "AbortError" });
      assert.equal(hub.seen.length, 0);
    });

    it("when no answer came for ten seconds", async () => {
      hub.answers(() => undefined);
      mock.timers.enable({ apis: ["setTimeout"] });
      try {
        const asking = client({ tries: 1 }).commit();
        while (hub.seen.length === 0) await new Promise((done) => setImmediate(done));
        mock.timers.tick(9_000);
        mock.timers.tick(2000);
        await rejects(asking, /\(no answer within 10 seconds, 1 times\)/);
      } finally {
        mock.timers.reset();
      }
    });
  });

  it("says which folder or file a revision has not", async () => {
    const missing = status(404, { "x-error-code": "EntryNotFound" });
    hub.answers(missing);
    const sentence = (what: string) =>
      new RegExp(
        `^acme/tiny has no "${what}" at the revision "main"; see http:.+/acme/tiny/tree/main for what it has\\.$`,
      );
    await rejects(client().files(commit, "q/sub dir"), sentence("q/sub dir"));
    await rejects(read(5, 0, {}, "a/b.json"), sentence("a/b\\.json"));
  });

  describe("follows redirects", () => {
    const to = (location: string, code = 302): Answer => status(code, { location });

    it("with the token to the hub alone", async () => {
      hub.answers(to(`${other.url}/x`), found);
      other.answers(to(`${hub.url}/back`, 307));
      assert.equal(await client({ token: "hf_x" }).commit(), commit);
      const sent = (script: Script) => script.seen.map(({ headers }) => headers.authorization);
      assert.deepEqual([sent(hub), sent(other)], [["Bearer hf_x", "Bearer hf_x"], [undefined]]);
      hub.answers(found);
      await client().commit();
      assert.deepEqual(sent(hub), [undefined]);
    });

    it("from where it is, up to nine in a row", async () => {
      hub.answers(to("/one"), to("two/", 301), to("?three", 308), found);
      await client().commit();
      assert.deepEqual(
        hub.seen.slice(1).map(({ url }) => url),
        ["/one", "/two/", "/two/?three"],
      );
      hub.answers(...Array<Answer>(9).fill(to("/x")), found);
      await client().commit();
      hub.answers(to("/x"));
      await rejects(client().commit(), /redirects in a circle\.$/);
      assert.equal(hub.seen.length, 10);
    });

    it("and nothing else that names a place", async () => {
      hub.answers((request, response) => {
        response.setHeader("location", `${other.url}/x`);
        found(request, response);
      });
      other.answers(status(500));
      assert.equal(await client().commit(), commit);
      hub.answers(status(404, { location: "/x" }), found);
      await assert.rejects(client().commit(), { name: "HubError", status: 404 });
      assert.equal(other.seen.length, 0);
    });

    it("that lead somewhere", async () => {
      hub.answers(status(304));
      await rejects(client().commit(), /^http:.+ answered 304 for acme\/tiny\.$/);
    });
  });

  it("says of a refusal what to do", async () => {
    const refused = async (code: number, error: string | undefined, token: string | undefined, message: RegExp) => {
      hub.answers(status(code, error === undefined ? {} : { "x-error-code": error }));
      await rejects(client({ token }, "v9").commit(), message);
    };
    const gated =
      /^acme\/tiny is gated: it asks for a token \(HF_TOKEN\) of a user with access\. Ask for access at http:.+\/acme\/tiny\.$/;
    const barred = /^acme\/tiny is gated: your token gives no access to it\. Ask for access at http/;
    await refused(403, undefined, undefined, gated);
    await refused(
      403,
      undefined,
      "hf_x",
      /^http:.+ refuses acme\/tiny to your token \(403\); give the token \(HF_TOKEN\) the right to read it, or ask for access at http:.+\.$/,
    );
    await refused(403, "DisabledRepo", "hf_x", /^acme\/tiny was disabled by the hub \(403\): see http:.+\.$/);
    await refused(
      404,
      "EntryNotFound",
      "hf_x",
      /^acme\/tiny has no such file or folder at the revision "v9"; see http:.+\/tree\/v9 for what it has\.$/,
    );
    await refused(401, "GatedRepo", undefined, gated);
    await refused(403, "GatedRepo", "hf_x", barred);
    await refused(404, "RevisionNotFound", "hf_x", /^acme\/tiny has no revision "v9"; see http:.+\/acme\/tiny\.$/);
    await refused(
      401,
      "RepoNotFound",
      "hf_x",
      /does not accept your token \(401\); check HF_TOKEN, and that acme\/tiny exists/,
    );
    const nowhere = (code: number, hint: string) =>
      new RegExp(`^There is no model "acme/tiny" at http:.+ \\(${code}\\); check its name\\.${hint}$`);
    await refused(401, undefined, undefined, nowhere(401, " If it is private, set HF_TOKEN\\."));
    await refused(404, undefined, undefined, nowhere(404, " If it is private, set HF_TOKEN\\."));
    await refused(404, undefined, "hf_x", nowhere(404, ""));
    await refused(418, undefined, "hf_x", /^http:.+ answered 418 for acme\/tiny\.$/);
  });
});
