/** Whether a cell joins the program that was made for the cell before, or needs one of its own. */
import { join } from "node:path";
import ts from "typescript";
import type { Files } from "./files";
import { GrowingProgram, type GrowingOptions, importsOf } from "./growing";
import { affectsOthers, localFiles, type Needs, Reach } from "./reach";

/** A program is given up after so many characters, for its checker keeps all that it has seen: when there is time, and at last. */
const MANY = 20_000;
const MOST = 8 * MANY;

export interface GrowthOptions extends Pick<GrowingOptions, "chunk" | "resolve"> {
  files: Files;
  isChunk(path: string): boolean;
  /** The library's folder: what is built there changes only where it is developed. */
  home: string;
}

/** A program, and what it was made for. */
interface Base {
  program: ts.Program;
  growing: GrowingProgram;
  cellPath: string;
  needs: Needs;
  local: ts.SourceFile[];
  affectsOthers?: boolean;
}

export class Growth {
  readonly reach: Reach;
  readonly #options: GrowthOptions;
  #base: Base | undefined;

  constructor(options: GrowthOptions) {
    this.#options = options;
    this.reach = new Reach(options.resolve, options.isChunk);
  }

  /** It is time for another program. */
  get isLarge(): boolean {
    return (this.#base?.growing.size ?? 0) > MANY;
  }

  /** The service is about to make another program. */
  end(): void {
    this.#base?.growing.end();
    this.#base = undefined;
  }

  /** Puts a cell into the program, which is the service's; false if it has to make another. */
  join(program: ts.Program, cellPath: string, text: string): boolean {
    if (this.#base?.program !== program) this.#base = this.#begin(program, cellPath);
    const base = this.#base;
    // JSX and JavaScript bring imports that no text says.
    if (base === undefined || !cellPath.endsWith(".ts")) return false;
    if (text.length > MANY || base.growing.size > MOST) return false;
    const { stableTypeOrdering, importHelpers } = program.getCompilerOptions();
    if (stableTypeOrdering || importHelpers) return false;
    const { importedFiles } = ts.preProcessFile(text, true, false);
    const specifiers = importedFiles.map(({ fileName }) => fileName);
    const { files, isChunk, resolve } = this.#options;
    const isEarlier = (each: string): boolean =>
      isChunk(resolve(each, cellPath).resolvedModule?.resolvedFileName ?? "");
    if (!specifiers.every(isEarlier) || !this.#serves(base, this.reach.of(specifiers, cellPath))) return false;
    const changed = base.local.some(
      (each) => files.versionOf(each.fileName) !== (each as { version?: string }).version,
    );
    return !changed && base.growing.setCell(text);
  }

  /** Whether a program has what a cell needs, and nothing more that counts. */
  #serves(base: Base, needs: Needs): boolean {
    for (const each of needs) if (!base.needs.has(each)) return false;
    if (needs.size === base.needs.size) return true;
    base.affectsOthers ??= affectsOthers(base.program, base.needs);
    return !base.affectsOthers;
  }

  #begin(program: ts.Program, cellPath: string): Base | undefined {
    const cell = program.getSourceFile(cellPath);
    if (cell === undefined) return undefined;
    const { files, home, chunk, resolve } = this.#options;
    const needs = this.reach.of(
      importsOf(cell).map(({ text }) => text),
      cellPath,
    );
    const isBuilt = (path: string): boolean => files.isSession(path) || path.startsWith(join(home, "dist"));
    const local = localFiles(program, isBuilt);
    return { program, cellPath, needs, local, growing: new GrowingProgram({ program, cell, chunk, resolve }) };
  }
}
