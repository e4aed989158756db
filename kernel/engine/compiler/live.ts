/** Where a key of a live value may be typed: the compiler tells which value is meant, the session has its keys. */
import ts from "typescript";
import type { LiveSpot } from "../engine";

/** Methods whose first argument is a key of the map that they are called on. */
const BY_KEY = new Set(["get", "has", "set", "delete"]);

export interface LiveQuery {
  file: ts.SourceFile;
  checker: ts.TypeChecker;
  position: number;
  /** The string that the position is in. */
  literal: ts.StringLiteralLike | undefined;
  /** A key that the type does not have is no error. */
  lenient: boolean;
}

/** The spot at a position of a cell; undefined where no key of a session's variable is typed. */
export function liveSpot({ file, checker, position, literal, lenient }: LiveQuery): LiveSpot | undefined {
  if (literal) {
    const { parent } = literal;
    if (ts.isElementAccessExpression(parent)) return spot(checker, parent.expression, { of: "keys", as: "string" });
    const isKey =
      ts.isCallExpression(parent) &&
      parent.arguments[0] === literal &&
      ts.isPropertyAccessExpression(parent.expression) &&
      BY_KEY.has(parent.expression.name.text);
    if (!isKey) return undefined;
    return spot(checker, (parent.expression as ts.PropertyAccessExpression).expression, {
      of: "entries",
      as: "string",
    });
  }
  const access = accessAt(file, position);
  if (access === undefined) return undefined;
  if (ts.isElementAccessExpression(access)) return spot(checker, access.expression, { of: "keys", as: "index" });
  if (!lenient && !isOpen(checker, checker.getTypeAtLocation(access.expression))) return undefined;
  return spot(checker, access.expression, { of: "keys", as: "member" });
}

function spot(checker: ts.TypeChecker, value: ts.Expression, rest: Omit<LiveSpot, "path">): LiveSpot | undefined {
  const path = pathOf(checker, value);
  return path && { path, ...rest };
}

/** The innermost access whose key the position is in. */
function accessAt(
  file: ts.SourceFile,
  position: number,
): ts.PropertyAccessExpression | ts.ElementAccessExpression | undefined {
  let found: ts.PropertyAccessExpression | ts.ElementAccessExpression | undefined;
  const visit = (node: ts.Node): void => {
    if (position < node.pos || position > node.end) return;
    if (ts.isPropertyAccessExpression(node) && position >= node.name.pos) found = node;
    if (ts.isElementAccessExpression(node)) {
      const { argumentExpression: key } = node;
      const isKey =
        ts.isIdentifier(key) && position >= key.pos && position <= key.end && position > node.expression.end;
      if (isKey) found = node;
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

/** What leads from a variable of the session to the value of an expression. */
function pathOf(checker: ts.TypeChecker, value: ts.Expression): (string | number)[] | undefined {
  const node = innermost(value);
  if (ts.isIdentifier(node)) return isOfSession(checker, node) ? [node.text] : undefined;
  if (ts.isPropertyAccessExpression(node)) {
    const path = pathOf(checker, node.expression);
    return path && [...path, node.name.text];
  }
  if (!ts.isElementAccessExpression(node)) return undefined;
  const key = node.argumentExpression;
  if (!ts.isStringLiteralLike(key) && !ts.isNumericLiteral(key)) return undefined;
  const path = pathOf(checker, node.expression);
  return path && [...path, ts.isNumericLiteral(key) ? Number(key.text) : key.text];
}

/** An expression without parentheses and what concerns its type alone. */
function innermost(node: ts.Expression): ts.Expression {
  const isOuter =
    ts.isParenthesizedExpression(node) ||
    ts.isAsExpression(node) ||
    ts.isNonNullExpression(node) ||
    ts.isSatisfiesExpression(node) ||
    ts.isTypeAssertionExpression(node);
  return isOuter ? innermost(node.expression) : node;
}

/** Not a function's parameter or the variable of a block, which have no value now. */
function isOfSession(checker: ts.TypeChecker, name: ts.Identifier): boolean {
  const isInner = (node: ts.Node | undefined): boolean =>
    node !== undefined &&
    (ts.isFunctionLike(node) ||
      ts.isBlock(node) ||
      ts.isCatchClause(node) ||
      ts.isIterationStatement(node, false) ||
      isInner(node.parent));
  const declarations = checker.getSymbolAtLocation(name)?.declarations ?? [];
  return !declarations.some(({ parent }) => isInner(parent));
}

/** A type whose values may have keys that it does not name. */
function isOpen(checker: ts.TypeChecker, type: ts.Type): boolean {
  const known = checker.getNonNullableType(type);
  if (known.flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown | ts.TypeFlags.NonPrimitive)) return true;
  if (checker.getIndexInfoOfType(known, ts.IndexKind.String)) return true;
  return (known.flags & ts.TypeFlags.Object) !== 0 && checker.getPropertiesOfType(known).length === 0;
}
