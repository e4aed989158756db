/**
 * From what a user names (an id of the hub, a folder, a .gguf file) to files on this disk. An id is looked up in the
 * shared cache first; what it lacks is fetched into it. Only the files that this library reads are fetched.
 */
import { readdir } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { inspect } from "node:util";
import { host } from "../host";
import { progressBar } from "../progress";
import { insteadOf, readIndex, WeightsError, weightFiles } from "../weights";
import { ModelCache } from "./cache";
import { HubClient, type HubFile } from "./client";
import { type DownloadOptions, downloadFile } from "./download";
import { HubError } from "./error";
import { chooseGguf, type GgufChoice, ggufModels, ggufParts, usual } from "./gguf_choice";
import { type ResolvedModel, type ResolveOptions, resolveLocal } from "./local";
import { type ModelName, readName } from "./name";
import { endpoint, expandHome, hubCache, offline, savedToken } from "./settings";

/** Which half of a model's files is wanted, or a LoRA adapter's. */
type Part = "tokenizer" | "weights" | "adapter";

const tokenizerFiles = ["tokenizer_config.json", "tokenizer.json", "special_tokens_map.json", "chat_template.jinja"];
/** Fetched where a model has them, for other tools that share the cache; not read here. */
const companions = ["tokenizer.model", "added_tokens.json", "chat_template.json"];
const adapterFiles = ["adapter_config.json", "adapter_model.safetensors"];
/** Noted as absent where a repository holds only GGUF files, with the quantisations that it lacks (`lacks`). */
const single = "model.safetensors";
const lacks = (tag: string): string => `${tag}.gguf`;

/**
 * Finds a model's files, fetching what is not on this disk.
 *
 * @param model An id ("microsoft/Phi-3-mini-4k-instruct"), with the name of a GGUF quantisation behind it
 *   ("owner/name:Q4_K_M") or a file's ("owner/name/file.gguf"), a folder or a .gguf file.
 * @param options `only` fetches one half of the files, or an adapter's; default: both halves.
 * @throws HubError, one sentence: nowhere, not given out, no network, no space, interrupted.
 * @example const { path } = await resolveModel("HuggingFaceTB/SmolLM2-135M-Instruct");
 */
export async function resolveModel(
  model: string,
  options: ResolveOptions & { only?: Part } = {},
): Promise<ResolvedModel> {
  if (typeof model !== "string" || model.trim() === "") {
    const given = typeof model === "string" ? "an empty name" : inspect(model, { depth: 0 });
    throw new HubError(`Expected a model's id, a folder or a .gguf file, but received ${given}.`);
  }
  const local = await resolveLocal(expandHome(model), options);
  if (local) return local;
  return new HubModel(readName(model), options).resolve();
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

  readonly id: string;
  /** The file that was named; `#tag`: the quantisation. Neither: what the repository holds decides. */
  readonly #file: string | undefined;
  readonly #tag: string | undefined;

  constructor(
    { id, tag, gguf_file }: ModelName,
    readonly options: ResolveOptions & { only?: Part },
  ) {
    this.id = id;
    this.#tag = tag;
    this.#file = options.gguf_file ?? gguf_file;
    const { only, token = true } = options;
    this.#revision = options.revision ?? "main";
    if (!/^[\w][\w./-]*$/.test(this.#revision) || this.#revision.includes("..")) {
      throw new HubError(`${JSON.stringify(this.#revision)} is no valid revision.`);
    }
    this.#folder = (options.subfolder ?? "").replace(/^\/+|\/+$/g, "");
    for (const path of [this.#folder, this.#file ?? ""]) {
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

  #model(commit: string, gguf_file?: string): ResolvedModel {
    const folder = join(this.#cache.snapshot(commit), this.#folder);
    if (gguf_file === undefined) return { folder, path: folder, commit };
    const gguf = join(folder, gguf_file);
    return { folder: dirname(gguf), gguf, path: gguf, commit };
  }

  /** usable: enough to work with; complete: nothing that we would fetch is left unknown. */
  async #inCache(commit: string): Promise<{ model: ResolvedModel; usable: boolean; complete: boolean }> {
    const find = (name: string) => this.#cache.find(commit, this.#path(name));
    const all = async (names: string[], good: (found: string | null | undefined) => boolean) =>
      (await Promise.all(names.map(find))).every(good);
    const names = await this.#cachedNames(commit);
    const choice = this.#choose(names);
    if (choice !== undefined) {
      if ("problem" in choice) return { model: this.#model(commit), usable: false, complete: false };
      const usable = await all(choice.parts, (found) => typeof found === "string");
      const named = this.#file !== undefined || this.#tag !== undefined;
      const complete = usable && (named || (await all(this.#before(choice.file), (found) => found === null)));
      return { model: this.#model(commit, choice.file), usable, complete };
    }
    const required: string[] = this.#parts.includes("adapter") ? [...adapterFiles] : [];
    const optional: string[] = [];
    if (this.#parts.includes("tokenizer")) {
      required.push("tokenizer.json");
      optional.push(...tokenizerFiles);
    }
    if (this.#parts.includes("weights")) {
      required.push("config.json", ...(await this.#cachedShards(commit, names)));
      optional.push("generation_config.json");
    }
    const usable = await all(required, (found) => typeof found === "string");
    const complete = usable && (await all(optional, (found) => found !== undefined));
    return { model: this.#model(commit), usable, complete };
  }

  /** Paths of the files of a commit that lie in the cache, from the model's folder on. */
  async #cachedNames(commit: string): Promise<string[]> {
    const folder = join(this.#cache.snapshot(commit), this.#folder);
    const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
    return entries
      .filter((entry) => !entry.isDirectory())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll("\\", "/"));
  }

  async #cachedShards(commit: string, names: string[]): Promise<string[]> {
    const found = weightFiles(names);
    if (found === undefined) return [single];
    if ("files" in found) return found.files;
    // A damaged index is fetched again, or else answered when the weights are opened.
    return readIndex(join(this.#cache.snapshot(commit), this.#folder, found.index)).then(
      ({ files }) => files,
      () => [single],
    );
  }

  /**
   * The GGUF file that is meant; undefined where the model is a folder's: no file was named, and there are weights in
   * safetensors or none at all, or the tokenizer alone is wanted and has files of its own.
   */
  #choose(names: string[]): GgufChoice | undefined {
    if (this.#file !== undefined) return { file: this.#file, parts: ggufParts(this.#file) };
    if (this.#tag !== undefined) return chooseGguf(names, this.#tag);
    if (this.#parts.includes("adapter")) return undefined;
    if (weightFiles(names) !== undefined || ggufModels(names).length === 0) return undefined;
    if (!this.#parts.includes("weights") && names.includes("tokenizer.json")) return undefined;
    return chooseGguf(names);
  }

  /** What a repository cannot have where it was this file that was chosen though none was named. */
  #before(file: string): string[] {
    const at = usual.findIndex((tag) => "file" in chooseGguf([file], tag));
    return [single, ...usual.slice(0, at < 0 ? usual.length : at).map(lacks)];
  }

  async #fetch(client: HubClient): Promise<ResolvedModel> {
    const commit = await client.commit();
    const listed = await client.files(commit, this.#folder);
    const prefix = this.#path("").length;
    let here = new Map(listed.map((file) => [file.path.slice(prefix), file]));
    await this.#cache.setCommit(this.#revision, commit);
    const named = this.#file !== undefined || this.#tag !== undefined;
    if (named || weightFiles([...here.keys()]) === undefined)
      here = new Map((await client.tree(commit, this.#folder)).map((file) => [file.path.slice(prefix), file]));
    const names = [...here.keys()];
    const get = (name: string) => this.#get(client, commit, here.get(name) as HubFile);
    const choice = this.#choose(names);
    if (choice !== undefined) {
      if ("problem" in choice) throw new HubError(`${this.id} ${choice.problem}.`);
      const missing = choice.parts.filter((name) => !here.has(name));
      if (missing.length > 0) throw new HubError(`${this.id} has no ${missing.join(", ")}.${ggufHint(names)}`);
      await this.#getAll(choice.parts, get);
      if (!named) for (const name of this.#before(choice.file)) await this.#cache.setAbsent(commit, this.#path(name));
      return this.#model(commit, choice.file);
    }
    if (this.#parts.includes("adapter")) {
      const missing = adapterFiles.filter((name) => !here.has(name));
      if (missing.length > 0)
        throw new HubError(`${this.id} has no ${missing.join(", ")}: it is no LoRA adapter in safetensors.`);
      await this.#getAll(adapterFiles, get);
    }
    if (this.#parts.includes("tokenizer")) await this.#fetchTokenizer(commit, here, get);
    if (this.#parts.includes("weights")) await this.#fetchWeights(commit, here, get);
    return this.#model(commit);
  }

  #get(client: HubClient, commit: string, file: HubFile): Promise<string> {
    const options: DownloadOptions = { signal: this.#signal, progress_callback: this.options.progress_callback };
    return downloadFile(client, this.#cache, commit, file, options);
  }

  /** A model's weight files, with a bar over all where there are several. */
  async #getAll(names: string[], get: (name: string) => Promise<string>): Promise<void> {
    const bar =
      this.options.progress_callback || names.length === 1
        ? undefined
        : progressBar({ label: "Downloading shards", total: names.length });
    try {
      for (const [done, name] of names.entries()) {
        await get(name);
        bar?.update(done + 1);
      }
    } finally {
      bar?.close();
    }
  }

  async #fetchTokenizer(
    commit: string,
    here: Map<string, HubFile>,
    get: (name: string) => Promise<string>,
  ): Promise<void> {
    if (!here.has("tokenizer.json"))
      throw new HubError(`${this.id} has no tokenizer.json.${ggufHint([...here.keys()])}`);
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
    const names = [...here.keys()];
    if (!here.has("config.json"))
      throw new HubError(`${this.id} has no config.json: it is no transformers model.${ggufHint(names)}`);
    await get("config.json");
    const found = weightFiles(names);
    if (found === undefined)
      throw new HubError(`${this.id} has no weights in safetensors; ${insteadOf(names, this.id)}.`);
    const files = "files" in found ? found.files : (await readIndex(await get(found.index))).files;
    const missing = files.filter((name) => !here.has(name));
    if (missing.length > 0)
      throw new HubError(`${this.id} names ${missing.join(", ")} in its files but does not have it.`);
    await this.#getAll(files, get);
    if (here.has("generation_config.json")) await get("generation_config.json");
    else await this.#cache.setAbsent(commit, this.#path("generation_config.json"));
  }
}

function ggufHint(names: string[]): string {
  const files = ggufModels(names);
  return files.length > 0
    ? ` It has GGUF files; choose one as gguf_file: ${files.map((name) => basename(name)).join(", ")}.`
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
