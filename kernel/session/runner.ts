/** Runs TypeScript in the session: the compiler's process compiles, the runtime runs, the last expression's value comes back. */
import { isThenable } from "../display/bundle";
import type { CompiledCell, Compiler } from "../engine/compiled";
import type { Diagnostic, PositionMap, TypecheckMode } from "../engine/engine";
import { CompileError } from "../engine/run/compile_error";
import type { Prepared, Result } from "../engine/run/executor";
import type { Runtime } from "../engine/run/runtime";
import { type Cell, KeyboardInterrupt } from "./cell";
import type { ErrorReporter } from "./errors";

/** How a piece of code is named and placed. */
interface Place {
  /** Lines that were put before the reader's own text. */
  linesBefore: number;
  /** The lines that the reader sees. */
  lines: string[];
  /** Where a line of the code begins in the line that the reader sees. */
  indent(line: number): number;
}

/** A cell's value that is a promise: nobody waits for it. */
export class Unawaited {
  readonly promise: PromiseLike<unknown>;

  constructor(promise: PromiseLike<unknown>) {
    this.promise = promise;
  }
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

type Move = <T extends { line: number; column: number }>(found: T) => T;

/** From a place in the code to the one that the reader sees. */
function moveIn(place: Place): Move {
  return (found) => {
    const line = Math.max(0, found.line - place.linesBefore);
    return { ...found, line, column: found.column + place.indent(line) };
  };
}

/** A map that leads on by `move`. It is kept as long as the session lasts, and keeps nothing else of the cell. */
function moved(map: PositionMap, move: Move): PositionMap {
  return (line, column) => {
    const found = map(line, column);
    return found && move(found);
  };
}

/** The session's variables, and the way to run code on them. */
export class Runner {
  readonly #compiler: Pick<Compiler, "cell" | "keep" | "setTypecheck">;
  readonly #runtime: Runtime;
  readonly #reporter: ErrorReporter;
  #last: Cell | undefined;
  #pieces = 0;

  constructor(compiler: Pick<Compiler, "cell" | "keep" | "setTypecheck">, runtime: Runtime, reporter: ErrorReporter) {
    this.#compiler = compiler;
    this.#runtime = runtime;
    this.#reporter = reporter;
  }

  /** The session's variables, and their values. */
  variables(): [name: string, value: unknown][] {
    const { scope } = this.#runtime.executor;
    return scope.names().map((name) => [name, scope.value(name)]);
  }

  /** What type errors do from now on. */
  setTypecheck(mode: TypecheckMode): Promise<void> {
    return this.#compiler.setTypecheck(mode);
  }

  /**
   * Runs `code` as a cell would; the value of its last expression, awaited. Throws what the code throws.
   * @param source the text that the code was made from, for messages
   */
  async run(cell: Cell, code: string, source = code): Promise<unknown> {
    const { value } = await this.#run(cell, code, source);
    return await value;
  }

  /** Runs `code` as {@link run} does and waits for no promise that is its value: that comes as {@link Unawaited}. */
  async runCell(cell: Cell, code: string, source = code): Promise<unknown> {
    const { value } = await this.#run(cell, code, source);
    return isThenable(value) ? new Unawaited(value) : value;
  }

  /** Compiles statements once; the returned function runs them as the body of an async function. */
  async compile(cell: Cell, code: string, source = code): Promise<() => Promise<unknown>> {
    const { prepared } = await this.#compile(cell, `(async () => {\n${code}\n})`, placeIn(source, code, 1));
    const { value } = await this.#execute(cell, prepared);
    return value as () => Promise<unknown>;
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

  async #run(cell: Cell, code: string, source: string): Promise<Result> {
    const { compiled, prepared } = await this.#compile(cell, code, placeIn(source, code, 0));
    // Kept before it runs: what a cell declared before it failed or was interrupted is there to be used.
    // A forced interrupt drops what was about to happen, so it must have been answered.
    if (compiled.module === undefined) await this.#compiler.keep(compiled.id);
    const result = await this.#execute(cell, prepared);
    return compiled.hasValue ? result : { value: undefined };
  }

  async #compile(cell: Cell, code: string, place: Place): Promise<{ compiled: CompiledCell; prepared?: Prepared }> {
    if (this.#last !== cell) {
      if (this.#last?.interrupted) this.#runtime.executor.abandon();
      this.#last = cell;
    }
    const compiled = await this.#compiler.cell(code);
    const { errors, warnings, javascript } = compiled;
    const label = `cell [${cell.count}]`;
    const move = moveIn(place);
    const moveOwn = (each: Diagnostic): Diagnostic => (each.file === undefined ? move(each) : each);
    if (errors.length > 0) {
      throw new CompileError(label, place.lines, errors.map(moveOwn));
    }
    for (const line of this.#reporter.warnings(warnings.map(moveOwn), label)) {
      cell.write("stderr", `${line}\n`);
    }
    if (javascript === undefined) {
      return { compiled };
    }
    // V8 allows no blank in a source's name, so readers see another one.
    this.#pieces += 1;
    const name = `cell[${cell.count}]#${this.#pieces}`;
    const prepared = await this.#runtime.executor.prepare(javascript, name);
    this.#runtime.places.remember(name, { label, lines: place.lines, map: moved(prepared.map, move) });
    return { compiled, prepared };
  }

  async #execute(cell: Cell, prepared: Prepared | undefined): Promise<Result> {
    if (cell.interrupted) {
      throw new KeyboardInterrupt();
    }
    return prepared === undefined ? { value: undefined } : this.#runtime.executor.run(prepared);
  }
}
