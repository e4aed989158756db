/** How a user names a model of the hub: its id, with a quantisation or a file behind it. */
import { existsSync } from "node:fs";
import { HubError } from "./error";

export interface ModelName {
  /** "owner/name". */
  id: string;
  /** A GGUF quantisation ("Q4_K_M"). */
  tag?: string;
  /** A .gguf file's path in the repository. */
  gguf_file?: string;
}

/**
 * Reads "owner/name", "owner/name:Q4_K_M" and "owner/name/folder/file.gguf".
 *
 * @throws HubError where it can be none of them: a path that is not there, or no name at all.
 */
export function readName(model: string): ModelName {
  const [, inside, gguf_file] = /^([A-Za-z0-9][\w.-]*\/[\w.-]+)\/([\w./ -]+\.gguf)$/i.exec(model) ?? [];
  // A path whose folder is here was meant as one.
  const isPath = /^(\.{0,2}[/\\]|[A-Za-z]:[/\\])/.test(model) || (inside && existsSync(model.split("/")[0] as string));
  if (isPath || (/\.gguf$/i.test(model) && inside === undefined))
    throw new HubError(`There is no model at ${model}: neither a folder nor a file.`);
  const [, id = inside, tag] = /^([A-Za-z0-9][\w.-]*(?:\/[\w.-]+)?)(?::([\w.-]+))?$/.exec(model) ?? [];
  if (id === undefined || model.includes("..")) {
    throw new HubError(
      `${JSON.stringify(model)} is neither a folder, nor a .gguf file, nor an id like "owner/name", "owner/name:Q4_K_M" or "owner/name/file.gguf".`,
    );
  }
  if (gguf_file !== undefined) return { id, gguf_file };
  return tag === undefined ? { id } : { id, tag };
}
