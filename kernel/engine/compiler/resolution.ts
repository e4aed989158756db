/** Answers to the question where a module lies. */
import { realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import type ts from "typescript";

/** A module that is in no file. */
export const NOWHERE: ts.ResolvedModuleWithFailedLookupLocations = { resolvedModule: undefined };

/** A module that is in the file. */
export function resolvedAs(path: string, extension: ts.Extension): ts.ResolvedModuleWithFailedLookupLocations {
  const resolvedModule = { resolvedFileName: path, extension, isExternalLibraryImport: false };
  return { resolvedModule } as unknown as ts.ResolvedModuleWithFailedLookupLocations;
}

/** A path without links, or as it is where nothing lies. */
export function realpath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** The folders that hold `@types`, from `folder` upwards. */
export function typeRoots(folder: string): string[] {
  const parent = dirname(folder);
  const own = join(folder, "node_modules/@types");
  return [own, ...(parent === folder ? [] : typeRoots(parent))];
}
