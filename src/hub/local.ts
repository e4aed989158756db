/** What a user may say about where a model lies, and models that lie in a folder or a .gguf file of this disk. */
import { readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { inspect } from "node:util";
import type { ProgressInfo } from "./download";
import type { OptionNames } from "../options";
import { HubError } from "./error";
import { chooseGguf, ggufModels } from "./gguf_choice";

/** Where a model's files are looked for, and how they are fetched; transformers' names. */
export interface ResolveOptions {
  /** A branch, a tag or a commit; `owner/name@revision` says it in the name. Default: "main". */
  revision?: string;
  /** The folder inside the repository (or the local folder) where the model lies. Default: its top. */
  subfolder?: string;
  /**
   * The .gguf file to take from a repository or folder. Default: none, or where there is no other model the one of
   * Q4_K_M, else of q4, else the only one. `owner/name:Q4_K_M` and `owner/name/file.gguf` say it in the name.
   */
  gguf_file?: string;
  /**
   * The folder that fetched files are kept in. Default: the cache that all Hugging Face tools share (HF_HUB_CACHE,
   * HF_HOME).
   */
  cache_dir?: string;
  /**
   * true: nothing is fetched, and the hub is not asked. Default: false, or what HF_HUB_OFFLINE says. Otherwise the hub is
   * asked at each load which commit a branch names now, and what lies here serves where nobody answers.
   */
  local_files_only?: boolean;
  /** true: what lies in the cache is fetched again. Default: false. */
  force_download?: boolean;
  /** The user's token; false: none. Default: HF_TOKEN, or the one that `hf auth login` saved. */
  token?: string | boolean;
  /** Is told how the download goes. Default: bars are drawn. */
  progress_callback?: (info: ProgressInfo) => void;
  /** Stops a download, as the notebook's interrupt does; the next call resumes it. */
  signal?: AbortSignal;
}

/** Their names, for checking. */
export const resolveOptions: OptionNames<ResolveOptions> = {
  revision: true,
  subfolder: true,
  gguf_file: true,
  cache_dir: true,
  local_files_only: true,
  force_download: true,
  token: true,
  progress_callback: true,
  signal: true,
};

const kinds: { readonly [Name in keyof ResolveOptions]-?: readonly [(value: unknown) => boolean, string] } = {
  revision: [isText, "a string"],
  subfolder: [isText, "a string"],
  gguf_file: [isText, "a string"],
  cache_dir: [isText, "a string"],
  local_files_only: [isFlag, "true or false"],
  force_download: [isFlag, "true or false"],
  token: [(value) => isText(value) || isFlag(value), "a string, true or false"],
  progress_callback: [(value) => typeof value === "function", "a function"],
  signal: [(value) => value instanceof AbortSignal, "an AbortSignal"],
};

function isText(value: unknown): boolean {
  return typeof value === "string";
}

function isFlag(value: unknown): boolean {
  return typeof value === "boolean";
}

/**
 * The options without those that are null, which are not given, as Python's None is not.
 *
 * @throws TypeError for one that is something else than it must be.
 */
export function givenOptions<T extends ResolveOptions>(options: T): T {
  const given = Object.entries(options).filter(([, value]) => value !== undefined && value !== null);
  for (const [name, value] of given) {
    const [is, what] = kinds[name as keyof ResolveOptions] ?? [];
    if (is?.(value) === false)
      throw new TypeError(`Expected ${what} for ${name} but received ${inspect(value, { depth: 0 })}`);
  }
  return Object.fromEntries(given) as T;
}

export interface ResolvedModel {
  /** The folder with the files, or with the .gguf file. */
  folder: string;
  /** The .gguf file, where the model is one. */
  gguf?: string;
  /** `gguf`, or else `folder`: what `openWeights` takes. */
  path: string;
  /** Of a model from the hub. */
  commit?: string;
}

/** The model at a local path; undefined when there is no such path. */
export async function resolveLocal(
  path: string,
  { subfolder, gguf_file, only }: ResolveOptions & { only?: string },
): Promise<ResolvedModel | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile()) return { folder: dirname(path), gguf: path, path };
  if (!found?.isDirectory()) return undefined;
  const folder = subfolder === undefined ? path : join(path, subfolder);
  if (only === "adapter") return { folder, path: folder };
  const names = await readdir(folder).catch(() => {
    throw new HubError(`${path} has no folder ${JSON.stringify(subfolder)}.`);
  });
  const ggufs = ggufModels(names);
  let name = gguf_file;
  if (name === undefined && !names.some((file) => file === "config.json" || file === "tokenizer.json")) {
    if (names.includes("adapter_config.json"))
      throw new HubError(
        `${folder} holds an adapter, no model; load the model that it is for, with { adapter: ${JSON.stringify(path)} }.`,
      );
    if (ggufs.length === 0)
      throw new HubError(`${folder} holds no model: neither config.json nor tokenizer.json nor a .gguf file.`);
    const choice = chooseGguf(names);
    if ("problem" in choice)
      throw new HubError(`${folder} holds ${ggufs.length} GGUF files; choose one as gguf_file: ${ggufs.join(", ")}.`);
    name = choice.file;
  }
  if (name === undefined) return { folder, path: folder };
  const gguf = join(folder, name);
  if (!(await stat(gguf).catch(() => undefined))) {
    throw new HubError(`${folder} has no ${name}${ggufs.length > 0 ? `; it has ${ggufs.join(", ")}` : ""}.`);
  }
  return { folder: dirname(gguf), gguf, path: gguf };
}
