/** The kernel's side of the magics: what a magic may do for the running cell, and the table that lists them. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Magic, MagicContext } from "../magics/magic";
import type { Cell } from "./cell";
import type { Questions } from "./input";
import type { Runner } from "./runner";

/** What `magics/table` exports. */
export interface MagicTable {
  magics: readonly Magic[];
  /** Runs a cell: its magics by the table, its TypeScript by `context.evaluate`; gives the cell's value. */
  runCell(context: MagicContext, source: string): Promise<unknown>;
}

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

/** The table of this build; a kernel built without magics runs every cell as TypeScript. */
export function loadMagics(): MagicTable {
  const file = join(__dirname, "..", "magics", "table.js");
  if (!existsSync(file)) {
    return { magics: [], runCell: (context, source) => context.evaluate(source) };
  }
  return require(file) as MagicTable;
}
