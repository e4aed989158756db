/** What a user asked for of a model of the hub: which repository, which revision, and which of its files are meant. */
import { dirname, join } from "node:path";
import { weightFiles } from "../weights";
import type { ModelCache } from "./cache";
import { HubError } from "./error";
import { chooseGguf, type GgufChoice, ggufModels, ggufParts, usual } from "./gguf_choice";
import type { ResolvedModel, ResolveOptions } from "./local";
import type { ModelName } from "./name";

/** Which half of a model's files is wanted, or a LoRA adapter's. */
export type Part = "tokenizer" | "weights" | "adapter";

export const tokenizerFiles = [
  "tokenizer_config.json",
  "tokenizer.json",
  "special_tokens_map.json",
  "chat_template.jinja",
];
/** Chat templates by name lie here; noted as absent, as files are, where a model has none. */
export const templatesFolder = "additional_chat_templates";
export const adapterFiles = ["adapter_config.json", "adapter_model.safetensors"];
/** Noted as absent where a repository holds only GGUF files, with the quantisations that it lacks (`lacks`). */
export const single = "model.safetensors";
const lacks = (tag: string): string => `${tag}.gguf`;

export class Wanted {
  readonly id: string;
  readonly revision: string;
  /** Whether the user named one; else it is "main". */
  readonly revisionNamed: boolean;
  readonly folder: string;
  readonly parts: readonly Part[];
  /** The file that was named; `tag`: the quantisation. Neither: what the repository holds decides. */
  readonly file: string | undefined;
  readonly tag: string | undefined;

  constructor(name: ModelName, options: ResolveOptions & { only?: Part }) {
    this.id = name.id;
    this.tag = name.tag;
    this.file = one("gguf_file", name.gguf_file, options.gguf_file);
    const revision = one("revision", name.revision, options.revision);
    this.revision = revision ?? "main";
    this.revisionNamed = revision !== undefined;
    if (!/^[\w][\w./-]*$/.test(this.revision) || this.revision.includes("..")) {
      throw new HubError(`${JSON.stringify(this.revision)} is no valid revision.`);
    }
    this.folder = (one("subfolder", name.subfolder, options.subfolder) ?? "").replace(/^\/+|\/+$/g, "");
    for (const path of [this.folder, this.file ?? ""]) {
      if (path.split(/[/\\]/).includes(".."))
        throw new HubError(`${JSON.stringify(path)} leads out of the model's folder.`);
    }
    this.parts = options.only ? [options.only] : ["tokenizer", "weights"];
  }

  /** Whether a file or a quantisation was named: then it is meant wherever it lies. */
  get named(): boolean {
    return this.file !== undefined || this.tag !== undefined;
  }

  /** A file's path in the repository. */
  path(name: string): string {
    return this.folder === "" ? name : `${this.folder}/${name}`;
  }

  /** Where a commit's files lie on this disk. */
  model(cache: ModelCache, commit: string, gguf_file?: string): ResolvedModel {
    const folder = join(cache.snapshot(commit), this.folder);
    if (gguf_file === undefined) return { folder, path: folder, commit };
    const gguf = join(folder, gguf_file);
    return { folder: dirname(gguf), gguf, path: gguf, commit };
  }

  /**
   * The GGUF file that is meant; undefined where the model is a folder's: no file was named, and there are weights in
   * safetensors or none at all, or the tokenizer alone is wanted and has files of its own.
   */
  choose(names: string[]): GgufChoice | undefined {
    if (this.file !== undefined) return { file: this.file, parts: ggufParts(this.file) };
    if (this.tag !== undefined) return chooseGguf(names, this.tag);
    if (this.parts.includes("adapter")) return undefined;
    if (weightFiles(names) !== undefined || ggufModels(names).length === 0) return undefined;
    if (!this.parts.includes("weights") && names.includes("tokenizer.json")) return undefined;
    return chooseGguf(names);
  }

  /** What a repository cannot have where it was this file that was chosen though none was named. */
  before(file: string): string[] {
    const at = usual.findIndex((tag) => "file" in chooseGguf([file], tag));
    return [single, ...usual.slice(0, at < 0 ? usual.length : at).map(lacks)];
  }
}

/** A value that the name and the options may both give. */
function one(option: string, inName: string | undefined, given: string | undefined): string | undefined {
  if (inName !== undefined && given !== undefined && inName !== given)
    throw new HubError(
      `Expected one ${option} but received ${JSON.stringify(inName)} in the model's name and ${JSON.stringify(given)} as the option ${option}.`,
    );
  return given ?? inName;
}
