/** A hub that resets, stalls, truncates, redirects and lies: a model comes whole all the same, or a sentence says why not. */
import assert from "node:assert/strict";
import { createHash, randomBytes, randomInt } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { resolveModel } from "../../../src/hub";
import { usually } from "../../length";
import { HubSandbox, rejects } from "./sandbox";
import { Script } from "./script";

const commit = "c".repeat(40);
const id = "acme/tiny";
const weights = randomBytes(200_000);
const gitHash = (bytes: Buffer) => createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
const config = Buffer.from('{"model_type": "phi3"}');
const lfs = { oid: createHash("sha256").update(weights).digest("hex"), size: weights.length, pointerSize: 130 };
const listing = [
  { type: "file", path: "config.json", size: config.length, oid: gitHash(config) },
  { type: "file", path: "model.safetensors", size: weights.length, oid: gitHash(weights), lfs },
];
const info = { _id: "1", id, sha: commit, lastModified: "2026-01-01T00:00:00.000Z" };

/** How the server gives the weights: the bytes from `start` on, at the n-th time from 0. */
type Give = (response: ServerResponse, start: number, time: number, request: IncomingMessage) => void;

/** All that is right of a file from a place on. */
const whole: Give = (response, start) => {
  const range = start > 0 ? { "content-range": `bytes ${start}-${weights.length - 1}/${weights.length}` } : {};
  response.writeHead(start > 0 ? 206 : 200, { "content-length": weights.length - start, ...range });
  response.end(weights.subarray(start));
};
/** At first so, then whole. */
const once =
  (give: Give): Give =>
  (response, start, time, request) =>
    (time === 0 ? give : whole)(response, start, time, request);

describe("A hub that lies", function () {
  this.timeout(30_000);
  let sandbox: HubSandbox;
  const hub = new Script();
  const other = new Script();
  let tokens: (string | undefined)[];
  beforeEach(async () => {
    sandbox = await HubSandbox.start();
    await Promise.all([hub.start(), other.start()]);
    process.env.HF_ENDPOINT = hub.url;
    process.env.HF_TOKEN = "hf_secret";
    process.env.HF_HUB_DOWNLOAD_TIMEOUT = process.env.HF_HUB_ETAG_TIMEOUT = "0.4";
    tokens = [];
    other.answers((request, response) => {
      tokens.push(request.headers.authorization);
      whole(response, 0, 0, request);
    });
  });
  afterEach(async () => {
    await Promise.all([hub.stop(), other.stop()]);
    await sandbox.stop();
  });

  const gives = (give: Give, answers: { info?: unknown; listing?: unknown } = {}) => {
    let time = 0;
    hub.answers((request, response) => {
      const url = request.url ?? "";
      const json = (value: unknown) => response.end(typeof value === "string" ? value : JSON.stringify(value));
      if (url.includes("/revision/")) json(answers.info ?? info);
      else if (url.includes("/tree/")) json(answers.listing ?? listing);
      else if (url.endsWith("/config.json")) response.end(config);
      else give(response, Number(/\d+/.exec(request.headers.range ?? "")?.[0] ?? 0), time++, request);
    });
  };
  const comes = async () => {
    const { path } = await resolveModel(id, { only: "weights" });
    assert.ok(readFileSync(join(path, "model.safetensors")).equals(weights));
    const left = readdirSync(join(path, "../../blobs")).filter((name) => !/^[0-9a-f]+$/.test(name));
    assert.deepEqual([left, readdirSync(join(path, "../../../.locks/models--acme--tiny"))], [[], []]);
  };
  const refuses = async (...patterns: RegExp[]) => {
    await rejects(resolveModel(id, { only: "weights" }), ...patterns);
    const snapshot = join(sandbox.folder, "hub/models--acme--tiny/snapshots", commit, "model.safetensors");
    assert.ok(!existsSync(snapshot), "nothing of it is in the model's place");
  };

  /** Where a connection breaks: in the middle, or at length anywhere. */
  const half = usually(weights.length / 2, randomInt(2000, weights.length - 1));
  const passing: [string, Give][] = [
    ["resets the connection before its answer", once((response) => response.destroy())],
    ["resets it in mid-file", once((response) => cut(response, half))],
    ["stalls before its answer", once(() => undefined)],
    [
      "stalls in mid-file",
      once((response) => {
        response.writeHead(200, { "content-length": weights.length });
        response.write(weights.subarray(0, half));
      }),
    ],
    ["ends early without a length", once((response) => response.end(weights.subarray(0, half)))],
    [
      "announces less than it has",
      once((response) => {
        response.writeHead(200, { "content-length": half });
        response.end(weights.subarray(0, half));
      }),
    ],
    [
      "announces more than it gives",
      once((response) => {
        response.writeHead(200, { "content-length": weights.length + 1000 });
        response.write(weights, () => setTimeout(() => response.destroy(), 20));
      }),
    ],
    [
      "ignores ranges",
      (response, _, time) => {
        if (time === 0) cut(response, half);
        else response.end(weights);
      },
    ],
    [
      "answers a range with more than was asked for",
      (response, start, time) => {
        if (time === 0) return cut(response, half);
        const from = start - 1000;
        response.writeHead(206, { "content-range": `bytes ${from}-${weights.length - 1}/${weights.length}` });
        response.end(weights.subarray(from));
      },
    ],
    [
      "skips a part of a range, once",
      (response, start, time) => {
        if (time === 0) return cut(response, half);
        if (time > 1) return whole(response, start, time, undefined as never);
        response.writeHead(206, { "content-range": `bytes ${start + 10}-${weights.length - 1}/${weights.length}` });
        response.end(weights.subarray(start + 10));
      },
    ],
    [
      "says that there is no such range (416)",
      (response, start, time) => {
        if (time === 0) return cut(response, half);
        if (start > 0) response.writeHead(416).end();
        else response.end(weights);
      },
    ],
    [
      "has trouble for a while",
      (response, start, time, request) => {
        if (time < 3) response.writeHead([500, 503, 429][time] as number, { "retry-after": "0" }).end();
        else whole(response, start, time, request);
      },
    ],
    [
      "redirects to another host, which gets no token",
      (response) => response.writeHead(302, { location: `${other.url}/x` }).end(),
    ],
  ];
  for (const [name, give] of passing)
    it(`and ${name}: the model comes whole`, async () => {
      for (let i = 0; i < usually(1, 5); i++) {
        rmSync(join(sandbox.folder, "hub"), { recursive: true, force: true });
        gives(give);
        await comes();
      }
      assert.ok(tokens.every((token) => token === undefined));
    });

  it("by the address of a host of large files that has run out is asked for another", async () => {
    gives((response) => response.writeHead(302, { location: `${other.url}/x` }).end());
    let time = 0;
    other.answers((request, response) => {
      if (time++ === 0) response.writeHead(403, { "retry-after": "0" }).end();
      else whole(response, 0, 0, request);
    });
    await comes();
  });

  it("about the content is found out by the hash", async () => {
    const wrong = Buffer.from(weights);
    wrong[7] = (wrong[7] as number) ^ 1;
    gives((response) => response.end(wrong));
    await refuses(/^model\.safetensors of acme\/tiny arrived damaged: expected the hash [0-9a-f]{64} but found/);
    // Behind the break other bytes come than the file's: what was kept is thrown away, and the whole file fetched.
    gives((response, start, time, request) => {
      if (time === 0) cut(response, half);
      else if (start > 0) {
        response.writeHead(206, { "content-range": `bytes ${start}-${weights.length - 1}/${weights.length}` });
        response.end(wrong.subarray(0, weights.length - start));
      } else whole(response, start, time, request);
    });
    await refuses(/arrived damaged/);
    gives(whole);
    await comes();
  });

  it("about lengths is told so", async () => {
    gives(whole, { listing: [listing[0], { ...listing[1], lfs: { ...lfs, size: lfs.size - 1 } }] });
    await refuses(/gave more than the 199999 bytes that the hub announced\.$/);
    gives(whole, { listing: [listing[0], { ...listing[1], lfs: { ...lfs, size: lfs.size + 1 } }] });
    await refuses(/the connection ended at byte 200000 of 200001|arrived damaged/);
    gives(whole, { listing: [listing[0], { ...listing[1], lfs: { ...lfs, size: 1e17 } }] });
    await refuses(/is no file/);
    gives(whole, { listing: [listing[0], { ...listing[1], lfs: { ...lfs, size: 9e15 } }] });
    await refuses(/^The disk is full: model\.safetensors takes 9000000000 MB and \d+ MB are free/);
  });

  it("about places leads nowhere", async () => {
    for (const path of ["../x.gguf", "/etc/x.gguf", "a/../../x.gguf", "a\\..\\x.gguf", "a//x.gguf", "./x.gguf"]) {
      gives(whole, { listing: [{ ...listing[1], path }] });
      await refuses(/^The hub listed ".+" of 200000 bytes in acme\/tiny: that is no file\.$/);
    }
    for (const location of ["file:///etc/passwd", "data:text/plain,x", "http://[", "ftp://x/y"]) {
      gives((response) => response.writeHead(302, { location }).end());
      await refuses(/redirects to ".+", which is no address\.$/);
    }
    gives((response) => response.writeHead(302, { location: "/again" }).end());
    await refuses(/redirects in a circle\.$/);
  });

  it("and is no hub but a log-in page is taken for that", async () => {
    gives(whole, { info: "<!doctype html><title>Please log in</title>" });
    await refuses(
      /^http.+ answered with something that no hub says \(it begins with "<!doctype html>.+"\); is a proxy or a log-in page in between\? Check HF_ENDPOINT\.$/,
    );
    gives(whole, { listing: '[{"type":' });
    await refuses(/it begins with "\[\{\\"type\\":"/);
  });

  it("and breaks its listing off is asked again", async () => {
    let time = 0;
    hub.answers((request, response) => {
      const url = request.url ?? "";
      if (url.includes("/revision/")) response.end(JSON.stringify(info));
      else if (url.includes("/tree/") && time++ === 0) {
        response.writeHead(200, { "content-length": 10_000 });
        response.write("[", () => setTimeout(() => response.destroy(), 20));
      } else if (url.includes("/tree/")) response.end(JSON.stringify(listing));
      else if (url.endsWith("/config.json")) response.end(config);
      else whole(response, 0, 0, request);
    });
    await comes();
  });
});

/** Gives so many of the weights' bytes and breaks off. */
function cut(response: ServerResponse, bytes: number): void {
  response.writeHead(200, { "content-length": weights.length });
  response.write(weights.subarray(0, bytes), () => setTimeout(() => response.destroy(), 20));
}
