/** Chat templates by name: those in additional_chat_templates/, beside the one that a model has by default. */
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

type Templates = string | Record<string, string> | undefined;

/** Bytes of a template; the longest take 20 thousand. */
const largest = 1e6;

/**
 * The templates of a model's folder, by their files' names.
 *
 * @throws Error where one is no file, or too large.
 */
export async function namedTemplates(folder: string): Promise<Record<string, string>> {
  const place = join(folder, "additional_chat_templates");
  const files = await readdir(place).catch(() => []);
  const templates: Record<string, string> = {};
  for (const name of files.filter((file) => file.endsWith(".jinja")).sort()) {
    const file = join(place, name);
    // A pipe would be waited for without end.
    const found = await stat(file);
    if (!found.isFile() || found.size > largest)
      throw new Error(`${file} is no chat template: expected a file of at most 1 MB.`);
    templates[name.replace(/\.jinja$/, "")] = await readFile(file, "utf8");
  }
  return templates;
}

/** The model's template as "default" among the others; alone where there are none. */
export function withNames(own: Templates, named: Record<string, string>): Templates {
  if (Object.keys(named).length === 0) return own;
  return { ...(typeof own === "string" ? { default: own } : own), ...named };
}
