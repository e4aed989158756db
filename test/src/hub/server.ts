/**
 * A small Hugging Face hub on the loopback, written from the requests that its clients make: model info, file tree,
 * `resolve` with ETags and ranges, large files redirected to another host (another port), and faults on demand.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Repo {
  id: string;
  commit: string;
  /** Large files (LFS) are those above 100 bytes. */
  files: Record<string, Buffer>;
  /** Asked for before anything is given out. */
  token?: string;
}

export interface Seen {
  method: string;
  path: string;
  host: "hub" | "cdn";
  range: string | undefined;
  authorization: string | undefined;
}

/** What goes wrong, by file name; each entry is used up. */
export interface Faults {
  /** The connection breaks after so many bytes of the body. */
  breakAfter: Map<string, number[]>;
  /** These statuses are answered first. */
  statuses: Map<string, number[]>;
  /** Sent instead of the right bytes, each time. */
  wrong: Map<string, Buffer>;
  /** Answers whole files to range requests. */
  ignoreRanges: boolean;
  /** Answers nothing at all. */
  silent: boolean;
  /** Milliseconds between the pieces of a body. */
  slow: number;
}

export class HubServer {
  readonly repos = new Map<string, Repo>();
  readonly seen: Seen[] = [];
  readonly faults: Faults = {
    breakAfter: new Map(),
    statuses: new Map(),
    wrong: new Map(),
    ignoreRanges: false,
    silent: false,
    slow: 0,
  };
  readonly #hub: Server;
  readonly #cdn: Server;

  constructor() {
    this.#hub = createServer((request, response) => this.#answer(request, response));
    this.#cdn = createServer((request, response) => this.#answerCdn(request, response));
  }

  async start(): Promise<void> {
    for (const server of [this.#hub, this.#cdn]) await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  }

  async stop(): Promise<void> {
    for (const server of [this.#hub, this.#cdn]) {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    }
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#hub.address() as AddressInfo).port}`;
  }

  /** The requests for one file's bytes. */
  requests(file: string): Seen[] {
    return this.seen.filter(({ path, method }) => method === "GET" && path.endsWith(`/${file}`));
  }

  #note(request: IncomingMessage, host: "hub" | "cdn"): string {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://x").pathname);
    const { range, authorization } = request.headers;
    this.seen.push({ method: request.method ?? "", path, host, range, authorization });
    return path;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = this.#note(request, "hub");
    if (this.faults.silent) return;
    const match =
      /^\/api\/models\/(?<id>[^/]+\/[^/]+)\/(?<what>revision|tree)\/(?<revision>[^/]+)(?:\/(?<inside>.+))?$/.exec(
        path,
      ) ?? /^\/(?<id>[^/]+\/[^/]+)\/(?<what>resolve)\/(?<revision>[^/]+)\/(?<inside>.+)$/.exec(path);
    const { id = "", what = "", revision = "", inside = "" } = match?.groups ?? {};
    const repo = this.repos.get(id);
    // As the hub's, the answer for a file that is not there names the commit that it is not in.
    const fail = (status: number, code?: string) => {
      response.writeHead(status, {
        "content-type": "application/json",
        "retry-after": "0",
        ...(code ? { "x-error-code": code } : {}),
        ...(repo && code === "EntryNotFound" ? { "x-repo-commit": repo.commit } : {}),
      });
      response.end(JSON.stringify({ error: code ?? `status ${status}` }));
    };
    const status = this.faults.statuses.get(inside || what)?.shift();
    const authorized = !repo?.token || request.headers.authorization === `Bearer ${repo.token}`;
    if (status !== undefined) fail(status, status === 403 ? "GatedRepo" : undefined);
    else if (!repo) fail(404, "RepoNotFound");
    else if (!authorized) fail(401, "RepoNotFound");
    else if (revision !== "main" && revision !== repo.commit) fail(404, "RevisionNotFound");
    else if (what === "revision") json(response, info(repo));
    else if (what === "tree") json(response, tree(repo, inside));
    else if (!repo.files[inside]) fail(404, "EntryNotFound");
    else this.#resolve(request, response, repo, inside);
  }

  #resolve(request: IncomingMessage, response: ServerResponse, repo: Repo, file: string): void {
    const content = repo.files[file] as Buffer;
    const { etag, lfs } = identify(content);
    const headers = { "x-repo-commit": repo.commit, etag: `"${etag}"` };
    if (!lfs) {
      this.#send(request, response, file, content, headers);
      return;
    }
    const location = `http://127.0.0.1:${(this.#cdn.address() as AddressInfo).port}/cdn/${repo.id}/${file}`;
    const linked = { "x-linked-etag": `"${etag}"`, "x-linked-size": String(content.length), "content-length": "0" };
    response.writeHead(302, { ...headers, ...linked, location }).end();
  }

  #answerCdn(request: IncomingMessage, response: ServerResponse): void {
    const path = this.#note(request, "cdn");
    const [, owner, name, file = ""] = /^\/cdn\/([^/]+)\/([^/]+)\/(.+)$/.exec(path) ?? [];
    const content = this.repos.get(`${owner}/${name}`)?.files[file];
    if (!content) response.writeHead(404).end();
    else this.#send(request, response, file, content, {});
  }

  #send(
    request: IncomingMessage,
    response: ServerResponse,
    file: string,
    right: Buffer,
    headers: Record<string, string>,
  ): void {
    const content = this.faults.wrong.get(file) ?? right;
    const asked = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
    const start = asked && !this.faults.ignoreRanges ? Number(asked[1]) : 0;
    const stop = asked?.[2] && !this.faults.ignoreRanges ? Number(asked[2]) + 1 : content.length;
    const body = content.subarray(start, stop);
    const partial = start > 0 || stop < content.length;
    const range = partial ? { "content-range": `bytes ${start}-${stop - 1}/${content.length}` } : {};
    response.writeHead(partial ? 206 : 200, {
      ...headers,
      ...range,
      "accept-ranges": "bytes",
      "content-length": String(body.length),
    });
    const breakAfter = this.faults.breakAfter.get(file)?.shift();
    if (request.method === "HEAD") response.end();
    else if (breakAfter === undefined) void this.#pour(response, body);
    // Ends the connection only when the client's side has had the bytes.
    else response.write(body.subarray(0, breakAfter), () => setTimeout(() => response.destroy(), 50));
  }

  async #pour(response: ServerResponse, body: Buffer): Promise<void> {
    const piece = this.faults.slow === 0 ? body.length : Math.ceil(body.length / 20);
    for (let at = 0; at < body.length && !response.destroyed; at += piece) {
      response.write(body.subarray(at, at + piece));
      if (this.faults.slow > 0) await new Promise((done) => setTimeout(done, this.faults.slow));
    }
    response.end();
  }
}

function identify(content: Buffer): { etag: string; lfs: boolean } {
  const lfs = content.length > 100;
  const hash = lfs ? createHash("sha256") : createHash("sha1").update(`blob ${content.length}\0`);
  return { etag: hash.update(content).digest("hex"), lfs };
}

function tree(repo: Repo, folder: string): object[] {
  const prefix = folder === "" ? "" : `${folder}/`;
  const inside = Object.entries(repo.files).filter(([path]) => path.startsWith(prefix));
  const folders = new Set(inside.map(([path]) => path.slice(prefix.length).split("/").slice(0, -1)[0] ?? ""));
  const files = inside
    .filter(([path]) => !path.slice(prefix.length).includes("/"))
    .map(([path, content]) => {
      const { etag, lfs } = identify(content);
      // As on the hub, a large file's oid is its pointer's.
      const pointer = {
        oid: createHash("sha1").update(etag).digest("hex"),
        lfs: { oid: etag, size: content.length, pointerSize: 130 },
      };
      return { type: "file", path, size: content.length, ...(lfs ? pointer : { oid: etag }) };
    });
  const oid = "0".repeat(40);
  const below = [...folders].filter(Boolean).map((name) => ({ type: "directory", path: prefix + name, size: 0, oid }));
  return [...files, ...below];
}

function info({ id, commit }: Repo): object {
  const numbers = { private: false, gated: false, downloads: 0, likes: 0 };
  return { _id: "1", id, sha: commit, lastModified: "2026-01-01T00:00:00.000Z", ...numbers };
}

function json(response: ServerResponse, value: object): void {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
}
