/**
 * What `require` finds from a cell. On top of Node's own answer for the notebook's folder: `phi3lab` is this package in any
 * folder, and an ES module that Node cannot `require` (it awaits at its top level, or exports itself to `import` only) is
 * imported before the cell runs.
 */
import { join } from "node:path";
import { constants, Script } from "node:vm";
import { packageMain } from "./packages";

/** What the compiler makes of `import` statements and of `import()`. */
const REQUIRED = /(?:^const \w+ = (?:__\w+\()?|^|=> (?:__\w+\()?)require\("([^"\\]+)"\)/gm;

/** The modules of one session. */
export class Modules {
  readonly #original: NodeJS.Require;
  readonly #imported = new Map<string, unknown>();
  readonly #import: (id: string) => Promise<unknown>;
  /** `require` as cells see it. */
  readonly require: NodeJS.Require;

  /** @param original tslab's `require`, which knows `tslab` and the modules that cells define */
  constructor(original: NodeJS.Require, folder: string) {
    this.#original = original;
    this.#import = new Script("(id) => import(id)", {
      filename: join(folder, "cell.js"),
      importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    }).runInThisContext() as (id: string) => Promise<unknown>;
    this.require = new Proxy(original, {
      apply: (target, self, [id, ...rest]: [string]) => {
        if (id === "phi3lab") {
          return Reflect.apply(target, self, [packageMain]);
        }
        return this.#imported.get(id) ?? Reflect.apply(target, self, [id, ...rest]);
      },
    });
  }

  /** Imports what `output` requires and Node's `require` cannot load. Failures are left to the cell itself. */
  async prepare(output: string): Promise<void> {
    for (const [, id] of output.matchAll(REQUIRED)) {
      if (id === undefined || id === "phi3lab" || id === "tslab" || id.startsWith(".") || this.#imported.has(id)) {
        continue;
      }
      try {
        this.#original(id);
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code;
        if (
          code === "ERR_REQUIRE_ESM" ||
          code === "ERR_REQUIRE_ASYNC_MODULE" ||
          code === "ERR_PACKAGE_PATH_NOT_EXPORTED"
        ) {
          this.#imported.set(id, asRequired(await this.#import(id)));
        }
      }
    }
  }
}

/** An ES module's namespace with the mark by which compiled imports find its default export, as `require` gives it. */
function asRequired(namespace: unknown): unknown {
  return new Proxy(namespace as object, {
    get: (target, key) => (key === "__esModule" ? true : Reflect.get(target, key)),
  });
}
