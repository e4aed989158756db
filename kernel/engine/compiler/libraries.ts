/** TypeScript's own declaration files as one, and Node's: each program then has 150 files less to look at. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
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

/** Packages whose modules Node's types declare once they are joined: an import of one leads nowhere else. */
const joined = new Set<string>();

/** Whether a module is declared by Node's types, whatever lies in node_modules. */
export function isDeclared(specifier: string): boolean {
  return isBuiltin(specifier) || joined.has(specifier.split("/", 1)[0] as string);
}

/**
 * The text of Node's types with the texts of the files that they refer to and of the package that they import. What is a
 * module becomes one inside of the text, of a name of its own.
 */
export function joinedReferences(path: string, text: string): string {
  const parts = [text];
  for (const [, inner = ""] of text.matchAll(/^\/\/\/\s*<reference path="([^"]+)".*$/gm)) {
    const part = readFileSync(join(dirname(path), inner), "utf8");
    parts.push(/^(?:import|export)/m.test(part) ? asModule(`@types/node/${inner}`, part) : part);
  }
  // References count only before everything else.
  const others = text.match(/^\/\/\/\s*<reference (?!path=).*$/gm) ?? [];
  const all = [...parts, ...joinedPackage("undici-types", join(dirname(path), "..", "..", "undici-types"))];
  return [...others, ...all.map((part) => part.replace(/^\/\/\/.*$/gm, ""))].join("\n");
}

/** A package of declaration files that import each other as `./name`. */
function joinedPackage(name: string, folder: string): string[] {
  if (!existsSync(join(folder, "index.d.ts"))) return [];
  joined.add(name);
  return readdirSync(folder)
    .filter((file) => file.endsWith(".d.ts"))
    .map((file) => {
      const text = readFileSync(join(folder, file), "utf8").replace(/(from\s+|import\()(['"])\.\//g, `$1$2${name}/`);
      return asModule(file === "index.d.ts" ? name : `${name}/${file.replace(".d.ts", "")}`, text);
    });
}

function asModule(name: string, text: string): string {
  return `declare module ${JSON.stringify(name)} {\n${text}\n}`;
}
