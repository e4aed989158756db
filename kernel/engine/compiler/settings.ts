/** The compiler's options: lenient as tslab's, or what the notebook folder's tsconfig.json says. */
import { join } from "node:path";
import ts from "typescript";
import { versionOnDisk } from "./files";
import { syntaxErrors } from "./scan";

/** Options of a cell's program; `libraries` are the names of TypeScript's libraries. */
export interface Settings {
  options: ts.CompilerOptions;
  libraries: string[];
  /** Cells may hold JSX; files that end in x always may. */
  jsx: boolean;
  /** What is wrong in tsconfig.json; the rest of it counts. */
  mistakes: readonly ts.Diagnostic[];
}

/** What a tsconfig.json may not change: cells are modules that are bundled by nobody and written nowhere. */
const FIXED: ts.CompilerOptions = {
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  moduleDetection: ts.ModuleDetectionKind.Force,
  target: ts.ScriptTarget.ES2022,
  noLib: true,
  declaration: true,
  emitDeclarationOnly: true,
  noEmit: false,
  noEmitOnError: false,
  composite: false,
  incremental: false,
  isolatedModules: false,
  isolatedDeclarations: false,
  verbatimModuleSyntax: false,
  erasableSyntaxOnly: false,
  noUnusedLocals: false,
  noUnusedParameters: false,
  allowUnusedLabels: true,
  skipLibCheck: true,
  skipDefaultLibCheck: true,
  esModuleInterop: true,
  allowSyntheticDefaultImports: true,
  resolveJsonModule: true,
  allowJs: true,
  checkJs: false,
  allowImportingTsExtensions: true,
  preserveConstEnums: true,
  newLine: ts.NewLineKind.LineFeed,
  sourceMap: false,
  inlineSourceMap: false,
  declarationMap: false,
};
const DROPPED = [
  "outDir",
  "outFile",
  "rootDir",
  "rootDirs",
  "declarationDir",
  "tsBuildInfoFile",
  "lib",
  "ignoreDeprecations",
  "inlineSources",
];

/** A tsconfig.json that names no files, or none that are there, is right for a notebook. */
const ABOUT_FILES = new Set([18002, 18003]);

/** Reads `folder`'s tsconfig.json, if there is one. */
export function readSettings(folder: string): Settings {
  const path = join(folder, "tsconfig.json");
  let own: ts.CompilerOptions = {};
  let mistakes: ts.Diagnostic[] = [];
  if (ts.sys.fileExists(path)) {
    const file = ts.readJsonConfigFile(path, ts.sys.readFile);
    const host = { ...ts.sys, readDirectory: () => [] };
    const parsed = ts.parseJsonSourceFileConfigFileContent(file, host, folder, undefined, path);
    own = parsed.options;
    mistakes = [...syntaxErrors(file), ...parsed.errors].filter(({ code }) => !ABOUT_FILES.has(code));
  }
  const libraries = (own.lib as string[] | undefined) ?? ["esnext"];
  const options: ts.CompilerOptions = {
    ...{ strict: false, jsx: ts.JsxEmit.Preserve, types: ["node"] },
    ...own,
    ...FIXED,
  };
  for (const name of DROPPED) delete options[name];
  // Paths without a base are relative to the file; a base is on its way out of TypeScript.
  options.ignoreDeprecations = "6.0";
  options.types = [...new Set(["node", ...(own.types ?? [])])].filter((each) => each !== "*");
  return {
    options,
    libraries: [...new Set([...libraries, "esnext.disposable", "decorators", "decorators.legacy"])],
    jsx: own.jsx !== undefined,
    mistakes,
  };
}

/** Changes when `folder`'s tsconfig.json does. */
export function settingsVersion(folder: string): string {
  return versionOnDisk(join(folder, "tsconfig.json")) ?? "";
}
