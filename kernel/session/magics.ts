/** The kernel's side of the magics: what a magic may do for the running cell. */
import type { MagicContext } from "../magics/magic";
import type { Cell } from "./cell";
import type { Runner } from "./runner";

/** The context of the magics in `cell`. */
export function magicContext(cell: Cell, runner: Runner): MagicContext {
  return {
    signal: cell.signal,
    evaluate: (code) => runner.run(cell, code, cell.source),
    evaluateCell: (code) => runner.runCell(cell, code, cell.source),
    compile: (code) => runner.compile(cell, code, cell.source),
    setVariable: (name, value, type) => runner.setVariable(cell, name, value, type),
    write: (stream, text) => cell.write(stream, text),
    display: (data, options) => cell.show(data, options),
    capture: (run) => cell.capture(run),
  };
}
