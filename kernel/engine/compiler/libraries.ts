/** TypeScript's own declaration files as one, and Node's: each program then has 150 files less to look at. */
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

/** Whether a file is the index of Node's types, which refers to some sixty others. */
export function isNodeTypes(path: string): boolean {
  return path.endsWith("/@types/node/index.d.ts");
}

/** The text of a declaration file with the texts of those that it refers to, except of those that are modules. */
export function joinedReferences(path: string, text: string): string {
  const references: string[] = [];
  const parts = [text];
  for (const [reference, inner] of text.matchAll(/^\/\/\/\s*<reference path="([^"]+)".*$/gm)) {
    const part = readFileSync(join(dirname(path), inner as string), "utf8");
    if (/^(?:import|export|\/\/\/)/m.test(part)) references.push(reference);
    else parts.push(part);
  }
  // References count only before everything else.
  const others = text.match(/^\/\/\/\s*<reference (?!path=).*$/gm) ?? [];
  return [...references, ...others, ...parts.map((part) => part.replace(/^\/\/\/.*$/gm, ""))].join("\n");
}
