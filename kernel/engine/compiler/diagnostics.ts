/** The compiler's complaints as a reader should see them, and with what helps. */
import ts from "typescript";
import type { Diagnostic } from "../engine";
import { advice } from "../advice";

/** Complaints that make no sense about a cell: it is a module that only the kernel runs. */
const NOT_FOR_CELLS = new Set([
  1202,
  1203, // `import x = require` and `export =`
  2528, // two default exports
  2323,
  2484, // exported twice
]);

/** A complaint; `lineShift` lines were put before the text of `cellPath`. */
export function toDiagnostic(each: ts.Diagnostic, cellPath: string, lineShift: number): Diagnostic {
  const text = ts.flattenDiagnosticMessageText(each.messageText, "\n");
  const { file, start = 0, length = 1, code } = each;
  if (file === undefined) return { line: 0, column: 0, length: 1, message: text, code };
  const from = file.getLineAndCharacterOfPosition(start);
  const to = file.getLineAndCharacterOfPosition(start + length);
  const isCell = file.fileName === cellPath;
  return {
    line: Math.max(0, from.line - (isCell ? lineShift : 0)),
    column: from.character,
    length: to.line === from.line ? Math.max(1, to.character - from.character) : 1,
    message: advice(code, text),
    code,
    ...(isCell ? {} : { file: file.fileName }),
  };
}

/** A complaint about a name of an earlier cell, which to the compiler is an import; `own` are the cell's own names. */
export function inWordsOfCells(complaint: Diagnostic, own: ReadonlyMap<string, unknown>): Diagnostic {
  const name = /^Cannot assign to '(.+)' because it is an import\.$/.exec(complaint.message)?.[1];
  if (name === undefined || own.has(name)) return complaint;
  return { ...complaint, message: `Cannot assign to '${name}' because it is a constant.` };
}

/** Whether a complaint is an error of a cell. */
export function isError({ category, code }: ts.Diagnostic): boolean {
  return category === ts.DiagnosticCategory.Error && !NOT_FOR_CELLS.has(code);
}
