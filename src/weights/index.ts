/**
 * Opens a model on disk for the native half: which files, which tensor lies where in them, and the configuration.
 * Only headers are read; the native half maps the files. Every error is one sentence that names the file.
 */
import { readdir, stat } from "node:fs/promises";
import { isAbsolute, join, normalize, sep } from "node:path";
import type { ModelConfig, OpenOptions, WeightEntry, WeightPart } from "../native";
import { architectureOf, checkArchitecture } from "./architecture";
import { Checkpoint, type StoredTensor } from "./checkpoint";
import { readFolderConfig } from "./config";
import { quote, refusal, WeightsError } from "./error";
import { ggufConfig } from "./gguf_config";
import { readGgufModel, runnable } from "./gguf_parts";
import { readQuantisation } from "./quantised";
import { assignRoles } from "./roles";
import { duplicateKey, jsonObject } from "./json";
import { readText } from "./regular";
import { readSafetensors } from "./safetensors";
import { insteadOf, isThere, weightFiles } from "./weight_files";

export { adapterNote, mergeAdapter, readAdapter } from "./adapter";
export { readConfig } from "./config";
export { WeightsError } from "./error";
export { bytesPerElement, gpuBytesPerElement, isQuantised } from "./formats";
export { type Quantised, quantise, quantiseNote } from "./quantise";
export { insteadOf, partNames, weightFiles } from "./weight_files";

/** What {@link openWeights} finds: the configuration, and a part of the native half's options. */
export type OpenWeights = { config: ModelConfig } & Pick<OpenOptions, "architecture" | "files" | "weights">;

/** Every tensor that a model's weights are made of. */
export const partsOf = (weights: readonly WeightEntry[]): WeightPart[] => weights.flatMap(({ parts }) => parts);

/** Called as each weight file's header has been read. */
export interface OpenWeightsOptions {
  onFile?: (done: number, total: number) => void;
}

/**
 * Opens a folder with config.json and safetensors files, or one .gguf file.
 *
 * @param path A local path; ids of the hub are resolved before (`resolveModel`).
 * @throws WeightsError when there is nothing, when something is damaged, foreign or not supported.
 * @example const { config, files, weights } = await openWeights("/models/Phi-3-mini-4k-instruct");
 */
export async function openWeights(path: string, options: OpenWeightsOptions = {}): Promise<OpenWeights> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new WeightsError(path, `There is no model at ${path}: neither a folder nor a file.`);
  if (found.isDirectory()) return openFolder(path, options);
  if (path.endsWith(".safetensors")) {
    throw new WeightsError(path, `${path} is one file of a model; give the folder that also holds its config.json.`);
  }
  if (!found.isFile()) throw new WeightsError(path, `${path} is neither a folder nor a file.`);
  return openGguf(path, options);
}

async function openGguf(file: string, { onFile }: OpenWeightsOptions): Promise<OpenWeights> {
  const gguf = await readGgufModel(file, onFile);
  const config = await ggufConfig(gguf);
  checkArchitecture(config, refusal(gguf.file));
  const weights = assignRoles(gguf.file, config, runnable(gguf), "gguf");
  return { config, architecture: architectureOf(config), files: gguf.files, weights };
}

async function openFolder(folder: string, options: OpenWeightsOptions): Promise<OpenWeights> {
  // Refusals come in this order: architecture, configuration, format.
  const { config, fields } = await readFolderConfig(folder);
  checkArchitecture(config, refusal(fields.file));
  const quantisation = readQuantisation(fields);
  const names = await readdir(folder);
  const found = weightFiles(names);
  if (found === undefined) {
    const message = `${folder} holds neither model.safetensors nor model.safetensors.index.json; ${insteadOf(names, folder)}.`;
    throw new WeightsError(folder, message);
  }
  const { files, tensors } =
    "index" in found
      ? await readShards(folder, join(folder, found.index), options)
      : await readFiles(folder, found.files, options);
  const source = files.length === 1 ? (files[0] as string) : folder;
  const checkpoint = new Checkpoint(source, tensors, quantisation);
  const weights = checkpoint.read(assignRoles(source, config, checkpoint.parts, "transformers"));
  return { config, architecture: architectureOf(config), files, weights };
}

interface Stored {
  files: string[];
  tensors: StoredTensor[];
}

async function readFiles(folder: string, names: string[], { onFile }: OpenWeightsOptions): Promise<Stored> {
  const files = names.map((name) => join(folder, name));
  await checkPresent(folder, names, "which belong to the same model");
  const tensors: StoredTensor[] = [];
  for (const [number, file] of files.entries()) {
    for (const tensor of await readSafetensors(file)) tensors.push({ ...tensor, file: number });
    onFile?.(number + 1, files.length);
  }
  return { files, tensors };
}

/** @throws WeightsError that names those of a folder's files that are not there. */
async function checkPresent(folder: string, names: string[], why: string): Promise<void> {
  const missing: string[] = [];
  for (const name of names) if (!(await isThere(join(folder, name)))) missing.push(name);
  if (missing.length === 0) return;
  const message = `${folder} lacks ${missing.join(", ")}, ${why}: download the model again, or copy the missing file there.`;
  throw new WeightsError(join(folder, missing[0] as string), message);
}

/** Bytes of an index; a hundred thousand tensors take ten million. */
const largestIndex = 64e6;

/**
 * The shard files that an index names, each once, in order of name.
 *
 * @throws WeightsError when the index is damaged or names files outside its folder.
 */
export async function readIndex(index: string): Promise<Index> {
  const text = await readText(index, largestIndex);
  return parseIndex(index, text ?? "{}");
}

interface Index {
  files: string[];
  map: Map<string, string>;
}

/** The same of its text. */
export function parseIndex(index: string, text: string): Index {
  const fail = (what: string): never => {
    throw new WeightsError(index, `${index} is damaged: ${what}; download it again.`);
  };
  const map = jsonObject(index, text).weight_map;
  if (typeof map !== "object" || map === null || Array.isArray(map)) return fail("it has no weight_map");
  const twice = duplicateKey(text);
  if (twice !== undefined) fail(`it has ${quote(twice)} twice`);
  for (const [tensor, file] of Object.entries(map)) {
    const plain = typeof file === "string" && file !== "" && !isAbsolute(file) && !file.includes("\\");
    if (!plain || normalize(file).split(sep).includes("..")) {
      fail(`it says that ${quote(tensor)} lies in ${quote(String(file))}`);
    }
  }
  const entries = new Map<string, string>(Object.entries(map as Record<string, string>));
  if (entries.size === 0) fail("its weight_map is empty");
  return { files: [...new Set(entries.values())].sort(), map: entries };
}

async function readShards(folder: string, index: string, { onFile }: OpenWeightsOptions): Promise<Stored> {
  const { files, map } = await readIndex(index);
  await checkPresent(folder, files, `which ${index} names`);
  const tensors: StoredTensor[] = [];
  for (const [number, file] of files.entries()) {
    const shard = join(folder, file);
    for (const tensor of await readSafetensors(shard)) {
      if (map.get(tensor.name) !== file) {
        const message = `${shard} holds the tensor ${quote(tensor.name)}, which ${index} does not place there: the files belong to different models.`;
        throw new WeightsError(shard, message);
      }
      map.delete(tensor.name);
      tensors.push({ ...tensor, file: number });
    }
    onFile?.(number + 1, files.length);
  }
  for (const [tensor, file] of map) {
    const message = `${join(folder, file)} lacks the tensor ${quote(tensor)}, which ${index} places there: the files belong to different models.`;
    throw new WeightsError(join(folder, file), message);
  }
  return { files: files.map((file) => join(folder, file)), tensors };
}
