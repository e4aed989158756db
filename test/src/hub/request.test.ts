/** What becomes of a request: tried again, redirected, or refused in words. */
import assert from "node:assert/strict";
import { asked, commit, found } from "./asked";
import { rejects } from "./sandbox";
import { type Answer, Script, status } from "./script";

describe("A request to a hub", function () {
  this.timeout(20_000);
  const hub = new Script();
  const other = new Script();
  before(() => Promise.all([hub.start(), other.start()]));
  after(() => Promise.all([hub.stop(), other.stop()]));

  const { client, read } = asked(hub);

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

    it("when no answer came for as long as HF_HUB_ETAG_TIMEOUT says", async () => {
      hub.answers(() => undefined);
      process.env.HF_HUB_ETAG_TIMEOUT = "0.3";
      try {
        await rejects(client({ tries: 1 }).commit(), /\(no answer within 0\.3 seconds, 1 times\)/);
      } finally {
        delete process.env.HF_HUB_ETAG_TIMEOUT;
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
    await rejects(client().list(commit, "q/sub dir"), sentence("q/sub dir"));
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
