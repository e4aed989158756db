/**
 * Requests to a hub: tried again after passing failures, redirected without ever showing the user's token to another
 * host, and ended by sentences.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { HubError } from "./error";
import { type Asked, duration, later, refusal, waitAsked } from "./refusals";
import { downloadTimeout, etagTimeout } from "./settings";

export interface ClientOptions {
  endpoint: string;
  token?: string;
  signal?: AbortSignal;
  /** How often a request is tried in all. Default: 5. */
  tries?: number;
}

/** A failure that the next try may not meet. */
export class Passing extends Error {
  /** The hub's answer, where there was one. */
  readonly status: number | undefined;
  /** Milliseconds after which it asks to be asked again. */
  readonly waitMs: number | undefined;

  constructor(message: string, options: { cause?: unknown; status?: number; waitMs?: number } = {}) {
    super(message, { cause: options.cause });
    this.status = options.status;
    this.waitMs = options.waitMs;
  }
}

/** Whether a failure is the network's: nobody answered. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof HubError && error.cause instanceof Passing && error.cause.status === undefined;
}

const defaultTries = 5;
/** Bytes of a listing; a thousand files take about 300 kB. */
const largestAnswer = 64e6;
const firstPause = 500;
/** Milliseconds that are waited at most; a hub that asks for more is quoted instead. */
const longestPause = 60_000;
/** Longer pauses are said. */
const silentPause = 3_000;

export class HubRequests {
  readonly #options: ClientOptions;

  constructor(
    readonly id: string,
    readonly revision: string,
    options: ClientOptions,
  ) {
    this.#options = options;
  }

  get endpoint(): string {
    return this.#options.endpoint;
  }

  /** An answer of the hub's API, with its body, which a broken connection cuts off as it does a file. */
  async json(url: string): Promise<Response> {
    return this.persistently(() => this.#jsonOnce(url));
  }

  async #jsonOnce(url: string): Promise<Response> {
    const response = await this.request(url, {});
    const pieces: Uint8Array[] = [];
    let size = 0;
    await this.pour(response, async (bytes) => {
      pieces.push(bytes);
      size += bytes.length;
      if (size > largestAnswer) throw new HubError(`${url} answered with more than ${largestAnswer / 1e6} MB.`);
    });
    const body = Buffer.concat(pieces);
    try {
      JSON.parse(body.toString());
    } catch {
      const start = JSON.stringify(body.toString("utf8", 0, 40));
      throw new HubError(
        `${this.#options.endpoint} answered with something that no hub says (it begins with ${start}); is a proxy or a log-in page in between? Check HF_ENDPOINT.`,
      );
    }
    return new Response(body, { status: response.status, headers: response.headers });
  }

  /** Gives a body piece by piece; silence ends it. */
  async pour(response: Response, take: (bytes: Uint8Array) => Promise<void>): Promise<void> {
    const silent = downloadTimeout();
    let timer: NodeJS.Timeout | undefined;
    const reader = response.body?.getReader();
    if (reader === undefined) return;
    try {
      for (;;) {
        const stalled = new Promise<never>((_, fail) => {
          timer = setTimeout(() => fail(new Error(`no byte came for ${silent / 1000} seconds`)), silent);
        });
        const { done, value } = await Promise.race([reader.read(), stalled]);
        clearTimeout(timer);
        if (done) return;
        await take(value);
      }
    } catch (error) {
      reader.cancel().catch(() => undefined);
      throw this.#passing(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Tries again after passing failures; `progressed` starts the count anew. */
  async persistently<T>(work: (progressed: () => void) => Promise<T>): Promise<T> {
    const { tries = defaultTries } = this.#options;
    let failures = 0;
    for (;;) {
      try {
        return await work(() => {
          failures = 0;
        });
      } catch (error) {
        if (!(error instanceof Passing)) throw error;
        const { status, waitMs } = error;
        const wanted = waitMs ?? firstPause * 2 ** failures;
        failures++;
        if (failures >= tries || wanted > longestPause) throw this.#given(error, failures);
        if (wanted > silentPause && waitMs !== undefined)
          console.error(
            `${this.#options.endpoint} answered ${status} and asks to wait; trying again in ${duration(wanted)}.`,
          );
        await sleep(wanted, undefined, { signal: this.#options.signal });
      }
    }
  }

  /** The sentence with which tries end. */
  #given(error: Passing, times: number): HubError {
    const { status, waitMs } = error;
    const { endpoint } = this.#options;
    const kept = "what was fetched so far is kept";
    const message =
      status === undefined
        ? `${endpoint} cannot be reached for ${this.id} (${error.message}, ${times} times). Check the network and HF_ENDPOINT; ${kept}.`
        : `${later(this.#asked, status, times, waitMs)}; ${kept}.`;
    return new HubError(message, { cause: error, status });
  }

  get #asked(): Asked {
    const { endpoint, token } = this.#options;
    return { id: this.id, revision: this.revision, endpoint, token: Boolean(token) };
  }

  /** One request with its redirects; throws sentences, or Passing. */
  async request(url: string, headers: Record<string, string>): Promise<Response> {
    const home = new URL(this.#options.endpoint).origin;
    let next = new URL(url);
    for (let hops = 0; hops < 10; hops++) {
      const slow = new AbortController();
      const timer = setTimeout(
        () => slow.abort(new Error(`no answer within ${etagTimeout() / 1000} seconds`)),
        etagTimeout(),
      );
      const { token, signal } = this.#options;
      const ended = signal === undefined ? slow.signal : AbortSignal.any([slow.signal, signal]);
      const authorization: Record<string, string> =
        token && next.origin === home ? { authorization: `Bearer ${token}` } : {};
      let response: Response;
      try {
        response = await fetch(next, {
          headers: { "user-agent": "phi3lab", ...headers, ...authorization },
          redirect: "manual",
          signal: ended,
        });
      } catch (error) {
        throw this.#passing(error);
      } finally {
        clearTimeout(timer);
      }
      const location = response.headers.get("location");
      if (response.status < 300 || response.status >= 400 || location === null)
        return this.#accept(response, next, home);
      await response.body?.cancel();
      const to = URL.canParse(location, next.href) ? new URL(location, next) : undefined;
      if (to === undefined || !/^https?:$/.test(to.protocol))
        throw new HubError(`${url} redirects to ${JSON.stringify(location)}, which is no address.`);
      next = to;
    }
    throw new HubError(`${url} redirects in a circle.`);
  }

  async #accept(response: Response, { host, origin }: URL, home: string): Promise<Response> {
    if (response.ok) return response;
    await response.body?.cancel();
    const { status } = response;
    // An address on a host of large files serves for a while: the next try gets another.
    if (origin !== home) throw new Passing(`${host} answered ${status}`, { waitMs: waitAsked(response.headers) });
    if (status === 408 || status === 429 || status >= 500) {
      throw new Passing(`it answered ${status}`, { status, waitMs: waitAsked(response.headers) });
    }
    throw new HubError(refusal(this.#asked, response), { status, code: response.headers.get("x-error-code") });
  }

  /** Failures of the connection pass; the user's interrupt and our own errors do not. */
  #passing(error: unknown): unknown {
    if (this.#options.signal?.aborted || error instanceof HubError || isFileError(error)) return error;
    const { cause, message } = error as Error;
    const inner = cause as NodeJS.ErrnoException | undefined;
    return new Passing(inner?.code ?? inner?.message ?? message, { cause: error });
  }
}

/** A failed write to the disk comes through the same loop as a failed read from the network. */
function isFileError(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).syscall === "write" || (error as NodeJS.ErrnoException).code === "ENOSPC";
}
