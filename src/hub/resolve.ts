/**
 * From what a user names (an id of the hub, a folder, a .gguf file) to files on this disk. The hub is asked which commit
 * the name means now; what the shared cache lacks of that is fetched into it. Where nobody answers, what lies in the cache
 * serves, as it does in Python's huggingface_hub.
 */
import { inspect } from "node:util";
import { host } from "../host";
import { WeightsError } from "../weights";
import { isCommit, ModelCache } from "./cache";
import { type Cached, inCache } from "./cached";
import { HubClient } from "./client";
import { HubError } from "./error";
import { fetchModel } from "./fetch";
import { givenOptions, type ResolvedModel, type ResolveOptions, resolveLocal } from "./local";
import { readName } from "./name";
import { isUnreachable } from "./request";
import { endpoint, expandHome, hubCache, offline, savedToken } from "./settings";
import { type Part, Wanted } from "./wanted";

/** What {@link resolveModel} takes. */
export type WantedOptions = ResolveOptions & {
  /** Fetches one half of the files, or an adapter's; default: both halves. */
  only?: Part;
};

/**
 * Finds a model's files, fetching what is not on this disk.
 *
 * @param model An id ("microsoft/Phi-3-mini-4k-instruct"), with "@revision", the name of a GGUF quantisation
 *   ("owner/name:Q4_K_M") or a file's path ("owner/name/file.gguf") behind it; the address of a page of the hub; a folder
 *   or a .gguf file.
 * @throws HubError, one sentence: nowhere, not given out, no network, no space, interrupted.
 * @throws TypeError for an option of another type than its own; null is none.
 * @example const { path } = await resolveModel("HuggingFaceTB/SmolLM2-135M-Instruct");
 */
export async function resolveModel(model: string, options: WantedOptions = {}): Promise<ResolvedModel> {
  if (typeof model !== "string" || model.trim() === "") {
    const given = typeof model === "string" ? "an empty name" : inspect(model, { depth: 0 });
    throw new HubError(`Expected a model's id, a folder or a .gguf file, but received ${given}.`);
  }
  const given = givenOptions(options);
  const local = await resolveLocal(expandHome(model), given);
  if (local) return local;
  return new HubModel(new Wanted(readName(model), given), given).resolve();
}

/** When each hub was last found silent: for a while models in the cache do not wait for it. */
const silentSince = new Map<string, number>();
const silenceLasts = 60_000;

/** A model of the hub, with what the user asked of it. */
class HubModel {
  readonly #cache: ModelCache;
  readonly #token: string | undefined;
  readonly #signal: AbortSignal | undefined;
  /** Why nothing may be fetched. */
  readonly #offline: string | undefined;

  constructor(
    readonly wanted: Wanted,
    readonly options: WantedOptions,
  ) {
    const { token = true, cache_dir, local_files_only, force_download } = options;
    if (local_files_only ?? offline())
      this.#offline = local_files_only === undefined ? "HF_HUB_OFFLINE is set" : "local_files_only is set";
    if (this.#offline !== undefined && force_download)
      throw new HubError(`${wanted.id} is to be fetched anew (force_download), but ${this.#offline}: choose one.`);
    const signals = [options.signal, host()?.signal].filter((signal): signal is AbortSignal => signal !== undefined);
    this.#signal = signals.length > 0 ? AbortSignal.any(signals) : undefined;
    this.#cache = new ModelCache(expandHome(cache_dir ?? hubCache()), wanted.id);
    this.#token = typeof token === "string" ? token : token ? savedToken() : undefined;
  }

  async resolve(): Promise<ResolvedModel> {
    const { id, revision } = this.wanted;
    const { force_download = false } = this.options;
    const known = await this.#cache.commit(revision);
    const cached = known === undefined ? undefined : await inCache(this.wanted, this.#cache, known);
    if (this.#offline !== undefined) return this.#withoutNetwork(cached, this.#offline);
    // Nobody moves a commit.
    if (isCommit(revision) && cached?.complete && !force_download) return cached.model;
    const usable = cached?.usable && !force_download ? cached : undefined;
    if (usable && Date.now() - (silentSince.get(endpoint()) ?? 0) < silenceLasts) return usable.model;
    let now: string | undefined;
    try {
      // With the model at hand a lost network shall cost no waiting.
      const access = { endpoint: endpoint(), token: this.#token, signal: this.#signal, tries: usable ? 1 : undefined };
      now = isCommit(revision) ? revision : await new HubClient(id, revision, access).commit();
      silentSince.delete(endpoint());
      const same = now === known;
      return await this.#upToDate(now, same ? cached : undefined, {
        ...access,
        tries: same ? access.tries : undefined,
      });
    } catch (error) {
      if (this.#signal?.aborted) {
        throw new HubError(`The download of ${id} was interrupted; the next call goes on where it stopped.`, {
          cause: error,
        });
      }
      if (isUnreachable(error)) silentSince.set(endpoint(), Date.now());
      // What lies here serves, though nobody could say whether the model has more files.
      const refused = error instanceof HubError && error.code === "RevisionNotFound";
      if (!usable || refused || isDiskError(error)) throw describe(error, id, this.#cache.root);
      if (now !== undefined && now !== known) this.#sayBehind(known, now, error);
      return usable.model;
    }
  }

  /** The commit that the hub named, from the cache or fetched. */
  async #upToDate(commit: string, cached: Cached | undefined, access: ConstructorParameters<typeof HubClient>[2]) {
    const { id, revision } = this.wanted;
    const { force_download: force = false, progress_callback } = this.options;
    const there = cached ?? (await inCache(this.wanted, this.#cache, commit));
    if (there.complete && !force) {
      // The cache may be one that only others write.
      await this.#cache.setCommit(revision, commit).catch(() => undefined);
      return there.model;
    }
    const client = new HubClient(id, revision, access);
    const fetched = await fetchModel(this.wanted, this.#cache, client, commit, {
      signal: this.#signal,
      progress_callback,
      force,
    });
    await this.#cache.setCommit(revision, commit);
    return fetched;
  }

  /** @param why nothing may be fetched. */
  async #withoutNetwork(cached: Cached | undefined, why: string): Promise<ResolvedModel> {
    if (cached?.usable) return cached.model;
    const { id, revision, revisionNamed } = this.wanted;
    // A commit that was fetched by its own name left nobody a note that it is main's.
    const only = cached || revisionNamed ? undefined : await this.#cache.onlyCommit();
    const found = only === undefined ? undefined : await inCache(this.wanted, this.#cache, only);
    if (found?.usable) {
      console.error(
        `${id} is taken at ${only}, the only commit in the cache: ${why}, so nobody says what main is now.`,
      );
      return found.model;
    }
    const of = revisionNamed ? ` at the revision ${JSON.stringify(revision)}` : "";
    throw new HubError(
      `${id} is not (or not wholly) in the cache ${this.#cache.root}${of}, and ${why}, so nothing is fetched.`,
    );
  }

  #sayBehind(known: string | undefined, now: string, error: unknown): void {
    const short = (commit = "") => commit.slice(0, 7);
    const reason = error instanceof Error ? error.message : String(error);
    console.error(
      `${this.wanted.id} has moved on from ${short(known)} to ${short(now)}, which could not be fetched; the older one in the cache is taken. ${reason}`,
    );
  }
}

function isDiskError(error: unknown): boolean {
  return typeof (error as NodeJS.ErrnoException).syscall === "string";
}

/** What is not a sentence yet becomes one. */
function describe(error: unknown, id: string, cache: string): Error {
  if (error instanceof HubError || error instanceof WeightsError) return error;
  const { code, message, path } = error as NodeJS.ErrnoException;
  if (!isDiskError(error))
    return new HubError(`${id} could not be fetched from ${endpoint()}: ${message}.`, { cause: error });
  const forbidden = code === "EACCES" || code === "EROFS" || code === "EPERM";
  const what = forbidden ? "may not be written" : `cannot be written (${message})`;
  return new HubError(`The model cache ${path ?? cache} ${what}; set HF_HUB_CACHE to a folder of yours.`, {
    cause: error,
  });
}
