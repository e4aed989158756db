/**
 * What the compiler makes of cells and of local files, as plain data: it crosses a process boundary. Positions are offsets,
 * lines and columns in UTF-16 units, counted from zero.
 */
import type { Completeness, Completion, Diagnostic, TypecheckMode } from "./engine";

/**
 * TypeScript as JavaScript that runs as a function's body, without `import` and `export`. Strict code begins with the
 * directive `"use strict";`: what is put before the code goes after the directive. It speaks to the session by these names
 * alone, which its caller binds:
 *
 * - `$scope(name)` gives the box of a session's variable, `{ v: value }`; the same object for the same name, always.
 *   `$own(name)` gives it too, and makes an imported name an ordinary variable again.
 * - `$import(specifier, attributes?)` promises a module's namespace: of an import statement or of `import()`.
 * - `$link(name, namespace, key)` makes a box show an export, live; `key` "*" is the namespace itself.
 * - `$last.v` takes the value of the last expression.
 * - `$meta` is `import.meta`.
 * - `$export(name, get)` and `$exportAll(namespace)`: in modules only, what they export, live.
 *
 * `require`, `__dirname`, `__filename` are free names too, where the text uses them. In a JavaScript notebook a cell's code
 * is not strict.
 */
export interface JavaScript {
  code: string;
  /** The code awaits at its top level: the function is `async`. */
  isAsync: boolean;
  /** A source map (version 3, JSON) from the code to the text. */
  map: string;
}

/** A cell, compiled. */
export interface CompiledCell {
  /** Not empty: the cell does not compile, and nothing else is set. */
  errors: Diagnostic[];
  /** What the reader should know of a cell that runs all the same. */
  warnings: Diagnostic[];
  /** Undefined when there is nothing to run. */
  javascript?: JavaScript;
  /** `$last.v` is the cell's value. */
  hasValue: boolean;
  /** The cell is `/** @module name *\/`: there is nothing to run, and the module is loaded anew when it is imported. */
  module?: string;
  /** For {@link Compiler.keep}. */
  id: number;
}

/** A local file, or a cell that begins with `/** @module name *\/`, compiled as a module. */
export interface CompiledModule {
  errors: Diagnostic[];
  /**
   * `module`: see {@link JavaScript}. `commonjs`: the body of a function of `exports`, `require`, `module`, `__filename` and
   * `__dirname`. `json`: the text is JSON, and there is no JavaScript.
   */
  format: "module" | "commonjs" | "json";
  javascript?: JavaScript;
  /** The text that was compiled, for excerpts in errors. */
  text: string;
}

/** Where an import leads. */
export type Resolution =
  /** A file or `@module` cell that {@link Compiler.module} compiles. Its `version` changes when its text does. */
  | { kind: "local"; path: string; version: string }
  /** Nothing that the compiler knows: Node resolves it, from the folder of the importer. */
  | { kind: "node" };

/** The compiler's side of the engine: it may live in another process. */
export interface Compiler {
  /** Compiles a cell against the names that kept cells declared. */
  cell(code: string): Promise<CompiledCell>;
  /** The cell runs: later cells see the names that it declares. */
  keep(id: number): Promise<void>;
  /** Compiles a local file. */
  module(path: string): Promise<CompiledModule>;
  /** Where `specifier` leads from a file; `from` undefined: from a cell. */
  resolve(specifier: string, from?: string): Promise<Resolution>;
  /** What may be typed at `offset` of a cell's text. */
  complete(code: string, offset: number): Promise<Completion>;
  /** Type and documentation of the name at `offset`, or the signature of the call around it; undefined: nothing to say. */
  inspect(code: string, offset: number): Promise<string | undefined>;
  isComplete(code: string): Promise<Completeness>;
  /** What type errors do from now on. */
  setTypecheck(mode: TypecheckMode): Promise<void>;
}
