/** How the text of a cell is read: as statements or as one object, and what its first comment asks for. */
import ts from "typescript";
import { type Scan, scan, syntaxErrors } from "./scan";

/** A cell, read; one that is a bare object literal is read as an expression, `wrapped` in parentheses. */
export function readCell(path: string, code: string): [Scan, wrapped: boolean] {
  const read = scan(path, code);
  if (!/^\s*\{/.test(code)) return [read, false];
  const wrapped = scan(path, `(${code}\n)`);
  const [only] = wrapped.file.statements;
  const isObject =
    syntaxErrors(wrapped.file).length === 0 &&
    only !== undefined &&
    ts.isExpressionStatement(only) &&
    ts.isParenthesizedExpression(only.expression) &&
    ts.isObjectLiteralExpression(only.expression.expression);
  return isObject ? [wrapped, true] : [read, false];
}

/** What tslab's comment at the head of a cell says: `/** @module name *\/`, `@jsx`, `@browser`. */
export function moduleComment(code: string): { name?: string; jsx: boolean; isBrowser: boolean } {
  const comments = ts.getLeadingCommentRanges(code, 0) ?? [];
  const docs = comments.map(({ pos, end }) => code.slice(pos, end)).filter((each) => each.startsWith("/**"));
  const text = docs.join("\n");
  const name = /@module[ \t]+([\w$-]+(?:\/[\w$-]+)*)/.exec(text)?.[1];
  return { name, jsx: /@jsx\b(?![ \t]+[\w$])/.test(text), isBrowser: /@browser\b/.test(text) };
}
