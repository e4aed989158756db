/**
 * Which files of packages and which local files a cell needs: those that it imports, and those that the declarations of the
 * cells before lead to. A program that was made for one cell serves another which needs the same.
 */
import ts from "typescript";
import { isPackaged } from "./files";
import { isDeclared } from "./libraries";

type Resolve = (specifier: string, from: string) => ts.ResolvedModuleWithFailedLookupLocations;
/** Files, by path. */
export type Needs = ReadonlySet<string>;

export class Reach {
  readonly #resolve: Resolve;
  readonly #isChunk: (path: string) => boolean;
  /** The imports of those chunks, what cells declared, that lead beyond chunks. */
  readonly #imports = new Map<string, readonly string[]>();
  #needs = new Map<string, Needs>();
  #forgotten = false;

  constructor(resolve: Resolve, isChunk: (path: string) => boolean) {
    this.#resolve = resolve;
    this.#isChunk = isChunk;
  }

  /** Takes in a chunk; the chunks that it imports came before. */
  add(path: string, text: string): void {
    if (!/\bfrom\s*["']|\bimport\s*[("']|\brequire\s*\(/.test(text)) return;
    const imports = ts.preProcessFile(text, true, false).importedFiles.map(({ fileName }) => fileName);
    const needs = this.of(imports, path);
    if (needs.size === 0) return;
    this.#imports.set(path, imports);
    this.#needs.set(path, needs);
  }

  delete(path: string): void {
    this.#imports.delete(path);
    this.#needs.delete(path);
  }

  /** Forgets where imports lead: it may have changed. */
  forget(): void {
    this.#forgotten = true;
  }

  /** What the imports of a file need. One that leads nowhere needs a file that is not there. */
  of(specifiers: readonly string[], from: string): Needs {
    if (this.#forgotten) {
      this.#forgotten = false;
      this.#needs = new Map();
      for (const [path, imports] of this.#imports) this.#needs.set(path, this.#look(imports, path));
    }
    return this.#look(specifiers, from);
  }

  #look(specifiers: readonly string[], from: string): Needs {
    const found = new Set<string>();
    for (const specifier of specifiers) {
      if (isDeclared(specifier)) continue;
      const target = this.#resolve(specifier, from).resolvedModule?.resolvedFileName ?? `?${specifier}`;
      if (!this.#isChunk(target)) found.add(target);
      for (const each of this.#needs.get(target) ?? []) found.add(each);
    }
    return found;
  }
}

/** What a package's file has inside of a program. */
interface Known {
  imports?: readonly ts.StringLiteralLike[];
  moduleAugmentations?: readonly ts.Node[];
}
type Program = ts.Program & {
  getResolvedModuleFromModuleSpecifier(specifier: ts.StringLiteralLike, from: ts.SourceFile): Resolved | undefined;
};
type Resolved = ts.ResolvedModuleWithFailedLookupLocations;

/** Whether some of the files, or what they import, declares anything for files that do not import them. */
export function affectsOthers(program: ts.Program, needs: Needs): boolean {
  const seen = new Set<string>();
  const affects = (path: string): boolean => {
    if (seen.has(path)) return false;
    seen.add(path);
    const file = program.getSourceFile(path) as (ts.SourceFile & Known) | undefined;
    if (file === undefined || path.endsWith(".json")) return false;
    const references = [...file.typeReferenceDirectives, ...file.referencedFiles, ...file.libReferenceDirectives];
    // Node's types are there for every cell.
    if (references.some(({ fileName }) => fileName !== "node") || !ts.isExternalModule(file)) return true;
    if ((file.moduleAugmentations ?? []).length > 0) return true;
    return (file.imports ?? []).some((each) => {
      const found = (program as Program).getResolvedModuleFromModuleSpecifier(each, file)?.resolvedModule;
      return found !== undefined && affects(found.resolvedFileName);
    });
  };
  return [...needs].some(affects);
}

/** The local files of a program: they may change. */
export function localFiles(program: ts.Program, isOfSession: (path: string) => boolean): ts.SourceFile[] {
  return program.getSourceFiles().filter(({ fileName }) => !isPackaged(fileName) && !isOfSession(fileName));
}
