/**
 * Runs compiled cells by tslab's executor. It asks a converter synchronously for what to run; it is handed what the compiler
 * has already made. The cell's code is a function inside of the executor's, so that it may declare any name itself.
 */
import { basename, dirname, isAbsolute, join } from "node:path";
import { existsSync } from "node:fs";
import vm from "node:vm";
import type { Executor as TslabExecutor } from "tslab/dist/executor";
import type { Compiler, JavaScript } from "../compiled";
import type { PositionMap } from "../engine";
import { Loader } from "./loader";
import { metaOf } from "./meta";
import { Packages } from "./packages";
import { type Places, positionMap } from "./places";
import { Scope } from "./scope";
import { loadExecutor, loadTslab, type TslabDisplay, tslabMain } from "./tslab";

/** What tslab's executor puts before the code on its first line. */
const TSLAB_HEAD = "(function(exports, require) { ".length;
/** The names that a cell's code is given. */
const NAMES = ["$scope", "$own", "$import", "$link", "$last", "$meta", "require", "__filename", "__dirname"] as const;
/** Where the executor's function finds their values. */
const SLOT = "phi3lab.cell";

type Names = Record<(typeof NAMES)[number], unknown> & { $last: { v: unknown } };

/** What a cell's function has that runs. */
interface Run extends Names {
  done?: Promise<void>;
}

export interface ExecutorOptions {
  compiler: Pick<Compiler, "module" | "resolve">;
  places: Places;
  /** Takes what tslab's display functions show. */
  show(content: TslabDisplay, update: boolean): void;
}

/** The value of a run; in a box, since it may be a promise that nobody should wait for. */
export interface Result {
  value: unknown;
}

/** A cell's code, ready to run. */
export interface Prepared {
  output: string;
  isAsync: boolean;
  require: NodeJS.Require;
  /** From the code, as V8 sees it, to the cell's text. */
  map: PositionMap;
}

export class Executor {
  /** The session's variables. */
  readonly scope = new Scope();
  readonly #loader: Loader;
  readonly #folder: string;
  readonly #meta: ReturnType<typeof metaOf>;
  #executor: TslabExecutor | undefined;
  #next: { output: string } | undefined;
  #thrown: { error: unknown } | undefined;

  constructor({ compiler, places, show }: ExecutorOptions) {
    let tslab: unknown;
    const own = {
      tslab: {
        file: tslabMain,
        load: () => {
          tslab ??= loadTslab(show);
          return tslab;
        },
      },
    };
    this.#folder = places.folder;
    this.#loader = new Loader(compiler, new Packages(own), places);
    this.#meta = metaOf(notebookIn(places.folder));
  }

  /** Makes a cell's code ready; `name` is the one that V8 shows in stacks. */
  async prepare({ code, isAsync, map }: JavaScript, name: string): Promise<Prepared> {
    const start = `const $cell=exports[Symbol.for("${SLOT}")];return(({${NAMES}})=>`;
    const head = isAsync ? `${start}{$cell.done=(async()=>{` : `${start}(()=>{`;
    const end = isAsync ? "\n})();})($cell)" : "\n})())($cell)";
    return {
      ...{ isAsync, output: `${head}${code}${end}\n//# sourceURL=${name}` },
      map: positionMap(map, TSLAB_HEAD + head.length, code.split("\n").length),
      require: await this.#loader.require(code),
    };
  }

  /** Runs a cell's code; throws what it throws. */
  async run({ output, isAsync, require }: Prepared): Promise<Result> {
    const { box, own, link } = this.scope;
    const { filename, dirname } = this.#meta;
    const run: Run = {
      ...{ $scope: box, $own: own, $link: link, $last: { v: undefined }, $meta: this.#meta },
      ...{ $import: this.#loader.import, require, __filename: filename, __dirname: dirname },
    };
    this.#executor ??= this.#create();
    const executor = this.#executor;
    (executor.locals as Record<symbol, unknown>)[Symbol.for(SLOT)] = run;
    this.#next = { output };
    this.#thrown = undefined;
    // Up to the first await of the cell this is synchronous, so that what is noted here belongs to this run.
    const started = withImports(join(this.#folder, "cell.js"), () => executor.execute(""));
    const thrown = this.#thrown as { error: unknown } | undefined;
    if (thrown) {
      throw thrown.error;
    }
    if (isAsync) {
      await run.done;
    }
    await started;
    const value = run.$last.v;
    run.$last.v = undefined; // The cell's functions live on, and this with them.
    return { value };
  }

  /** The last cell was interrupted: what it left half done is forgotten. */
  abandon(): void {
    this.#loader.abandon();
  }

  #create(): TslabExecutor {
    const converter = {
      convert: () => ({ output: this.#next?.output ?? "", diagnostics: [], declOutput: "" }),
      addModule: () => [],
      inspect: () => undefined as never,
      complete: () => undefined as never,
      close: () => undefined,
    };
    const converters = { node: converter, browser: converter, close: () => undefined };
    return loadExecutor()(this.#folder, converters, {
      log: () => undefined,
      error: (error: unknown) => {
        this.#thrown = { error };
      },
    });
  }
}

/**
 * Lets `import()` in text that a cell evaluates, as in `new Function("return import('fs')")`, load from `filename`'s folder:
 * tslab's executor does not say so where it asks Node to run the cell.
 */
function withImports<T>(filename: string, execute: () => T): T {
  const original = vm.runInThisContext;
  const importModuleDynamically = vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;
  vm.runInThisContext = (code, options) => {
    vm.runInThisContext = original; // The cell itself must not see this.
    return original(code, { ...(options as vm.RunningCodeOptions), filename, importModuleDynamically });
  };
  try {
    return execute();
  } finally {
    vm.runInThisContext = original;
  }
}

/** The notebook's file where Jupyter says which it is, or else one that might be it. */
function notebookIn(folder: string): string {
  const path = process.env.JPY_SESSION_NAME;
  const isKnown = path !== undefined && isAbsolute(path) && dirname(path) === folder && existsSync(path);
  return isKnown ? join(folder, basename(path)) : join(folder, "notebook.ipynb");
}
