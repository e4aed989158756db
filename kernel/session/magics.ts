/** The kernel's side of the magics: what a magic may do, for the running cell. */
import type { Magic, MagicContext } from "../magics/magic";
import type { Cell } from "./cell";
import type { Questions } from "./input";
import type { Runner } from "./runner";

/** The context of the magics in `cell`. */
export function magicContext(cell: Cell, runner: Runner, questions: Questions): MagicContext {
  return {
    signal: cell.signal,
    evaluate: (code) => runner.run(cell, code),
    compile: (code) => runner.compile(cell, code),
    setVariable: (name, value, type) => runner.setVariable(cell, name, value, type),
    write: (stream, text) => cell.write(stream, text),
    display: (data, options) => cell.show(data, options),
    capture: (run) => cell.capture(run),
    input: questions.ask,
  };
}

interface Table {
  magics: readonly Magic[];
  runCell(context: MagicContext, source: string): Promise<unknown>;
}

function loadTable(): Table {
  try {
    return require("../magics/table") as Table;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND") {
      throw error;
    }
    return { magics: [], runCell: (context, source) => context.evaluate(source) };
  }
}

export const { magics, runCell } = loadTable();
