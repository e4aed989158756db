/** The modules that a cell may import by name. */
import { readdirSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join } from "node:path";

/** Whether a name in node_modules is one that is imported. */
export const isImportable = (name: string): boolean => !name.startsWith(".") && !/^@types(?:\/|$)/.test(name);

/** Packages that are installed in `folder` or above it, with the `lent` ones, and then Node's own modules. */
export function moduleNames(folder: string, lent: readonly string[]): string[] {
  const packages = new Set([...lent, ...installed(folder).sort()]);
  const own = builtinModules.filter((name) => !/^_|\/_/.test(name)).sort();
  return [...packages, ...own.map((name) => (name.startsWith("node:") ? name : `node:${name}`)), ...own];
}

function installed(folder: string): string[] {
  const parent = dirname(folder);
  return [...packagesIn(join(folder, "node_modules"), ""), ...(parent === folder ? [] : installed(parent))];
}

function packagesIn(folder: string, scope: string): string[] {
  try {
    return readdirSync(folder).flatMap((name) => {
      if (!isImportable(name)) return [];
      return name.startsWith("@") ? packagesIn(join(folder, name), `${name}/`) : [scope + name];
    });
  } catch {
    return []; // There is no such folder.
  }
}
