/** What a cell declares and uses, by its syntax alone. */
import ts from "typescript";

/** How a name of a cell is declared; `type` has no value. */
export type Kind = "let" | "const" | "value" | "type";

/** A cell, read. */
export interface Scan {
  file: ts.SourceFile;
  /** The names that the cell declares at its top level. */
  own: Map<string, Kind>;
  /** Those of `own` that the text exports itself. */
  exported: Set<string>;
  /** Names that occur anywhere, declared or not. */
  used: Set<string>;
  /** Modules whose names `export * from` brings. */
  stars: string[];
  /** The cell has `declare global` or `declare module`: it counts for every later one. */
  ambient: boolean;
  /** The text has JSX. */
  jsx: boolean;
  /** The text begins with `// @ts-nocheck`. */
  unchecked: boolean;
}

/** Reads a text; `fileName` tells the language. */
export function scan(fileName: string, text: string): Scan {
  const file = parse(fileName, text);
  const found: Scan = {
    file,
    own: new Map(),
    exported: new Set(),
    used: new Set(),
    stars: [],
    ambient: false,
    jsx: false,
    unchecked: (file as { checkJsDirective?: { enabled: boolean } }).checkJsDirective?.enabled === false,
  };
  for (const statement of file.statements) declare(found, statement);
  findUses(found, file);
  return found;
}

/** A text, parsed as a module, where `await` is a keyword; its nodes know their parents. */
export function parse(fileName: string, text: string): ts.SourceFile {
  const setExternalModuleIndicator = (file: ts.SourceFile): void => {
    (file as { externalModuleIndicator?: ts.Node | true }).externalModuleIndicator = true;
  };
  const options = { languageVersion: ts.ScriptTarget.ES2022, setExternalModuleIndicator };
  return ts.createSourceFile(fileName, text, options, true);
}

/** What the parser says about a text. */
export function syntaxErrors(file: ts.SourceFile): ts.DiagnosticWithLocation[] {
  return (file as unknown as { parseDiagnostics: ts.DiagnosticWithLocation[] }).parseDiagnostics;
}

/** The names that a binding pattern binds. */
export function boundNames(name: ts.BindingName): string[] {
  if (ts.isIdentifier(name)) return [name.text];
  return name.elements.flatMap((each) => (ts.isOmittedExpression(each) ? [] : boundNames(each.name)));
}

/** Whether a declaration or statement has the modifier. */
export function hasModifier(node: ts.Node, kind: ts.ModifierSyntaxKind): boolean {
  return ts.canHaveModifiers(node) && ts.getModifiers(node)?.some((each) => each.kind === kind) === true;
}

/** Whether `list` declares `var`s of the text's outermost scope. */
export function isTopLevelVar(list: ts.VariableDeclarationList): boolean {
  if (list.flags & ts.NodeFlags.BlockScoped) return false;
  for (let node: ts.Node = list.parent; ; node = node.parent) {
    if (ts.isSourceFile(node)) return true;
    if (ts.isFunctionLike(node) || ts.isModuleBlock(node) || ts.isClassStaticBlockDeclaration(node)) return false;
  }
}

/** Whether a namespace has anything at run time. */
export function isInstantiated(node: ts.ModuleDeclaration): boolean {
  type Internal = { getModuleInstanceState(node: ts.ModuleDeclaration): number };
  return (ts as unknown as Internal).getModuleInstanceState(node) !== 0;
}

function declare(found: Scan, statement: ts.Statement): void {
  const { own } = found;
  const set = (name: string, kind: Kind): void => {
    if (kind !== "type" || !own.has(name)) own.set(name, kind);
    if (hasModifier(statement, ts.SyntaxKind.ExportKeyword)) found.exported.add(name);
  };
  if (ts.isVariableStatement(statement)) {
    const { declarations, flags } = statement.declarationList;
    const kind = flags & ts.NodeFlags.Const ? "const" : "let";
    for (const { name } of declarations) for (const each of boundNames(name)) set(each, kind);
  } else if (ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)) {
    if (statement.name) {
      if (hasModifier(statement, ts.SyntaxKind.DefaultKeyword)) own.set(statement.name.text, "value");
      else set(statement.name.text, "value");
    }
  } else if (ts.isEnumDeclaration(statement)) {
    set(statement.name.text, "value");
  } else if (ts.isModuleDeclaration(statement)) {
    const isName = ts.isIdentifier(statement.name) && !(statement.flags & ts.NodeFlags.GlobalAugmentation);
    if (isName) set(statement.name.text, isInstantiated(statement) ? "value" : "type");
    else found.ambient = true;
  } else if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) {
    set(statement.name.text, "type");
  } else if (ts.isImportEqualsDeclaration(statement)) {
    set(statement.name.text, statement.isTypeOnly ? "type" : "value");
  } else if (ts.isImportDeclaration(statement)) {
    declareImports(found, statement);
  } else if (ts.isExportDeclaration(statement)) {
    declareExports(found, statement);
  }
}

function declareImports({ own }: Scan, { importClause: clause }: ts.ImportDeclaration): void {
  if (clause === undefined) return;
  const kind = clause.phaseModifier === ts.SyntaxKind.TypeKeyword ? "type" : "value";
  if (clause.name) own.set(clause.name.text, kind);
  const bindings = clause.namedBindings;
  if (bindings === undefined) return;
  if (ts.isNamespaceImport(bindings)) own.set(bindings.name.text, kind);
  else for (const each of bindings.elements) own.set(each.name.text, each.isTypeOnly ? "type" : kind);
}

function declareExports(
  found: Scan,
  { exportClause: clause, moduleSpecifier, isTypeOnly }: ts.ExportDeclaration,
): void {
  if (clause === undefined) {
    if (moduleSpecifier && ts.isStringLiteral(moduleSpecifier)) found.stars.push(moduleSpecifier.text);
    return;
  }
  const names = ts.isNamespaceExport(clause) ? [clause] : clause.elements;
  for (const each of names) {
    const name = each.name.text;
    if (name === "default") continue;
    const typeOnly = isTypeOnly || (ts.isExportSpecifier(each) && each.isTypeOnly);
    if (!found.own.has(name)) found.own.set(name, typeOnly ? "type" : "value");
    found.exported.add(name);
  }
}

/** Every identifier that may refer to a name, and the `var`s inside blocks, which belong to the top level. */
function findUses(found: Scan, node: ts.Node): void {
  if (ts.isIdentifier(node)) {
    const { parent } = node;
    if (!(ts.isPropertyAccessExpression(parent) && parent.name === node)) found.used.add(node.text);
    return;
  }
  if (ts.isJsxOpeningLikeElement(node) || ts.isJsxOpeningFragment(node)) found.jsx = true;
  if (ts.isVariableDeclarationList(node) && isTopLevelVar(node)) {
    for (const { name } of node.declarations)
      for (const each of boundNames(name)) if (!found.own.has(each)) found.own.set(each, "let");
  }
  ts.forEachChild(node, (child) => findUses(found, child));
}
