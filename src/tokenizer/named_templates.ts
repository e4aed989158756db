/** Chat templates by name: those in additional_chat_templates/, beside the one that a model has by default. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { templatesFolder } from "../hub/wanted";
import { readText } from "../weights/regular";

type Templates = string | Record<string, string> | undefined;

/** Bytes of a template; the longest take 20 thousand. */
const largest = 1e6;

/**
 * The templates of a model's folder, by their files' names.
 *
 * @throws WeightsError where one is no file, or too large.
 */
export async function namedTemplates(folder: string): Promise<Record<string, string>> {
  const place = join(folder, templatesFolder);
  const files = await readdir(place).catch(() => []);
  const templates: Record<string, string> = {};
  for (const name of files.filter((file) => file.endsWith(".jinja")).sort()) {
    const text = await readText(join(place, name), largest);
    if (text !== undefined) templates[name.replace(/\.jinja$/, "")] = text;
  }
  return templates;
}

/** The model's template as "default" among the others; alone where there are none. */
export function withNames(own: Templates, named: Record<string, string>): Templates {
  if (Object.keys(named).length === 0) return own;
  const all = { ...(typeof own === "string" ? { default: own } : own), ...named };
  const [only, ...others] = Object.keys(all);
  return only === "default" && others.length === 0 ? all.default : all;
}
