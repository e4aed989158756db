/**
 * From what a user names (an id of the hub, a folder, a .gguf file) to files on this disk. An id is looked up in the
 * shared cache first; what it lacks is fetched into it. Only the files that this library reads are fetched.
 */
import { basename, dirname, join } from "node:path";
import { host } from "../host";
import { progressBar } from "../progress";
import { readIndex, WeightsError } from "../weights";
import { ModelCache } from "./cache";
import { HubClient, type HubFile } from "./client";
import { type DownloadOptions, downloadFile } from "./download";
import { HubError } from "./error";
import { type ResolvedModel, type ResolveOptions, resolveLocal } from "./local";
import { endpoint, expandHome, hubCache, offline, savedToken } from "./settings";

/** Which half of a model's files is wanted. */
type Part = "tokenizer" | "weights";

const tokenizerFiles = ["tokenizer_config.json", "tokenizer.json", "special_tokens_map.json", "chat_template.jinja"];
/** Fetched where a model has them, for other tools that share the cache; not read here. */
const companions = ["tokenizer.model", "added_tokens.json", "chat_template.json"];
const index = "model.safetensors.index.json";
const single = "model.safetensors";

/**
 * Finds a model's files, fetching what is not on this disk.
 *
 * @param model An id ("microsoft/Phi-3-mini-4k-instruct"), a folder or a .gguf file.
 * @param options `only` fetches one half of the files; default: both.
 * @throws HubError, one sentence: nowhere, not given out, no network, no space, interrupted.
 * @example const { path } = await resolveModel("HuggingFaceTB/SmolLM2-135M-Instruct");
 */
export async function resolveModel(
  model: string,
  options: ResolveOptions & { only?: Part } = {},
): Promise<ResolvedModel> {
  if (typeof model !== "string" || model.trim() === "") {
    throw new HubError("Expected a model's id, a folder or a .gguf file, but received an empty name.");
  }
  const local = await resolveLocal(expandHome(model), options);
  if (local) return local;
  if (/^(\.{0,2}[/\\]|[A-Za-z]:[/\\])/.test(model) || model.endsWith(".gguf")) {
    throw new HubError(`There is no model at ${model}: neither a folder nor a file.`);
  }
  if (!/^[A-Za-z0-9][\w.-]*(\/[\w.-]+)?$/.test(model) || model.includes("..")) {
    throw new HubError(`${JSON.stringify(model)} is neither a folder, nor a .gguf file, nor an id like "owner/name".`);
  }
  return new HubModel(model, options).resolve();
}

/** A model of the hub, with what the user asked of it. */
class HubModel {
  readonly #cache: ModelCache;
  readonly #secret: string | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #parts: readonly Part[];
  readonly #revision: string;
  readonly #folder: string;
  readonly #offline: boolean;

  constructor(
    readonly id: string,
    readonly options: ResolveOptions & { only?: Part },
  ) {
    const { only, token = true } = options;
    this.#revision = options.revision ?? "main";
    if (!/^[\w][\w./-]*$/.test(this.#revision) || this.#revision.includes("..")) {
      throw new HubError(`${JSON.stringify(this.#revision)} is no valid revision.`);
    }
    this.#folder = (options.subfolder ?? "").replace(/^\/+|\/+$/g, "");
    for (const path of [this.#folder, options.gguf_file ?? ""]) {
      if (path.split(/[/\\]/).includes(".."))
        throw new HubError(`${JSON.stringify(path)} leads out of the model's folder.`);
    }
    this.#parts = only ? [only] : ["tokenizer", "weights"];
    this.#offline = options.local_files_only ?? offline();
    const signals = [options.signal, host()?.signal].filter((signal): signal is AbortSignal => signal !== undefined);
    this.#signal = signals.length > 0 ? AbortSignal.any(signals) : undefined;
    this.#cache = new ModelCache(expandHome(options.cache_dir ?? hubCache()), id);
    this.#secret = typeof token === "string" ? token : token ? savedToken() : undefined;
  }

  async resolve(): Promise<ResolvedModel> {
    const known = await this.#cache.commit(this.#revision);
    const cached = known === undefined ? undefined : await this.#inCache(known);
    if (cached?.complete) return cached.model;
    if (this.#offline) {
      if (cached?.usable) return cached.model;
      const why = this.options.local_files_only === undefined ? "HF_HUB_OFFLINE is set" : "local_files_only is set";
      throw new HubError(
        `${this.id} is not (or not wholly) in the cache ${this.#cache.root}, and ${why}, so nothing is fetched.`,
      );
    }
    try {
      // With the model at hand a lost network shall cost no waiting.
      const tries = cached?.usable ? 1 : undefined;
      const access = { endpoint: endpoint(), token: this.#secret, signal: this.#signal, tries };
      return await this.#fetch(new HubClient(this.id, this.#revision, access));
    } catch (error) {
      if (this.#signal?.aborted) {
        throw new HubError(`The download of ${this.id} was interrupted; the next call goes on where it stopped.`, {
          cause: error,
        });
      }
      // What lies here serves, though nobody could say whether the model has more files.
      if (cached?.usable && !isDiskError(error)) return cached.model;
      throw describe(error, this.id, this.#cache.root);
    }
  }

  #path(name: string): string {
    return this.#folder === "" ? name : `${this.#folder}/${name}`;
  }

  #model(commit: string): ResolvedModel {
    const folder = join(this.#cache.snapshot(commit), this.#folder);
    const { gguf_file } = this.options;
    if (gguf_file === undefined) return { folder, path: folder, commit };
    const gguf = join(folder, gguf_file);
    return { folder: dirname(gguf), gguf, path: gguf, commit };
  }

  /** usable: enough to work with; complete: nothing that we would fetch is left unknown. */
  async #inCache(commit: string): Promise<{ model: ResolvedModel; usable: boolean; complete: boolean }> {
    const find = (name: string) => this.#cache.find(commit, this.#path(name));
    const required: string[] = [];
    const optional: string[] = [];
    if (this.options.gguf_file !== undefined) {
      required.push(this.options.gguf_file);
    } else {
      if (this.#parts.includes("tokenizer")) {
        required.push("tokenizer.json");
        optional.push(...tokenizerFiles);
      }
      if (this.#parts.includes("weights")) {
        required.push("config.json", ...(await this.#cachedShards(commit)));
        optional.push("generation_config.json");
      }
    }
    const all = async (names: string[], good: (found: string | null | undefined) => boolean) =>
      (await Promise.all(names.map(find))).every(good);
    const usable = await all(required, (found) => typeof found === "string");
    const complete = usable && (await all(optional, (found) => found !== undefined));
    return { model: this.#model(commit), usable, complete };
  }

  async #cachedShards(commit: string): Promise<string[]> {
    const indexed = await this.#cache.find(commit, this.#path(index));
    if (typeof indexed !== "string" || typeof (await this.#cache.find(commit, this.#path(single))) === "string")
      return [single];
    // A damaged index is fetched again, or else answered when the weights are opened.
    return readIndex(indexed).then(
      ({ files }) => files,
      () => [single],
    );
  }

  async #fetch(client: HubClient): Promise<ResolvedModel> {
    const commit = await client.commit();
    const listed = await client.files(commit, this.#folder);
    const prefix = this.#path("").length;
    const here = new Map(listed.map((file) => [file.path.slice(prefix), file]));
    await this.#cache.setCommit(this.#revision, commit);
    const get = (name: string) => this.#get(client, commit, here.get(name) as HubFile);
    if (this.options.gguf_file !== undefined) {
      await this.#fetchGguf(client, commit, this.options.gguf_file, here);
      return this.#model(commit);
    }
    if (this.#parts.includes("tokenizer")) await this.#fetchTokenizer(commit, here, get);
    if (this.#parts.includes("weights")) await this.#fetchWeights(commit, here, get);
    return this.#model(commit);
  }

  #get(client: HubClient, commit: string, file: HubFile): Promise<string> {
    const options: DownloadOptions = { signal: this.#signal, progress_callback: this.options.progress_callback };
    return downloadFile(client, this.#cache, commit, file, options);
  }

  async #fetchGguf(client: HubClient, commit: string, name: string, here: Map<string, HubFile>): Promise<void> {
    const slash = name.lastIndexOf("/");
    const inside = slash < 0 ? [] : await client.files(commit, this.#path(name.slice(0, slash)));
    const file = here.get(name) ?? inside.find(({ path }) => path === this.#path(name));
    if (!file) throw new HubError(`${this.id} has no ${name}.${ggufHint(here)}`);
    await this.#get(client, commit, file);
  }

  async #fetchTokenizer(
    commit: string,
    here: Map<string, HubFile>,
    get: (name: string) => Promise<string>,
  ): Promise<void> {
    if (!here.has("tokenizer.json")) throw new HubError(`${this.id} has no tokenizer.json.${ggufHint(here)}`);
    for (const name of [...tokenizerFiles, ...companions]) {
      if (here.has(name)) await get(name);
      else if (tokenizerFiles.includes(name)) await this.#cache.setAbsent(commit, this.#path(name));
    }
  }

  async #fetchWeights(
    commit: string,
    here: Map<string, HubFile>,
    get: (name: string) => Promise<string>,
  ): Promise<void> {
    if (!here.has("config.json"))
      throw new HubError(`${this.id} has no config.json: it is no transformers model.${ggufHint(here)}`);
    await get("config.json");
    if (here.has(single)) {
      await get(single);
    } else if (here.has(index)) {
      const { files } = await readIndex(await get(index));
      const missing = files.filter((name) => !here.has(name));
      if (missing.length > 0)
        throw new HubError(`${this.id} names ${missing.join(", ")} in its index but does not have it.`);
      const bar = this.options.progress_callback
        ? undefined
        : progressBar({ label: "Downloading shards", total: files.length });
      try {
        for (const [done, name] of files.entries()) {
          await get(name);
          bar?.update(done + 1);
        }
      } finally {
        bar?.close();
      }
    } else {
      throw new HubError(
        `${this.id} has no weights in safetensors, the only format besides GGUF that is read here.${ggufHint(here)}`,
      );
    }
    if (here.has("generation_config.json")) await get("generation_config.json");
    else await this.#cache.setAbsent(commit, this.#path("generation_config.json"));
  }
}

function ggufHint(here: Map<string, HubFile>): string {
  const names = [...here.keys()].filter((name) => name.endsWith(".gguf"));
  return names.length > 0
    ? ` It has GGUF files; choose one as gguf_file: ${names.map((name) => basename(name)).join(", ")}.`
    : "";
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
