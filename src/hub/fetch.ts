/** Fetches what is wanted of a commit into the cache: only the files that this library reads, some at a time. */
import { posix } from "node:path";
import { progressBar } from "../progress";
import { insteadOf, readIndex, weightFiles } from "../weights";
import type { ModelCache } from "./cache";
import type { HubClient, HubFile } from "./client";
import { checkSpace, type DownloadOptions, downloadFile } from "./download";
import { HubError } from "./error";
import { ggufModels } from "./gguf_choice";
import type { ResolvedModel } from "./local";
import { tidy } from "./tidy";
import { adapterFiles, templatesFolder, tokenizerFiles, type Wanted } from "./wanted";

/** Fetched where a model has them: chat_template.json, which old models have, and what other tools that share the cache read. */
const companions = ["tokenizer.model", "added_tokens.json", "chat_template.json"];
/** Files that come at once: a hub gives one connection a part of what a line carries. */
const atOnce = 4;

/** Sees to it that a commit's files that are wanted lie in the cache. */
export async function fetchModel(
  wanted: Wanted,
  cache: ModelCache,
  client: HubClient,
  commit: string,
  options: DownloadOptions,
): Promise<ResolvedModel> {
  await tidy(cache);
  return new Fetching(wanted, cache, client, commit, options).run();
}

class Fetching {
  /** The commit's files, by their path from the model's folder on. */
  #here = new Map<string, HubFile>();

  constructor(
    readonly wanted: Wanted,
    readonly cache: ModelCache,
    readonly client: HubClient,
    readonly commit: string,
    readonly options: DownloadOptions,
  ) {}

  async run(): Promise<ResolvedModel> {
    const { wanted, cache, client, commit } = this;
    const { id, folder, parts } = wanted;
    const { files: listed, folders } = await client.list(commit, folder);
    const prefix = wanted.path("").length;
    const named = (files: HubFile[]) => new Map(files.map((file) => [file.path.slice(prefix), file]));
    this.#here = named(listed);
    const templates = folders.find((path) => path.slice(prefix) === templatesFolder);
    if (templates !== undefined && parts.includes("tokenizer"))
      this.#here = named([...listed, ...(await client.list(commit, templates)).files]);
    if (wanted.named || weightFiles([...this.#here.keys()]) === undefined)
      this.#here = named(await client.tree(commit, folder));
    const names = [...this.#here.keys()];
    const choice = wanted.choose(names);
    if (choice !== undefined) {
      if ("problem" in choice) throw new HubError(`${id} ${choice.problem}.`);
      const missing = choice.parts.filter((name) => !this.#here.has(name));
      if (missing.length > 0) throw new HubError(`${id} has no ${missing.join(", ")}.${ggufHint(names)}`);
      await this.#get(choice.parts);
      if (!wanted.named) await this.#note(wanted.before(choice.file));
      return wanted.model(cache, commit, choice.file);
    }
    if (parts.includes("adapter")) {
      const missing = adapterFiles.filter((name) => !this.#here.has(name));
      if (missing.length > 0)
        throw new HubError(`${id} has no ${missing.join(", ")}: it is no LoRA adapter in safetensors.`);
      await this.#get(adapterFiles);
    }
    if (parts.includes("tokenizer")) await this.#tokenizer();
    if (parts.includes("weights")) await this.#weights();
    return wanted.model(cache, commit);
  }

  async #tokenizer(): Promise<void> {
    if (!this.#here.has("tokenizer.json"))
      throw new HubError(`${this.wanted.id} has no tokenizer.json.${this.#insteadOfTokenizer()}`);
    // Before the others: once these are here, none is missed.
    const templates = [...this.#here.keys()].filter((name) => isTemplate(name));
    await this.#get(templates);
    await this.#get([...tokenizerFiles, ...companions].filter((name) => this.#here.has(name)));
    await this.#note(templates.length > 0 ? tokenizerFiles : [...tokenizerFiles, templatesFolder]);
  }

  /** What a repository without tokenizer.json has: vocabularies that Python's transformers makes one of. */
  #insteadOfTokenizer(): string {
    const names = [...this.#here.keys()];
    const older = ["tokenizer.model", "vocab.json", "vocab.txt", "tekken.json"].find((name) => this.#here.has(name));
    if (older === undefined) return ggufHint(names);
    return ` It has ${older}, of which Python's transformers makes one: python -c "from transformers import AutoTokenizer as T; T.from_pretrained('${this.wanted.id}').save_pretrained('converted')".`;
  }

  async #weights(): Promise<void> {
    const { id } = this.wanted;
    const names = [...this.#here.keys()];
    if (!this.#here.has("config.json"))
      throw new HubError(`${id} has no config.json: it is no transformers model.${ggufHint(names)}`);
    const found = weightFiles(names);
    const small = ["config.json", "generation_config.json"].filter((name) => this.#here.has(name));
    await this.#get(found !== undefined && "index" in found ? [...small, found.index] : small);
    await this.#note(["generation_config.json"]);
    if (found === undefined) throw new HubError(`${id} has no weights in safetensors; ${insteadOf(names, id)}.`);
    const index = "index" in found ? await this.cache.find(this.commit, this.wanted.path(found.index)) : undefined;
    const files = "files" in found ? found.files : (await readIndex(index as string)).files;
    const missing = files.filter((name) => !this.#here.has(name));
    if (missing.length > 0) throw new HubError(`${id} names ${missing.join(", ")} in its files but does not have it.`);
    await this.#get(files);
  }

  /** Remembers which of these files the commit lacks. */
  async #note(names: string[]): Promise<void> {
    for (const name of names)
      if (!this.#here.has(name)) await this.cache.setAbsent(this.commit, this.wanted.path(name));
  }

  /** Fetches files, some at once; the first failure ends the others, whose bytes are kept. */
  async #get(names: string[]): Promise<void> {
    const files = names.map((name) => this.#here.get(name) as HubFile);
    await checkSpace(this.cache, files, this.options);
    const weights = files.filter(({ path }) => /\.(safetensors|gguf)$/i.test(path));
    const bar =
      this.options.progress_callback || weights.length <= 1
        ? undefined
        : progressBar({ label: "Downloading shards", total: weights.length });
    const stop = new AbortController();
    const { signal } = this.options;
    const options = { ...this.options, signal: signal ? AbortSignal.any([signal, stop.signal]) : stop.signal };
    const queue = [...files];
    let done = 0;
    const work = async (): Promise<void> => {
      for (let file = queue.shift(); file !== undefined && !stop.signal.aborted; file = queue.shift()) {
        await downloadFile(this.client, this.cache, this.commit, file, options);
        if (weights.includes(file)) bar?.update(++done);
      }
    };
    let failure: { error: unknown } | undefined;
    const workers = Array.from({ length: Math.min(atOnce, files.length) }, () =>
      work().catch((error: unknown) => {
        failure ??= { error };
        stop.abort();
      }),
    );
    await Promise.all(workers);
    bar?.close();
    if (failure) throw failure.error;
  }
}

/** Whether a path is of a chat template by name. */
function isTemplate(path: string): boolean {
  return posix.dirname(path) === templatesFolder && path.endsWith(".jinja");
}

function ggufHint(names: string[]): string {
  const files = ggufModels(names);
  return files.length > 0
    ? ` It has GGUF files; choose one as gguf_file: ${files.map((name) => posix.basename(name)).join(", ")}.`
    : "";
}
