/** A drawing as a terminal shows it, on a page: what is printed, with the colours of its escape sequences. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { escapeMarkup } from "../../../src/markup";
import { root } from "../lab";

const python = `import sys
from nbconvert.filters.ansi import ansi2html
sys.stdout.write(ansi2html(sys.stdin.read()))`;

/** Printed text as HTML. */
function coloured(printed: string): string {
  if (!printed.includes("\x1b")) return escapeMarkup(printed);
  const made = spawnSync(join(root, ".venv", "bin", "python"), ["-c", python], { input: printed, encoding: "utf8" });
  if (made.status !== 0) throw new Error(made.stderr);
  return made.stdout;
}

/** Writes the page; `colours` are a terminal's ground and letters. */
export function terminalPage(path: string, printed: string, [ground, ink]: readonly [string, string]): void {
  const style = `background: ${ground}; color: ${ink}; font: 14px/1.25 "DejaVu Sans Mono", monospace; padding: 8px; margin: 0`;
  // ansi2html's class for black letters, which its style sheets have.
  const page = `<!doctype html><meta charset="utf-8"><style>.ansi-black-fg { color: #000 }</style><body style='${style}'><pre style="font: inherit; white-space: pre-wrap; margin: 0">${coloured(printed)}</pre>`;
  writeFileSync(path, page);
}
