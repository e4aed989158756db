/**
 * Speaks to the hub: which commit a revision names, which files it has, and their bytes. The listing is
 * @huggingface/hub's; requests are our own fetch, which tries again after passing failures, follows redirects without
 * ever showing the user's token to another host, and ends in sentences.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { HubError } from "./error";

/** A file of a commit. */
export interface HubFile {
  path: string;
  size: number;
  /** Names the content: its SHA-256 where it is large (`sha256` true), else git's SHA-1 of it. */
  etag: string;
  sha256: boolean;
}

export interface ClientOptions {
  endpoint: string;
  token?: string;
  signal?: AbortSignal;
  /** How often a request is tried in all. Default: 5. */
  tries?: number;
}

/** A failure that the next try may not meet. */
class Passing extends Error {
  constructor(
    message: string,
    readonly waitMs: number | undefined,
    options: { cause?: unknown } = {},
  ) {
    super(message, options);
  }
}

const headersWithin = 30_000;
const bodySilentFor = 30_000;
const defaultTries = 5;
/** Each is a request. */
const mostFolders = 50;
const firstPause = 500;
const longestPause = 60_000;

export class HubClient {
  readonly #options: ClientOptions;

  constructor(
    readonly id: string,
    readonly revision: string,
    options: ClientOptions,
  ) {
    this.#options = options;
  }

  /** The commit that the revision names now. */
  async commit(): Promise<string> {
    const { modelInfo } = await import("@huggingface/hub");
    const { id, revision } = this;
    const info = await modelInfo({ name: id, revision, additionalFields: ["sha"], ...this.#access() });
    if (typeof info.sha !== "string" || !/^[0-9a-f]{40}$/.test(info.sha)) {
      throw new HubError(
        `${this.#options.endpoint} names no commit for ${id}; is it a Hugging Face hub (HF_ENDPOINT)?`,
      );
    }
    return info.sha;
  }

  /** The files of a commit in one folder of it. */
  async files(commit: string, folder: string): Promise<HubFile[]> {
    return (await this.#list(commit, folder)).files;
  }

  /** The files of a commit in one folder of it and those below, the upper ones first. */
  async tree(commit: string, folder: string): Promise<HubFile[]> {
    const found: HubFile[] = [];
    const folders = [folder];
    for (const next of folders) {
      const listed = await this.#list(commit, next);
      found.push(...listed.files);
      folders.push(...listed.folders.slice(0, mostFolders - folders.length));
    }
    return found;
  }

  async #list(commit: string, folder: string): Promise<{ files: HubFile[]; folders: string[] }> {
    const { listFiles } = await import("@huggingface/hub");
    const found: HubFile[] = [];
    const folders: string[] = [];
    const repo = { type: "model" as const, name: this.id };
    for await (const entry of listFiles({ repo, revision: commit, path: folder || undefined, ...this.#access() })) {
      if (entry.type === "directory") folders.push(entry.path);
      const etag = entry.lfs?.oid ?? entry.oid;
      if (entry.type !== "file" || etag === undefined) continue;
      // The etag becomes a file's name.
      if (!/^[0-9a-f]{40}([0-9a-f]{24})?$/.test(etag))
        throw new HubError(`The hub gave ${this.id}/${entry.path} no valid hash.`);
      found.push({ path: entry.path, size: entry.lfs?.size ?? entry.size, etag, sha256: entry.lfs !== undefined });
    }
    return { files: found, folders };
  }

  #access(): { hubUrl: string; fetch: typeof fetch } {
    return { hubUrl: this.#options.endpoint, fetch: (url) => this.#persistently(() => this.#request(String(url), {})) };
  }

  /**
   * Gives a file's bytes from `start` on to `take`, again and again after interruptions, until it has all.
   *
   * @param take Gets the bytes and where they belong: a server that cannot resume begins again at 0.
   */
  async read(
    commit: string,
    file: HubFile,
    start: number,
    take: (bytes: Uint8Array, at: number) => Promise<void>,
  ): Promise<void> {
    const path = file.path.split("/").map(encodeURIComponent).join("/");
    const url = `${this.#options.endpoint}/${this.id}/resolve/${commit}/${path}`;
    let at = start;
    await this.#persistently(async (progressed) => {
      const before = at;
      try {
        await this.#readOnce(url, file, at, async (bytes, position) => {
          await take(bytes, position);
          at = position + bytes.length;
        });
      } finally {
        if (at > before) progressed();
      }
    });
  }

  async #readOnce(
    url: string,
    file: HubFile,
    start: number,
    take: (bytes: Uint8Array, at: number) => Promise<void>,
  ): Promise<void> {
    if (start === file.size) return;
    const stalled = new AbortController();
    const range: Record<string, string> = start > 0 ? { range: `bytes=${start}-` } : {};
    const response = await this.#request(url, { "accept-encoding": "identity", ...range }, stalled.signal);
    const from = /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1];
    let at = response.status === 206 && from !== undefined ? Number(from) : 0;
    if (at > start) throw new Passing("the server skipped a part", undefined);
    let timer: NodeJS.Timeout | undefined;
    const watch = () => {
      clearTimeout(timer);
      timer = setTimeout(
        () => stalled.abort(new Error(`no byte came for ${bodySilentFor / 1000} seconds`)),
        bodySilentFor,
      );
    };
    try {
      watch();
      for await (const chunk of response.body ?? []) {
        clearTimeout(timer);
        if (at + chunk.length > file.size)
          throw new HubError(`${url} gave more than the ${file.size} bytes that the hub announced.`);
        await take(chunk, at);
        at += chunk.length;
        watch();
      }
    } catch (error) {
      throw this.#passing(error);
    } finally {
      clearTimeout(timer);
    }
    if (at < file.size) throw new Passing(`the connection ended at byte ${at} of ${file.size}`, undefined);
  }

  /** Tries again after passing failures; `progressed` starts the count anew. */
  async #persistently<T>(work: (progressed: () => void) => Promise<T>): Promise<T> {
    const { tries = defaultTries } = this.#options;
    let failures = 0;
    for (;;) {
      try {
        return await work(() => {
          failures = 0;
        });
      } catch (error) {
        if (!(error instanceof Passing)) throw error;
        if (++failures >= tries) {
          const what = `${this.#options.endpoint} cannot be reached for ${this.id} (${error.message}, ${tries} times)`;
          throw new HubError(`${what}. Check the network and HF_ENDPOINT; what was fetched so far is kept.`, {
            cause: error,
          });
        }
        const pause = Math.min(longestPause, error.waitMs ?? firstPause * 2 ** (failures - 1));
        await sleep(pause, undefined, { signal: this.#options.signal });
      }
    }
  }

  /** One request with its redirects; throws sentences, or Passing. */
  async #request(url: string, headers: Record<string, string>, extra?: AbortSignal): Promise<Response> {
    const home = new URL(this.#options.endpoint).origin;
    let next = new URL(url);
    for (let hops = 0; hops < 10; hops++) {
      const slow = new AbortController();
      const timer = setTimeout(
        () => slow.abort(new Error(`no answer within ${headersWithin / 1000} seconds`)),
        headersWithin,
      );
      const signals = [slow.signal, extra, this.#options.signal].filter(
        (signal): signal is AbortSignal => signal !== undefined,
      );
      const { token } = this.#options;
      const authorization: Record<string, string> =
        token && next.origin === home ? { authorization: `Bearer ${token}` } : {};
      let response: Response;
      try {
        response = await fetch(next, {
          headers: { "user-agent": "phi3lab", ...headers, ...authorization },
          redirect: "manual",
          signal: AbortSignal.any(signals),
        });
      } catch (error) {
        throw this.#passing(error);
      } finally {
        clearTimeout(timer);
      }
      const location = response.headers.get("location");
      if (response.status < 300 || response.status >= 400 || location === null) return this.#accept(response);
      await response.body?.cancel();
      next = new URL(location, next);
    }
    throw new HubError(`${url} redirects in a circle.`);
  }

  async #accept(response: Response): Promise<Response> {
    if (response.ok) return response;
    await response.body?.cancel();
    const { status } = response;
    if (status === 408 || status === 429 || status >= 500) {
      const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
      throw new Passing(`it answered ${status}`, Number.isFinite(seconds) ? seconds * 1000 : undefined);
    }
    throw new HubError(this.#refusal(status, response.headers.get("x-error-code")), { status });
  }

  #refusal(status: number, code: string | null): string {
    const { id, revision } = this;
    const { endpoint, token } = this.#options;
    const page = `${endpoint}/${id}`;
    if (code === "GatedRepo" || status === 403) {
      const who = token ? "your token gives no access to it" : "it asks for a token (HF_TOKEN) of a user with access";
      return `${id} is gated: ${who}. Ask for access at ${page}.`;
    }
    if (code === "RevisionNotFound") return `${id} has no revision ${JSON.stringify(revision)}; see ${page}.`;
    if (status === 401 && token)
      return `${endpoint} does not accept your token (401); check HF_TOKEN, and that ${id} exists.`;
    if (status === 401 || status === 404) {
      const token_hint = token ? "" : " If it is private, set HF_TOKEN.";
      return `There is no model ${JSON.stringify(id)} at ${endpoint} (${status}); check its name.${token_hint}`;
    }
    return `${endpoint} answered ${status} for ${id}.`;
  }

  /** Failures of the connection pass; the user's interrupt and our own errors do not. */
  #passing(error: unknown): unknown {
    if (this.#options.signal?.aborted || error instanceof HubError || isFileError(error)) return error;
    const { cause, message } = error as Error;
    const inner = cause as NodeJS.ErrnoException | undefined;
    return new Passing(inner?.code ?? inner?.message ?? message, undefined, { cause: error });
  }
}

/** A failed write to the disk comes through the same loop as a failed read from the network. */
function isFileError(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).syscall === "write" || (error as NodeJS.ErrnoException).code === "ENOSPC";
}
