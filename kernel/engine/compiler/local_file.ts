/** What kind of module a local file is, and where its code lies. */
import { existsSync } from "node:fs";
import { extname } from "node:path";
import ts from "typescript";

/** A file of declarations. */
export const DECLARATION = /\.d\.(?:\w+\.)?[cm]?ts$/;

/** The JavaScript that a declaration file beside it describes. */
export function implementationOf(declaration: string): string | undefined {
  const base = declaration.replace(DECLARATION, "");
  return [".js", ".mjs", ".cjs", ".json"].map((extension) => base + extension).find((path) => existsSync(path));
}

/** Whether a file is an ES module or CommonJS, by its ending or else by what it says. */
export function moduleFormat({ fileName, statements, text }: ts.SourceFile): "module" | "commonjs" {
  const extension = extname(fileName);
  if (extension === ".mjs" || extension === ".mts") return "module";
  if (extension === ".cjs" || extension === ".cts") return "commonjs";
  const isCommonjs = statements.some(
    (each) =>
      (ts.isExportAssignment(each) && each.isExportEquals) ||
      (ts.isImportEqualsDeclaration(each) && ts.isExternalModuleReference(each.moduleReference)),
  );
  if (isCommonjs) return "commonjs";
  const isModule = statements.some(
    (each) =>
      ts.isImportDeclaration(each) ||
      ts.isExportDeclaration(each) ||
      ts.isExportAssignment(each) ||
      (ts.canHaveModifiers(each) && ts.getModifiers(each)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)),
  );
  if (isModule) return "module";
  return /\b(?:module\.exports|exports\.\w+\s*=|require\()/.test(text) ? "commonjs" : "module";
}
