/** What of a model lies in the cache: enough to work with, or all that would be fetched. */
import { readdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { readIndex, weightFiles } from "../weights";
import type { ModelCache } from "./cache";
import type { ResolvedModel } from "./local";
import { adapterFiles, single, templatesFolder, tokenizerFiles, type Wanted } from "./wanted";

export interface Cached {
  model: ResolvedModel;
  /** Whether it is enough to work with. */
  usable: boolean;
  /** Whether nothing that we would fetch is left unknown. */
  complete: boolean;
}

/** Looks for a model's files of one commit. */
export async function inCache(wanted: Wanted, cache: ModelCache, commit: string): Promise<Cached> {
  const find = (name: string) => cache.find(commit, wanted.path(name));
  const all = async (names: string[], good: (found: string | null | undefined) => boolean) =>
    (await Promise.all(names.map(find))).every(good);
  const names = await cachedNames(join(cache.snapshot(commit), wanted.folder));
  const choice = wanted.choose(names);
  if (choice !== undefined) {
    if ("problem" in choice) return { model: wanted.model(cache, commit), usable: false, complete: false };
    const usable = await all(choice.parts, (found) => typeof found === "string");
    const complete = usable && (wanted.named || (await all(wanted.before(choice.file), (found) => found === null)));
    return { model: wanted.model(cache, commit, choice.file), usable, complete };
  }
  const required: string[] = wanted.parts.includes("adapter") ? [...adapterFiles] : [];
  const optional: string[] = [];
  if (wanted.parts.includes("tokenizer")) {
    required.push("tokenizer.json");
    optional.push(...tokenizerFiles, templatesFolder);
    optional.push(...names.filter((name) => name.startsWith(`${templatesFolder}/`)));
  }
  if (wanted.parts.includes("weights")) {
    required.push("config.json", ...(await cachedShards(wanted.model(cache, commit).folder, names)));
    optional.push("generation_config.json");
  }
  const usable = await all(required, (found) => typeof found === "string");
  const complete = usable && (await all(optional, (found) => found !== undefined));
  return { model: wanted.model(cache, commit), usable, complete };
}

/** Paths of the files of a commit that lie in the cache, from the model's folder on. */
async function cachedNames(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll("\\", "/"));
}

async function cachedShards(folder: string, names: string[]): Promise<string[]> {
  const found = weightFiles(names);
  if (found === undefined) return [single];
  if ("files" in found) return found.files;
  // A damaged index is fetched again, or else answered when the weights are opened.
  return readIndex(join(folder, found.index)).then(
    ({ files }) => files,
    () => [single],
  );
}
