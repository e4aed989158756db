/** TypeScript's own declaration files as one: each program then has a hundred files less to look at. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const folder = dirname(require.resolve("typescript"));

/**
 * The libraries (`lib.es2024.d.ts`, or `es2024`) with what they refer to: the text of all, and after it the texts of those
 * that are modules, which a joined file would become, too.
 */
export function joinedLibraries(names: readonly string[]): string[] {
  const seen = new Set<string>();
  const parts: string[] = [];
  const modules: string[] = [];
  const add = (name: string): void => {
    const file = name.startsWith("lib.") ? name : `lib.${name.toLowerCase()}.d.ts`;
    if (seen.has(file)) return;
    seen.add(file);
    const text = readFileSync(join(folder, file), "utf8");
    for (const [, inner] of text.matchAll(/^\/\/\/\s*<reference lib="([^"]+)"/gm)) add(inner as string);
    (/^export /m.test(text) ? modules : parts).push(text.replace(/^\/\/\/.*$/gm, ""));
  };
  for (const name of names) add(name);
  return [parts.join("\n"), ...modules];
}
