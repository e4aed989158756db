/**
 * Imports, for cells and for local files. A local file is compiled by the compiler and runs here: it is evaluated anew when
 * its text or that of anything it imports has changed, and keeps its instance otherwise. Everything else is Node's.
 */
import { isBuiltin } from "node:module";
import { dirname } from "node:path";
import { constants, Script } from "node:vm";
import type { CompiledModule, Compiler } from "../compiled";
import { CompileError } from "./compile_error";
import { metaOf } from "./meta";
import { markConstant, Namespace } from "./namespace";
import type { Packages } from "./packages";
import { type Places, positionMap } from "./places";
import { Scope } from "./scope";

/** `$import`: promises a module's namespace. */
export type Import = (specifier: string, attributes?: Record<string, string>) => Promise<object>;

/** A local file, loaded or loading. */
interface LocalModule {
  path: string;
  version: string;
  namespace: Namespace;
  /** What `require` gives for it. */
  exports: unknown;
  /** What it imported as it ran; undefined: a module of Node's. */
  imports: Map<string, LocalModule | undefined>;
  /** Modules that it waits for. */
  waits: Set<LocalModule>;
  done: boolean;
  evaluation: Promise<void>;
}

/** Modules that a text requires by a name that is written out. */
const REQUIRED = /\brequire\(\s*(["'])([^"'\\\n]+)\1\s*\)/g;

export class Loader {
  readonly #compiler: Pick<Compiler, "module" | "resolve">;
  readonly #packages: Packages;
  readonly #places: Places;
  readonly #modules = new Map<string, LocalModule>();
  readonly #requires = new Map<string, NodeJS.Require>();
  /** `$import` of cells. */
  readonly import: Import = (specifier, attributes) => this.#import(specifier, attributes, undefined);

  constructor(compiler: Pick<Compiler, "module" | "resolve">, packages: Packages, places: Places) {
    this.#compiler = compiler;
    this.#packages = packages;
    this.#places = places;
  }

  /** `require` for a cell's code, by which local files, and ES modules that it names, can be had too. */
  require(code: string): Promise<NodeJS.Require> {
    return this.#require(code, this.#places.folder, undefined);
  }

  /** Forgets modules that an interrupt may have stopped on their way. */
  abandon(): void {
    for (const [path, module] of this.#modules) if (!module.done) this.#modules.delete(path);
  }

  async #import(specifier: string, attributes: Record<string, string> | undefined, importer?: LocalModule) {
    const folder = importer ? dirname(importer.path) : this.#places.folder;
    const found = isBuiltin(specifier) ? undefined : await this.#compiler.resolve(specifier, importer?.path);
    if (found?.kind === "local") {
      const module = await this.#load(found.path, found.version, importer);
      if (importer && !importer.done) importer.imports.set(specifier, module);
      return module.done ? module.namespace.object : module.namespace.show();
    }
    if (importer && !importer.done) importer.imports.set(specifier, undefined);
    const isJson = specifier.endsWith(".json") && attributes === undefined;
    try {
      return await this.#packages.import(specifier, folder, isJson ? { type: "json" } : attributes);
    } catch (error) {
      throw this.#explained(error, specifier, folder);
    }
  }

  async #load(path: string, version: string, importer: LocalModule | undefined): Promise<LocalModule> {
    const known = this.#modules.get(path);
    if (known && !known.done) {
      // In a circle of imports the one that began it is had as far as it has come.
      if (importer === undefined || !reaches(known, importer)) await wait(importer, known);
      return known;
    }
    if (known?.version === version && (await this.#isFresh(known, new Set()))) return known;
    if (this.#modules.get(path) !== known) return this.#load(path, version, importer); // Somebody was quicker.
    const module: LocalModule = {
      ...{ path, version, namespace: new Namespace(), exports: {}, imports: new Map(), waits: new Set() },
      ...{ done: false, evaluation: Promise.resolve() },
    };
    this.#modules.set(path, module);
    module.evaluation = this.#evaluate(module);
    await wait(importer, module);
    return module;
  }

  /** Whether nothing that the module imports has changed since it ran. */
  async #isFresh(module: LocalModule, seen: Set<LocalModule>): Promise<boolean> {
    if (seen.has(module)) return true;
    seen.add(module);
    const checks = [...module.imports].map(async ([specifier, imported]) => {
      if (isBuiltin(specifier)) return true;
      const found = await this.#compiler.resolve(specifier, module.path);
      if (found.kind === "node" || imported === undefined) return found.kind === "node" && imported === undefined;
      const isCurrent = this.#modules.get(found.path) === imported && imported.version === found.version;
      return isCurrent && this.#isFresh(imported, seen);
    });
    return (await Promise.all(checks)).every(Boolean);
  }

  async #evaluate(module: LocalModule): Promise<void> {
    try {
      const compiled = await this.#compiler.module(module.path);
      const { errors, text } = compiled;
      if (errors.length > 0) {
        const own = errors.map((each) => (each.file === module.path ? { ...each, file: undefined } : each));
        throw new CompileError(this.#places.label(module.path), text.split("\n"), own);
      }
      if (compiled.format === "json") this.#readJson(module, text);
      else if (compiled.format === "commonjs") await this.#runCommonJs(module, compiled);
      else await this.#runModule(module, compiled);
      module.namespace.seal();
    } catch (error) {
      if (this.#modules.get(module.path) === module) this.#modules.delete(module.path);
      throw error;
    } finally {
      module.done = true;
    }
  }

  async #runModule(module: LocalModule, compiled: CompiledModule): Promise<void> {
    const { namespace, path } = module;
    const scope = new Scope();
    const folder = dirname(path);
    const run = this.#compile(module, compiled, {
      ...{ $scope: scope.box, $own: scope.own, $link: scope.link, $last: { v: undefined }, $meta: metaOf(path) },
      $import: (specifier: string, attributes?: Record<string, string>) => this.#import(specifier, attributes, module),
      ...{ $export: namespace.add, $exportAll: namespace.addAll },
      require: await this.#require(compiled.javascript?.code ?? "", folder, module),
      ...{ __filename: path, __dirname: folder },
    });
    module.exports = namespace.object;
    await run();
  }

  async #runCommonJs(module: LocalModule, compiled: CompiledModule): Promise<void> {
    const { namespace, path } = module;
    const folder = dirname(path);
    const require = await this.#require(compiled.javascript?.code ?? "", folder, module);
    const made = {
      id: path,
      filename: path,
      loaded: false,
      require,
      get exports(): unknown {
        return module.exports;
      },
      set exports(value: unknown) {
        module.exports = value;
      },
    };
    const { exports } = module;
    await this.#compile(module, compiled, { exports, require, module: made, __filename: path, __dirname: folder })();
    made.loaded = true;
    const all = module.exports as Record<string, unknown> & { __esModule?: unknown };
    const isObject = (typeof all === "object" || typeof all === "function") && all !== null;
    for (const name of isObject ? Object.keys(all) : []) namespace.add(name, () => all[name]);
    // What a compiler made of an ES module says its default itself.
    if (!isObject || all.__esModule !== true || !("default" in all)) namespace.add("default", () => all);
  }

  #readJson(module: LocalModule, text: string): void {
    const { namespace, path } = module;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw new SyntaxError(`${this.#places.label(path)}: ${(error as Error).message}`);
    }
    module.exports = value;
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      for (const [name, each] of Object.entries(value)) namespace.add(name, () => each);
    }
    namespace.add("default", () => value);
    markConstant(namespace.object);
  }

  /** The code as a function that knows `names`. It may declare them anew itself. */
  #compile({ path }: LocalModule, { javascript, text }: CompiledModule, names: Record<string, unknown>): () => unknown {
    if (javascript === undefined) return () => undefined;
    const { code, isAsync, map } = javascript;
    const head = `((${Object.keys(names).join(",")})=>(${isAsync ? "async " : ""}()=>{`;
    const filename = this.#places.nameFor(path);
    const importModuleDynamically = constants.USE_MAIN_CONTEXT_DEFAULT_LOADER; // For text that the code evaluates.
    const source = {
      ...{ label: this.#places.label(path), lines: text.split("\n") },
      map: positionMap(map, head.length, code.split("\n").length),
    };
    this.#places.remember(filename, source);
    const make = new Script(`${head}${code}\n})())`, { filename, importModuleDynamically }).runInThisContext() as (
      ...values: unknown[]
    ) => unknown;
    return () => make(...Object.values(names));
  }

  /** Node's `require`, for which the modules that `code` names and Node cannot require are loaded already. */
  async #require(code: string, folder: string, importer: LocalModule | undefined): Promise<NodeJS.Require> {
    const loaded = new Map<string, () => unknown>();
    for (const [, , specifier] of code.matchAll(REQUIRED)) {
      if (specifier === undefined || isBuiltin(specifier) || loaded.has(specifier)) continue;
      const get = await this.#required(specifier, folder, importer);
      if (get) loaded.set(specifier, get);
    }
    return loaded.size > 0 ? this.#requireWith(loaded, folder) : this.#plainRequire(folder);
  }

  /** The one of a folder for code that needs no other: most cells need none at all. */
  #plainRequire(folder: string): NodeJS.Require {
    const known = this.#requires.get(folder) ?? this.#requireWith(new Map(), folder);
    this.#requires.set(folder, known);
    return known;
  }

  #requireWith(loaded: ReadonlyMap<string, () => unknown>, folder: string): NodeJS.Require {
    return new Proxy(this.#packages.requireOf(folder), {
      apply: (_target, _self, [specifier]: [string]) => {
        const get = loaded.get(specifier);
        if (get) return get();
        try {
          return this.#packages.require(specifier, folder);
        } catch (error) {
          throw this.#explained(error, specifier, folder);
        }
      },
    });
  }

  async #required(specifier: string, folder: string, importer?: LocalModule): Promise<(() => unknown) | undefined> {
    const fail = (error: unknown) => (): never => {
      throw error;
    };
    const found = await this.#compiler.resolve(specifier, importer?.path);
    if (found.kind === "local") {
      try {
        const module = await this.#load(found.path, found.version, importer);
        importer?.imports.set(specifier, module);
        return () => module.exports;
      } catch (error) {
        return fail(error);
      }
    }
    if (!this.#packages.isOnlyImported(specifier, folder)) return undefined;
    const namespace = await this.#packages.import(specifier, folder).catch(fail);
    return typeof namespace === "function" ? (namespace as () => never) : () => namespace;
  }

  /** Node's error about a file that is not there, in the reader's words. */
  #explained(error: unknown, specifier: string, folder: string): unknown {
    if (!isFileMissing(error) || !/^\.{0,2}\//.test(specifier)) return error;
    const from = this.#places.label(folder) || "the notebook's folder";
    const made: NodeJS.ErrnoException = new Error(`Cannot find module '${specifier}' from ${from}.`);
    made.code = error.code;
    return made;
  }
}

async function wait(importer: LocalModule | undefined, module: LocalModule): Promise<void> {
  importer?.waits.add(module);
  try {
    await module.evaluation;
  } finally {
    importer?.waits.delete(module);
  }
}

/** Whether `from` waits for `to`, directly or through others. */
function reaches(from: LocalModule, to: LocalModule, seen = new Set<LocalModule>()): boolean {
  if (from === to) return true;
  if (seen.has(from)) return false;
  seen.add(from);
  return [...from.waits].some((each) => reaches(each, to, seen));
}

/** Whether an importer of ours itself, and nothing further on, asked for a file that is not there. */
function isFileMissing(error: unknown): error is NodeJS.ErrnoException {
  const { code, message, requireStack } = error as NodeJS.ErrnoException & { requireStack?: string[] };
  if (code === "MODULE_NOT_FOUND") return requireStack?.length === 1;
  return code === "ERR_MODULE_NOT_FOUND" && message.endsWith("cell.js");
}
