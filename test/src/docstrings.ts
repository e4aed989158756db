/** The docstrings of what `src/index.ts` exports, as the reference shows them: their examples, and what has none. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

/** One `@example`. */
export interface Example {
  /** The export, or its member: `Tensor.slice`. */
  of: string;
  code: string;
}

export interface Docstrings {
  /** The example before all others, of the whole module. */
  first: Example;
  examples: Example[];
  /** Functions, classes and their methods that have no example. */
  bare: string[];
  /** Those with `@throws {Error}`: the reference leaves out what is in braces, so that nobody reads which error it is. */
  braced: string[];
}

const source = join(__dirname, "..", "..", "src");

/** Reads them all. `src/` alone is parsed, no library: names are looked at, not types. */
export function readDocstrings(): Docstrings {
  const index = join(source, "index.ts");
  const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  const options = { module: ts.ModuleKind.Node16, noLib: true, noResolve: true, types: [] };
  const program = ts.createProgram(
    files.map((name) => join(source, name)),
    options,
  );
  const checker = program.getTypeChecker();
  const module = program.getSourceFile(index) as ts.SourceFile;
  const [first] = examplesOf("phi3lab", [module.statements[0] as ts.Statement]);
  const examples: Example[] = [];
  const bare: string[] = [];
  const braced: string[] = [];
  const seen = new Set<ts.Declaration>();
  for (const exported of checker.getExportsOfModule(checker.getSymbolAtLocation(module) as ts.Symbol)) {
    // What `type` and `*` pass on is looked up where it is declared.
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    for (const { name, declarations } of [symbol, ...members(checker, symbol)]) {
      const of = name === symbol.name ? name : `${symbol.name}.${name}`;
      const shown = (declarations ?? []).filter((node) => isPublic(node) && !seen.has(node));
      for (const node of shown) seen.add(node);
      const found = examplesOf(of, shown);
      examples.push(...found);
      if (tagsOf(shown).some((tag) => ts.isJSDocThrowsTag(tag) && tag.typeExpression)) braced.push(of);
      if (found.length === 0 && shown.some((node) => wantsExample(node, name))) bare.push(of);
    }
  }
  return { first: first as Example, examples, bare, braced };
}

/** Of a class or an interface: its members, static and inherited ones included, and how it is called. */
function members(checker: ts.TypeChecker, symbol: ts.Symbol): ts.Symbol[] {
  if (!(symbol.flags & (ts.SymbolFlags.Class | ts.SymbolFlags.Interface))) return [];
  const own = [...(symbol.members?.values() ?? []), ...(symbol.exports?.values() ?? [])];
  return [...own, ...checker.getDeclaredTypeOfSymbol(symbol).getProperties()];
}

function isPublic(node: ts.Declaration): boolean {
  const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected;
  const named = ts.getNameOfDeclaration(node);
  return (
    node.getSourceFile().fileName.startsWith(source) &&
    !(named && ts.isPrivateIdentifier(named)) &&
    !(ts.getCombinedModifierFlags(node) & hidden) &&
    !ts.getJSDocTags(node).some(({ tagName }) => tagName.text === "internal")
  );
}

function wantsExample(node: ts.Declaration, name: string): boolean {
  // A symbol names what JavaScript or the notebook calls.
  if (name === "toString" || name.startsWith("__@")) return false;
  return ts.isClassDeclaration(node) || ts.isFunctionDeclaration(node) || ts.isMethodDeclaration(node);
}

function tagsOf(nodes: readonly ts.Node[]): ts.JSDocTag[] {
  return nodes.flatMap((node) => ts.getJSDocTags(node));
}

function examplesOf(of: string, nodes: readonly ts.Node[]): Example[] {
  const tags = tagsOf(nodes).filter(({ tagName }) => tagName.text === "example");
  return tags.map(({ comment }) => ({ of, code: (ts.getTextOfJSDocComment(comment) ?? "").trim() }));
}
