/** A cell or a file that does not compile. */
import type { Diagnostic } from "../engine";

export class CompileError extends Error {
  override name = "CompileError";
  readonly diagnostics: readonly Diagnostic[];
  /** What the reader calls the text: `cell [3]`, `helper.ts`. */
  readonly label: string;
  readonly lines: readonly string[];

  /** @param diagnostics those with a `file` are about another text than that of `lines` */
  constructor(label: string, lines: readonly string[], diagnostics: readonly Diagnostic[]) {
    const [first] = diagnostics;
    super(first ? `${first.message} (${placeOf(label, first)})` : "The cell does not compile.");
    this.diagnostics = diagnostics;
    this.label = label;
    this.lines = lines;
  }
}

function placeOf(label: string, { file, line }: Diagnostic): string {
  const text = file ?? label;
  return text.startsWith("cell [") ? `line ${line + 1}` : `${text}:${line + 1}`;
}
