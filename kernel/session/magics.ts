/** The kernel's side of the magics: what a magic may do for the running cell, and what cells may add. */
import { host } from "../../src/host";
import type { Magic, MagicContext } from "../../src/magic";
import type { Registry } from "../magics/registry";
import type { Cell } from "./cell";
import type { History } from "./history";
import type { Runner } from "./runner";
import { variables } from "./variables";

/** What outlives a cell. */
export interface MagicSession {
  runner: Runner;
  history: History;
}

/** Where the kernel was started: the notebook's folder. */
const folder = process.cwd();

/** The context of the magics in `cell`. */
export function magicContext(cell: Cell, { runner, history }: MagicSession): MagicContext {
  return {
    signal: cell.signal,
    folder,
    evaluate: (code) => runner.run(cell, code, cell.source),
    evaluateCell: (code) => runner.runCell(cell, code, cell.source),
    compile: (code) => runner.compile(cell, code, cell.source),
    setVariable: (name, value, type) => runner.setVariable(cell, name, value, type),
    names: () => variables(runner),
    history: () => history.cells(),
    write: (stream, text) => cell.write(stream, text),
    display: (data, options) => cell.show(data, options),
    capture: (run) => cell.capture(run),
    setTypecheck: (mode) => runner.setTypecheck(mode),
    replaceCell: (text) => cell.payload.push({ source: "set_next_input", text, replace: true }),
  };
}

/** Lets cells add magics, by `registerMagic` of the library; `onAdd` hears of each. */
export function offerMagics(registry: Registry, onAdd: (magic: Magic) => void): void {
  const lent = host();
  if (!lent) return;
  lent.registerMagic = (magic) => {
    registry.add(magic);
    onAdd(magic);
  };
}
