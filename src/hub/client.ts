/**
 * Speaks to the hub: which commit a revision names, which files it has, and their bytes. The listing is
 * @huggingface/hub's over requests of our own (request.ts); what it says is checked before anything is made of it.
 */
import { HubError } from "./error";
import { type ClientOptions, HubRequests, Passing } from "./request";

export type { ClientOptions };

/** A file of a commit. */
export interface HubFile {
  path: string;
  size: number;
  /** Names the content: its SHA-256 where it is large (`sha256` true), else git's SHA-1 of it. */
  etag: string;
  sha256: boolean;
}

/** Each is a request. */
const mostFolders = 50;

export class HubClient {
  readonly #requests: HubRequests;

  constructor(
    readonly id: string,
    readonly revision: string,
    options: ClientOptions,
  ) {
    this.#requests = new HubRequests(id, revision, options);
  }

  /** The commit that the revision names now. */
  async commit(): Promise<string> {
    const { modelInfo } = await import("@huggingface/hub");
    const { id, revision } = this;
    const info = await modelInfo({ name: id, revision, additionalFields: ["sha"], ...this.#access() });
    if (typeof info.sha !== "string" || !/^[0-9a-f]{40}$/.test(info.sha)) {
      throw new HubError(
        `${this.#requests.endpoint} names no commit for ${id}; is it a Hugging Face hub (HF_ENDPOINT)?`,
      );
    }
    return info.sha;
  }

  /** The files of a commit in one folder of it and those below, the upper ones first. */
  async tree(commit: string, folder: string): Promise<HubFile[]> {
    const found: HubFile[] = [];
    const folders = [folder];
    for (const next of folders) {
      const listed = await this.list(commit, next);
      found.push(...listed.files);
      folders.push(...listed.folders.slice(0, mostFolders - folders.length));
    }
    return found;
  }

  /** The files of a commit in one folder of it, and the folders there. */
  async list(commit: string, folder: string): Promise<{ files: HubFile[]; folders: string[] }> {
    const { listFiles } = await import("@huggingface/hub");
    const found: HubFile[] = [];
    const folders: string[] = [];
    const repo = { type: "model" as const, name: this.id };
    for await (const entry of listFiles({ repo, revision: commit, path: folder || undefined, ...this.#access() })) {
      const size = entry.lfs?.size ?? entry.size;
      if (!isPlain(entry.path, size))
        throw new HubError(
          `The hub listed ${JSON.stringify(entry.path)} of ${size} bytes in ${this.id}: that is no file.`,
        );
      if (entry.type === "directory") folders.push(entry.path);
      const etag = entry.lfs?.oid ?? entry.oid;
      if (entry.type !== "file" || etag === undefined) continue;
      // The etag becomes a file's name.
      if (!/^[0-9a-f]{40}([0-9a-f]{24})?$/.test(etag))
        throw new HubError(`The hub gave ${this.id}/${entry.path} no valid hash.`);
      found.push({ path: entry.path, size, etag, sha256: entry.lfs !== undefined });
    }
    return { files: found, folders };
  }

  #access(): { hubUrl: string; fetch: typeof fetch } {
    return { hubUrl: this.#requests.endpoint, fetch: (url) => this.#requests.json(String(url)) };
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
    const url = `${this.#requests.endpoint}/${this.id}/resolve/${commit}/${path}`;
    let at = start;
    await this.#requests.persistently(async (progressed) => {
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
    const response = await this.#open(url, start);
    const from = /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1];
    let at = response.status === 206 && from !== undefined ? Number(from) : 0;
    if (at > start) {
      await response.body?.cancel();
      throw new Passing("the server skipped a part");
    }
    await this.#requests.pour(response, async (chunk) => {
      if (at + chunk.length > file.size)
        throw new HubError(`${url} gave more than the ${file.size} bytes that the hub announced.`);
      await take(chunk, at);
      at += chunk.length;
    });
    if (at < file.size) throw new Passing(`the connection ended at byte ${at} of ${file.size}`);
  }

  async #open(url: string, start: number): Promise<Response> {
    const plain = { "accept-encoding": "identity" };
    if (start === 0) return this.#requests.request(url, plain);
    return this.#requests.request(url, { ...plain, range: `bytes=${start}-` }).catch((error: unknown) => {
      // The server's file is shorter than what lies here: from the beginning, then.
      if (error instanceof HubError && error.status === 416) return this.#requests.request(url, plain);
      throw error;
    });
  }
}

/** A path that leads nowhere but into the repository, of a size that there is. */
function isPlain(path: string, size: number): boolean {
  const steps = path.split("/");
  const inside = steps.every((step) => step !== "" && step !== "." && step !== "..");
  return inside && !/[\\\0]/.test(path) && Number.isSafeInteger(size) && size >= 0;
}
