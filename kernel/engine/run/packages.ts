/**
 * Modules that Node loads: its own, and packages, resolved from the folder of whoever imports them. Node 20 and 26 remember
 * for ever that a package's package.json was not there, so Node is asked only for what lies on the disk: a package that is
 * installed after an import has failed is found by the next one.
 */
import { existsSync, readFileSync } from "node:fs";
import { createRequire, isBuiltin } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { constants, Script } from "node:vm";
import { moduleAdvice, packageOf } from "../advice";
import { packageMain } from "../packages";
import { markConstant, Namespace } from "./namespace";

type Import = (specifier: string, options?: { with: Record<string, string> }) => Promise<object>;

/** How one folder's files import. */
interface Importer {
  import: Import;
  require: NodeJS.Require;
}

export class Packages {
  readonly #importers = new Map<string, Importer>();
  readonly #own: Record<string, { file: string; load: () => unknown }>;
  readonly #translated = new WeakMap<object, object>();

  /** @param own packages that are known in every folder: the file to load, and how `require` gives it */
  constructor(own: Record<string, { file: string; load: () => unknown }> = {}) {
    this.#own = { phi3lab: { file: packageMain, load: () => require(packageMain) }, ...own };
  }

  /** The namespace of a module, as Node's `import()` gives it in a file of `folder`. */
  async import(specifier: string, folder: string, attributes?: Record<string, string>): Promise<object> {
    const own = Object.hasOwn(this.#own, specifier) ? this.#own[specifier] : undefined;
    if (own) own.load();
    else assertThere(specifier, folder);
    const target = own ? pathToFileURL(own.file).href : specifier;
    const options = attributes && Object.keys(attributes).length > 0 ? { with: attributes } : undefined;
    const namespace = await this.#importer(folder)
      .import(target, options)
      .catch((error: unknown) => {
        throw withNeed(error, specifier);
      });
    return isBuiltin(specifier) ? markConstant(namespace) : this.#translate(namespace);
  }

  /** `require` in a file of `folder`. */
  require(specifier: string, folder: string): unknown {
    if (Object.hasOwn(this.#own, specifier)) return this.#own[specifier]?.load();
    assertThere(specifier, folder);
    return this.#importer(folder).require(specifier);
  }

  /** Whether `require` may have no way to a package that `import` has: it is an ES module. */
  isOnlyImported(specifier: string, folder: string): boolean {
    if (Object.hasOwn(this.#own, specifier) || isBuiltin(specifier)) return false;
    try {
      assertThere(specifier, folder);
      const file = this.#importer(folder).require.resolve(specifier);
      return file.endsWith(".mjs") || (file.endsWith(".js") && manifestOf(dirname(file))?.type === "module");
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === "ERR_PACKAGE_PATH_NOT_EXPORTED";
    }
  }

  /** `require` of `folder` itself, for its `resolve` and `cache`. */
  requireOf(folder: string): NodeJS.Require {
    return this.#importer(folder).require;
  }

  #importer(folder: string): Importer {
    let importer = this.#importers.get(folder);
    if (importer === undefined) {
      const filename = join(folder, "cell.js");
      const importModuleDynamically = constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;
      const script = new Script("(id, options) => import(id, options)", { filename, importModuleDynamically });
      importer = { import: script.runInThisContext() as Import, require: createRequire(filename) };
      this.#importers.set(folder, importer);
    }
    return importer;
  }

  /**
   * The namespace of a CommonJS module as its types have it: everything that it exports by name, where Node sees what it can
   * find in the text; and where a compiler made it of an ES module and marked it, its default is what that exported so.
   */
  #translate(namespace: object): object {
    const known = this.#translated.get(namespace);
    if (known) return known;
    const { default: module } = namespace as { default?: Record<string, unknown> };
    const isObject = (typeof module === "object" || typeof module === "function") && module !== null;
    const isCommonJs = isObject && Object.values(require.cache).some((each) => each?.exports === module);
    let translated = namespace;
    if (isCommonJs) {
      const made = new Namespace();
      const isMarked = module.__esModule === true && "default" in module;
      made.add("default", () => (isMarked ? module.default : module));
      made.addAll(namespace);
      made.addAll(module);
      translated = markConstant(made.seal());
    }
    this.#translated.set(namespace, translated);
    return translated;
  }
}

/** Says in one sentence what to do about a module that Node cannot have: a package that is not installed, a URL. */
function assertThere(specifier: string, folder: string): void {
  const isUrl = /^(?:file|data):/.test(specifier);
  if (isBuiltin(specifier) || isUrl || /^[./#]/.test(specifier)) return;
  if (!/^[a-z]+:/.test(specifier) && isInstalled(packageOf(specifier), folder)) return;
  const error: NodeJS.ErrnoException = new Error(moduleAdvice(specifier) ?? `Cannot find module '${specifier}'`);
  error.code = "ERR_MODULE_NOT_FOUND";
  throw error;
}

/** Says that a package needs another one, which Node says of its files. */
function withNeed(error: unknown, specifier: string): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  const missing = /^Cannot find (?:package|module) '([^'./][^']*)'/.exec(message)?.[1];
  if (!code?.endsWith("MODULE_NOT_FOUND") || missing === undefined || /^[./]/.test(specifier)) return error;
  const [name, needs] = [packageOf(specifier), packageOf(missing)];
  if (name === needs) return error;
  const install = `"%npm install ${needs}" installs it`;
  const made: NodeJS.ErrnoException = new Error(
    `"${name}" needs the package "${needs}", which is not there: ${install}; then restart the kernel, for Node.js remembers that "${name}" could not be loaded.`,
  );
  made.code = code;
  return made;
}

/** Whether Node would find the package from a file of `folder`. */
function isInstalled(name: string, folder: string): boolean {
  const places = createRequire(join(folder, "cell.js")).resolve.paths(name) ?? [];
  const found = places.some((place) => {
    const path = join(place, name);
    return ["/package.json", "/index.js", "/index.json", "/index.node", ".js"].some((end) => existsSync(path + end));
  });
  return found || manifestOf(folder)?.name === name; // A package may import itself.
}

/** The package.json that counts for files in `folder`. */
function manifestOf(folder: string): { name?: string; type?: string } | undefined {
  const path = join(folder, "package.json");
  if (existsSync(path)) {
    try {
      return JSON.parse(readFileSync(path, "utf8")) as { name?: string; type?: string };
    } catch {
      return undefined;
    }
  }
  const parent = dirname(folder);
  return parent === folder ? undefined : manifestOf(parent);
}
