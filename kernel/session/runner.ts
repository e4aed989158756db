/**
 * Runs TypeScript in the session: the engine compiles, tslab's executor runs, the last expression's value comes back.
 * tslab's executor asks a converter synchronously; it is handed what the engine has already made.
 */
import { dirname, join } from "node:path";
import type { Executor } from "tslab/dist/executor";
import type { Converted, Engine } from "../engine/engine";
import { Modules } from "../engine/modules";
import { type Cell, KeyboardInterrupt } from "./cell";
import { CompileError, type ErrorReporter } from "./errors";

type CreateExecutor = typeof import("tslab/dist/executor").createExecutor;

/** How a piece of code is named and placed. */
interface Place {
  /** Lines that were put before the reader's own text. */
  linesBefore: number;
  /** The lines that the reader sees. */
  lines: string[];
  /** Where a line of the code begins in the line that the reader sees. */
  indent(line: number): number;
}

/**
 * How to show places in `code` to the reader of `source`. A magic may have made the code from the cell, line for line; code
 * of fewer lines than the cell is a part of it and shown as it is.
 */
function placeIn(source: string, code: string, linesBefore: number): Place {
  const made = code.split("\n");
  const own = source.split("\n");
  const lines = made.length < own.length ? made : own;
  return { linesBefore, lines, indent: (line) => Math.max(0, lines[line]?.indexOf(made[line] ?? "") ?? 0) };
}

/** The session's variables, and the way to run code on them. */
export class Runner {
  readonly #engine: Engine;
  readonly #reporter: ErrorReporter;
  readonly #folder = process.cwd();
  #executor: Executor | undefined;
  #modules: Modules | undefined;
  #ready: Converted = { diagnostics: [] };
  #value: unknown;
  #thrown: { error: unknown } | undefined;
  #pieces = 0;

  constructor(engine: Engine, reporter: ErrorReporter) {
    this.#engine = engine;
    this.#reporter = reporter;
  }

  /** The session's variables, live. */
  get locals(): Record<string, unknown> {
    return (this.#executor?.locals ?? {}) as Record<string, unknown>;
  }

  /**
   * Runs `code` as a cell would; the value of its last expression, awaited. Throws what the code throws.
   * @param source the text that the code was made from, for messages
   */
  async run(cell: Cell, code: string, source = code): Promise<unknown> {
    const converted = await this.#convert(cell, code, placeIn(source, code, 0));
    return this.#execute(cell, converted);
  }

  /** Compiles statements once; the returned function runs them as the body of an async function. */
  async compile(cell: Cell, code: string, source = code): Promise<() => Promise<unknown>> {
    const converted = await this.#convert(cell, `(async () => {\n${code}\n})`, placeIn(source, code, 1));
    return (await this.#execute(cell, { ...converted, state: undefined })) as () => Promise<unknown>;
  }

  /** Declares or assigns a top-level name. */
  async setVariable(cell: Cell, name: string, value: unknown, type = "any"): Promise<void> {
    const slot = "__phi3lab_value__";
    const lent = globalThis as Record<string, unknown>;
    lent[slot] = value;
    try {
      await this.run(cell, `let ${name}: ${type} = (globalThis as any).${slot};`);
    } finally {
      delete lent[slot];
    }
  }

  async #convert(cell: Cell, code: string, place: Place): Promise<Converted> {
    const converted = await this.#engine.convert(code);
    const label = `cell [${cell.count}]`;
    const move = <T extends { line: number; column: number }>(found: T): T => {
      const line = Math.max(0, found.line - place.linesBefore);
      return { ...found, line, column: found.column + place.indent(line) };
    };
    if (converted.diagnostics.length > 0) {
      const moved = converted.diagnostics.map((each) => (each.file === undefined ? move(each) : each));
      throw new CompileError(label, place.lines, moved);
    }
    // V8 allows no blank in a source's name, so readers see another one.
    this.#pieces += 1;
    const name = `cell[${cell.count}]#${this.#pieces}`;
    const { map } = converted;
    const end = converted.output?.split("\n").length ?? 0;
    this.#reporter.remember(name, label, place.lines, (line, column) => {
      const found = line < end ? map?.(line, column) : undefined;
      return found && move(found);
    });
    const output = converted.output === undefined ? undefined : `${converted.output}\n//# sourceURL=${name}`;
    return { ...converted, output };
  }

  async #execute(cell: Cell, converted: Converted): Promise<unknown> {
    if (converted.output === undefined) {
      this.#engine.keep(converted);
      return undefined;
    }
    this.#executor ??= this.#createExecutor();
    await this.#modules?.prepare(converted.output);
    if (cell.interrupted) {
      throw new KeyboardInterrupt();
    }
    this.#ready = converted;
    this.#value = undefined;
    this.#thrown = undefined;
    // Kept before it runs: what a cell declared before it failed or was interrupted is there to be used.
    this.#engine.keep(converted);
    const { locals } = this.#executor;
    const name = converted.lastExpressionVar;
    if (name !== undefined) {
      delete locals[name];
    }
    const succeeded = await this.#executor.execute("");
    if (!succeeded) {
      throw this.#failure();
    }
    if (name === undefined) {
      return undefined; // What was reported is the value of code that a magic ran inside.
    }
    let value = this.#value;
    if (name in locals) {
      value = locals[name]; // tslab does not report null and undefined.
      delete locals[name];
    }
    return await value;
  }

  /** What tslab's executor reported as thrown. */
  #failure(): unknown {
    return this.#thrown === undefined ? new Error("The cell failed without an error.") : this.#thrown.error;
  }

  #createExecutor(): Executor {
    const path = join(dirname(require.resolve("tslab/package.json")), "dist", "executor.js");
    const { createExecutor } = require(path) as { createExecutor?: CreateExecutor };
    if (typeof createExecutor !== "function") {
      throw new Error('tslab has no function createExecutor: the kernel needs tslab 1.0.22; "npm ci" installs it.');
    }
    const converter = {
      convert: () => ({ ...this.#ready, diagnostics: [], declOutput: "" }),
      addModule: () => [],
      inspect: () => undefined as never,
      complete: () => undefined as never,
      close: () => undefined,
    };
    const executor = createExecutor(
      this.#folder,
      { node: converter, browser: converter, close: () => undefined },
      {
        log: (value: unknown) => {
          this.#value = value;
        },
        error: (error: unknown) => {
          this.#thrown = { error };
        },
      },
    );
    const lent = (globalThis as unknown as { __tslab__?: { require: NodeJS.Require } }).__tslab__;
    if (lent === undefined) {
      throw new Error('tslab did not lend "require" to cells: the kernel needs tslab 1.0.22; "npm ci" installs it.');
    }
    this.#modules = new Modules(lent.require, this.#folder);
    lent.require = this.#modules.require;
    return executor;
  }
}
