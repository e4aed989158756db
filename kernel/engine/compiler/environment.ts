/**
 * What cells have declared, each as the declaration file that the compiler made of it. A later cell gets a line before it
 * that names the earlier names it uses, and no others: so a cell costs the same after a thousand.
 */
import ts from "typescript";
import { jsxFactories, rootOf } from "./jsx";
import type { CellProgram } from "./program";
import type { Kind, Scan } from "./scan";

/** Where a name comes from. */
interface Declared {
  chunk: number;
  kind: Kind;
}

/** The value of a cell, by its number. */
const RESULT = /^_\d+$/;
/** Declaration files that nothing leads to are looked for when there are so many. */
const SWEEP_AT = 50;

export class Environment {
  readonly #program: CellProgram;
  readonly #names = new Map<string, Declared>();
  /** The names that still belong to a chunk. */
  readonly #owned = new Map<number, number>();
  readonly #dead = new Set<number>();
  /** Those that count for every cell. */
  readonly #ambient = new Set<number>();
  #chunks = 0;

  constructor(program: CellProgram) {
    this.#program = program;
  }

  names(): IterableIterator<string> {
    return this.#names.keys();
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  hasValue(name: string): boolean {
    const kind = this.#names.get(name)?.kind;
    return kind !== undefined && kind !== "type";
  }

  /** The line before a cell. A `let` is declared as one, so that it can be assigned to. */
  header(scan: Scan): string {
    const { own } = scan;
    const factories = jsxFactories(scan, this.#program.options);
    const used = new Set([...scan.used, ...(factories ? Object.values(factories).map(rootOf) : [])]);
    const imports = new Map<number, string[]>();
    let lets = "";
    for (const name of used) {
      const declared = own.has(name) ? undefined : this.#names.get(name);
      if (declared === undefined) {
        if (RESULT.test(name) && !own.has(name)) lets += `declare var ${name}: any;`;
        continue;
      }
      const { chunk, kind } = declared;
      if (kind === "let") lets += `declare let ${name}: typeof import("./__cell_${chunk}").${name};`;
      else imports.set(chunk, [...(imports.get(chunk) ?? []), name]);
    }
    const lines = [...imports].map(([chunk, names]) => `import {${names.join(",")}} from "./__cell_${chunk}";`);
    return `export {};${lines.join("")}${lets}\n`;
  }

  /** Takes over what the cell in `scan` declares, by its declaration file. */
  add({ own, ambient }: Scan, declarations: string): void {
    if (own.size === 0 && !ambient) return;
    this.#chunks += 1;
    const chunk = this.#chunks;
    this.#program.addChunk(chunk, declarations, ambient);
    if (ambient) this.#ambient.add(chunk);
    this.#owned.set(chunk, own.size);
    for (const [name, kind] of own) {
      const before = this.#names.get(name);
      this.#names.set(name, { chunk, kind });
      if (before) this.#release(before.chunk);
    }
    if (this.#dead.size >= SWEEP_AT) this.#sweep();
  }

  #release(chunk: number): void {
    const left = (this.#owned.get(chunk) ?? 1) - 1;
    this.#owned.set(chunk, left);
    if (left === 0 && !this.#ambient.has(chunk)) this.#dead.add(chunk);
  }

  /** Deletes the declaration files that no name and no living file's types lead to. */
  #sweep(): void {
    const { files } = this.#program;
    const seen = new Set<number>();
    const open = [...this.#ambient, ...[...this.#owned].filter(([, left]) => left > 0).map(([chunk]) => chunk)];
    for (let chunk = open.pop(); chunk !== undefined; chunk = open.pop()) {
      if (seen.has(chunk)) continue;
      seen.add(chunk);
      const text = files.textOf(this.#program.chunkPath(chunk)) ?? "";
      for (const [, other] of text.matchAll(/"\.\/__cell_(\d+)"/g)) open.push(Number(other));
    }
    for (const chunk of this.#dead) {
      if (seen.has(chunk)) continue;
      this.#program.deleteChunk(chunk);
      this.#owned.delete(chunk);
      this.#dead.delete(chunk);
    }
  }
}

/**
 * The declaration file of the cell that the program holds. What the compiler says about it (a type that cannot be named, one
 * that is private) concerns nobody: it writes what it can.
 */
export function declarationsOf(program: CellProgram, { own }: Scan): string {
  const { outputFiles } = program.service.getEmitOutput(program.cellPath, true, true);
  const found = outputFiles.find(({ name }) => name.endsWith(".d.ts"))?.text;
  if (found !== undefined) return found;
  return [...own]
    .map(([name, kind]) => (kind === "type" ? `export type ${name} = any;` : `export declare let ${name}: any;`))
    .join("\n");
}

/** Whether an imported name of the program's cell has a value, as far as its types tell. */
export function isImportedValue(program: CellProgram, name: string): boolean {
  const file = program.program.getSourceFile(program.cellPath);
  const symbol = (file as unknown as { locals?: Map<string, ts.Symbol> } | undefined)?.locals?.get(name);
  if (symbol === undefined || !(symbol.flags & ts.SymbolFlags.Alias)) return true;
  const target = program.program.getTypeChecker().getAliasedSymbol(symbol);
  // What cannot be resolved is taken for a value.
  return (
    target.flags === ts.SymbolFlags.Transient ||
    target.escapedName === "unknown" ||
    (target.flags & ts.SymbolFlags.Value) !== 0
  );
}

/** The names with values that a module exports. */
export function exportsOf(program: CellProgram, specifier: string): string[] {
  const file = program.program.getSourceFile(program.cellPath);
  const checker = program.program.getTypeChecker();
  const literal = file?.statements
    .filter(ts.isExportDeclaration)
    .map(({ moduleSpecifier }) => moduleSpecifier)
    .find((each) => each && ts.isStringLiteral(each) && each.text === specifier);
  const module = literal && checker.getSymbolAtLocation(literal);
  if (module === undefined) return [];
  return checker
    .getExportsOfModule(module)
    .filter((each) => resolved(checker, each).flags & ts.SymbolFlags.Value)
    .map(({ name }) => name)
    .filter((name) => name !== "default" && name !== "export=");
}

function resolved(checker: ts.TypeChecker, symbol: ts.Symbol): ts.Symbol {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}
