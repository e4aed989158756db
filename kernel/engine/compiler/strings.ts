/** Completion within string literals: options, the names of modules and of files. */
import ts from "typescript";
import type { Completion } from "../engine";
import { filesIn } from "../files_in";
import { isDeclared } from "./libraries";
import { isImportable, moduleNames } from "./modules";

/** Parameters and options that take the path of a file. */
const PATHS = /(?:path|file|filename|folder|dir|directory|cwd|adapter)s?$|^(?:src|dest|source|model)$/i;

/** What is known of the literal. Positions are of the cell's file. */
export interface StringQuery {
  literal: ts.StringLiteralLike;
  position: number;
  checker: ts.TypeChecker;
  /** What the compiler offers. */
  found: ts.CompletionInfo | undefined;
  /** The notebook's folder. */
  folder: string;
  /** Packages that are there without being installed. */
  lent: readonly string[];
}

/** Matches, best first, for the text from `start` on; they may begin otherwise than what is typed. */
export function stringMatches(query: StringQuery): { start: number; matches: Completion["matches"] } {
  const { literal, position, found, checker, folder } = query;
  const from = literal.getStart() + 1;
  const typed = literal.getSourceFile().text.slice(from, position);
  const entries = found?.entries.filter(({ kind }) => kind !== "warning") ?? [];
  if (isSpecifier(literal)) return modules(query, from, typed, entries);
  if (entries.length > 0) {
    const span = entries[0]?.replacementSpan ?? found?.optionalReplacementSpan;
    return { start: span ? Math.min(position, span.start) : from, matches: entries.map(plain) };
  }
  const slash = typed.lastIndexOf("/") + 1;
  const isPath = slash > 0 && !/^\w+:/.test(typed);
  if (!isPath && !takesPath(literal, checker)) return { start: from, matches: [] };
  return { start: from + slash, matches: filesIn(folder, typed.slice(0, slash), typed.slice(slash)) };
}

function modules(
  { folder, lent }: StringQuery,
  from: number,
  typed: string,
  entries: readonly ts.CompletionEntry[],
): { start: number; matches: Completion["matches"] } {
  const slash = typed.lastIndexOf("/") + 1;
  if (/^\.{0,2}\//.test(typed)) {
    return { start: from + slash, matches: entries.filter(({ name }) => name !== "node_modules").map(plain) };
  }
  const names = moduleNames(folder, lent);
  const whole = names.filter((name) => name.startsWith(typed));
  // Behind a package's name the compiler knows what the package lets be imported.
  if (slash > 0 && whole.length === 0) return { start: from + slash, matches: entries.map(plain) };
  // The compiler lists folders of node_modules as they are.
  const isOther = (name: string): boolean => isImportable(name) && !names.includes(name) && !isDeclared(name);
  const others = slash > 0 ? [] : entries.map(({ name }) => name).filter(isOther);
  return { start: from, matches: [...whole, ...others].map((text) => ({ text, type: "module" })) };
}

const plain = ({ name, kind }: ts.CompletionEntry): Completion["matches"][number] => ({ text: name, type: kind });

/** Whether the literal names a module. */
function isSpecifier({ parent }: ts.Node): boolean {
  if (ts.isImportDeclaration(parent) || ts.isExportDeclaration(parent) || ts.isExternalModuleReference(parent))
    return true;
  if (!ts.isCallExpression(parent)) return ts.isLiteralTypeNode(parent) && ts.isImportTypeNode(parent.parent);
  const { expression } = parent;
  return (
    expression.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(expression) && expression.text === "require")
  );
}

/** Whether the literal is an argument or an option that takes a path, as far as its name tells. */
function takesPath(literal: ts.StringLiteralLike, checker: ts.TypeChecker): boolean {
  const { parent } = literal;
  if (ts.isPropertyAssignment(parent)) return PATHS.test(parent.name.getText());
  if (!ts.isCallExpression(parent) && !ts.isNewExpression(parent)) return false;
  const parameters = checker.getResolvedSignature(parent)?.parameters ?? [];
  const at = parent.arguments?.indexOf(literal) ?? 0;
  const parameter = parameters[Math.min(at, parameters.length - 1)];
  return parameter !== undefined && PATHS.test(parameter.name);
}
