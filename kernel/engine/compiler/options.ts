/** The options of a call: what the object that is typed as an argument may hold, with documentation. */
import ts from "typescript";
import { documentationOf } from "./documentation";

/** Options that are listed at most. */
const MOST = 40;

/**
 * The option whose value is at a position, with its documentation; between options, those that are not given yet. Empty
 * where no options are typed.
 */
export function optionsText(checker: ts.TypeChecker, file: ts.SourceFile, position: number): string {
  const object = objectAt(file, position);
  const type = object && checker.getContextualType(object);
  if (object === undefined || type === undefined) return "";
  const given = givenAt(file, object, position);
  const options = optionsOf(checker, type);
  const name = given?.name?.getText(file);
  const option = name === undefined ? undefined : options.find((each) => each.name === name);
  if (option) return [heading(checker, option, object), aboutOption(checker, option)].filter(Boolean).join("\n");
  if (given) return "";
  const others = options.filter((each) => !object.properties.some((one) => one.name?.getText(file) === each.name));
  const lines = others.slice(0, MOST).map((each) => {
    const [first = ""] = aboutOption(checker, each).split("\n");
    return `  ${heading(checker, each, object)}${first === "" ? "" : `  // ${first}`}`;
  });
  if (others.length > MOST) lines.push(`  … and ${others.length - MOST} more`);
  return lines.length === 0 ? "" : `Options:\n${lines.join("\n")}`;
}

/** The innermost object literal around a position, if it is an argument or a part of one. */
function objectAt(file: ts.SourceFile, position: number): ts.ObjectLiteralExpression | undefined {
  let found: ts.ObjectLiteralExpression | undefined;
  const visit = (node: ts.Node): void => {
    const isClosed = /[}\])]$/.test(node.getText(file));
    // What is still open goes on behind its last word.
    const end = isClosed ? node.end - 1 : node.end + (/^\s*/.exec(file.text.slice(node.end))?.[0].length ?? 0);
    if (position <= node.getStart(file) || position > end) return;
    if (ts.isObjectLiteralExpression(node)) found = node;
    // What stands in a function's body is not the call's.
    else if (ts.isFunctionLike(node) || ts.isClassLike(node)) found = undefined;
    ts.forEachChild(node, visit);
  };
  ts.forEachChild(file, visit);
  let node: ts.Node | undefined = found;
  while (
    node &&
    (ts.isObjectLiteralExpression(node) || ts.isPropertyAssignment(node) || ts.isArrayLiteralExpression(node))
  )
    node = node.parent;
  return node && (ts.isCallExpression(node) || ts.isNewExpression(node)) ? found : undefined;
}

/** The option that is being given at a position: behind its colon, up to the comma. */
function givenAt(
  file: ts.SourceFile,
  { properties }: ts.ObjectLiteralExpression,
  position: number,
): ts.ObjectLiteralElementLike | undefined {
  const given = properties.findLast((each) => each.getStart(file) <= position);
  return given && /^\s*$/.test(file.text.slice(given.end, position)) ? given : undefined;
}

function optionsOf(checker: ts.TypeChecker, type: ts.Type): ts.Symbol[] {
  const types = type.isUnion() ? type.types : [type];
  const found = types
    .filter(({ flags }) => flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection))
    .flatMap((each) => checker.getPropertiesOfType(each));
  return found.filter(({ name }, i) => found.findIndex((each) => each.name === name) === i);
}

function heading(checker: ts.TypeChecker, option: ts.Symbol, at: ts.Node): string {
  const isOptional = (option.flags & ts.SymbolFlags.Optional) !== 0;
  const type = checker.typeToString(checker.getTypeOfSymbolAtLocation(option, at));
  return isOptional ? `${option.name}?: ${type.replace(/ \| undefined$/, "")}` : `${option.name}: ${type}`;
}

function aboutOption(checker: ts.TypeChecker, option: ts.Symbol): string {
  return documentationOf(option.getDocumentationComment(checker));
}
