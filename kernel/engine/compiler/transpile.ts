/** From TypeScript to a function's body: what cells and modules share. */
import ts from "typescript";
import type { JavaScript } from "../compiled";
import type { Replace } from "./rewrite";
import { Rewriter } from "./rewrite";

const f = ts.factory;

/** Options that change what code means; those of the notebook folder's tsconfig.json. */
export interface Language {
  jsx?: ts.JsxEmit;
  jsxFactory?: string;
  jsxFragmentFactory?: string;
  jsxImportSource?: string;
  experimentalDecorators?: boolean;
  emitDecoratorMetadata?: boolean;
  useDefineForClassFields?: boolean;
}

/** How the statements of a text are rewritten. */
export interface Plan {
  replace: Replace;
  hoistVars: boolean;
  /** The statements of the result. */
  statements(rewriter: Rewriter, file: ts.SourceFile): ts.Statement[];
}

/** A module that is imported, as an expression: `await $import("x", { … })`. */
export function importCall(specifier: ts.Expression, attributes?: ts.ImportAttributes): ts.Expression {
  const options = attributes?.elements.map(({ name, value }) => f.createPropertyAssignment(name, value));
  const args = options ? [specifier, f.createObjectLiteralExpression(options)] : [specifier];
  return f.createAwaitExpression(f.createCallExpression(f.createIdentifier("$import"), undefined, args));
}

/** `const name = value;` with the place of `range`. */
export function constant(name: string | ts.Identifier, value: ts.Expression, range: ts.TextRange): ts.Statement {
  const list = f.createVariableDeclarationList(
    [f.createVariableDeclaration(name, undefined, undefined, value)],
    ts.NodeFlags.Const,
  );
  return ts.setTextRange(f.createVariableStatement(undefined, list), range);
}

/** `name(…);` */
export function callStatement(name: string, ...args: ts.Expression[]): ts.Statement {
  return f.createExpressionStatement(f.createCallExpression(f.createIdentifier(name), undefined, args));
}

/** The statement's modifiers without `export`, `default` and what `more` names. */
export function withoutExport(node: ts.HasModifiers, ...more: ts.SyntaxKind[]): ts.ModifierLike[] | undefined {
  const dropped: ts.SyntaxKind[] = [ts.SyntaxKind.ExportKeyword, ts.SyntaxKind.DefaultKeyword, ...more];
  return node.modifiers?.filter(({ kind }) => !dropped.includes(kind));
}

/**
 * A parsed text as JavaScript; what `head` gives, once the statements are made, stands before its first line, as the map
 * knows. The tree serves once.
 */
export function transpile(file: ts.SourceFile, language: Language, plan: Plan, head: () => string): JavaScript {
  let isAsync = false;
  const before: ts.TransformerFactory<ts.SourceFile> = (context) => (file) => {
    (ts as unknown as { bindSourceFile(file: ts.SourceFile, options: object): void }).bindSourceFile(file, {});
    const statements = plan.statements(new Rewriter(file, context, plan.replace, plan.hoistVars), file);
    return f.updateSourceFile(file, ts.setTextRange(f.createNodeArray(statements), file.statements));
  };
  // Imports that TypeScript adds itself, those of JSX; what awaits at the top level is seen here, too.
  const after: ts.TransformerFactory<ts.SourceFile> = () => (file) => {
    const statements = file.statements.flatMap((each) => (ts.isImportDeclaration(each) ? addedImport(each) : [each]));
    isAsync = statements.some(awaits);
    return f.updateSourceFile(file, statements);
  };
  const { code: emitted, map } = emit(file, language, { before: [before], after: [after] });
  const code = emitted.replace(/^export \{\};\s*$/gm, "").replace(/\n?\/\/# sourceMappingURL=.*\s*$/, "");
  const start = head();
  return { code: start + code, isAsync, map: shifted(map, start.length) };
}

/** What TypeScript's `transpileModule` does, with a tree instead of a text: parsing is most of the work in a long literal. */
function emit(
  file: ts.SourceFile,
  language: Language,
  transformers: ts.CustomTransformers,
): { code: string; map: string } {
  const options: ts.CompilerOptions = {
    jsx: ts.JsxEmit.React,
    ...language,
    module: ts.ModuleKind.ESNext,
    moduleDetection: ts.ModuleDetectionKind.Force,
    target: ts.ScriptTarget.ES2022,
    sourceMap: true,
    newLine: ts.NewLineKind.LineFeed,
    allowJs: true,
    isolatedModules: true,
    noCheck: true,
    noLib: true,
    noResolve: true,
    suppressOutputPathCheck: true,
    allowNonTsExtensions: true,
  };
  const written = { code: "", map: "" };
  const program = ts.createProgram([file.fileName], options, {
    getSourceFile: (path) => (path === file.fileName ? file : undefined),
    writeFile: (path, text) => {
      written[path.endsWith(".map") ? "map" : "code"] = text;
    },
    getDefaultLibFileName: () => "lib.d.ts",
    useCaseSensitiveFileNames: () => true,
    getCanonicalFileName: (path) => path,
    getCurrentDirectory: () => "",
    getNewLine: () => "\n",
    fileExists: (path) => path === file.fileName,
    readFile: () => "",
    directoryExists: () => true,
    getDirectories: () => [],
  });
  program.emit(undefined, undefined, undefined, false, transformers);
  return written;
}

/** A source map whose first line begins `columns` later. */
function shifted(map: string, columns: number): string {
  if (columns === 0 || map === "") return map;
  const parsed = JSON.parse(map) as { mappings: string };
  const end = parsed.mappings.search(/[,;]|$/);
  const first = parsed.mappings.slice(0, end);
  if (first === "") return map;
  parsed.mappings = encodeVlq(decodeVlq(first) + columns) + first.slice(vlqLength(first)) + parsed.mappings.slice(end);
  return JSON.stringify(parsed);
}

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Digits of the first number of a segment. */
function vlqLength(segment: string): number {
  let length = 1;
  while (BASE64.indexOf(segment[length - 1] as string) & 32) length++;
  return length;
}

function decodeVlq(segment: string): number {
  let value = 0;
  for (let i = 0; i < vlqLength(segment); i++) value += (BASE64.indexOf(segment[i] as string) & 31) << (5 * i);
  return value & 1 ? -(value >> 1) : value >> 1;
}

function encodeVlq(number: number): string {
  let rest = number < 0 ? (-number << 1) | 1 : number << 1;
  let text = "";
  do {
    const digit = rest & 31;
    rest >>= 5;
    text += BASE64[rest > 0 ? digit | 32 : digit];
  } while (rest > 0);
  return text;
}

function addedImport({ importClause, moduleSpecifier }: ts.ImportDeclaration): ts.Statement[] {
  const bindings = importClause?.namedBindings;
  if (bindings === undefined || !ts.isNamedImports(bindings)) return [];
  const elements = bindings.elements.map((each) =>
    f.createBindingElement(undefined, each.propertyName ?? each.name, each.name),
  );
  const list = f.createVariableDeclarationList(
    [
      f.createVariableDeclaration(
        f.createObjectBindingPattern(elements),
        undefined,
        undefined,
        importCall(moduleSpecifier),
      ),
    ],
    ts.NodeFlags.Const,
  );
  return [f.createVariableStatement(undefined, list)];
}

/** Whether a node awaits outside of functions. */
function awaits(node: ts.Node): boolean {
  if (ts.isAwaitExpression(node)) return true;
  if (ts.isForOfStatement(node) && node.awaitModifier !== undefined) return true;
  const isAwaitUsing = ts.NodeFlags.AwaitUsing;
  if (ts.isVariableDeclarationList(node) && (node.flags & isAwaitUsing) === isAwaitUsing) return true;
  if (ts.isFunctionLike(node) || ts.isClassStaticBlockDeclaration(node)) return false;
  return ts.forEachChild(node, (child) => awaits(child) || undefined) === true;
}
