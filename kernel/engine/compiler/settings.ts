/** The compiler's options: lenient as tslab's, or what the notebook folder's tsconfig.json says. */
import { statSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

/** Options of a cell's program; `libraries` are the names of TypeScript's libraries. */
export interface Settings {
  options: ts.CompilerOptions;
  libraries: string[];
  /** Cells may hold JSX; files that end in x always may. */
  jsx: boolean;
  /** What is wrong with tsconfig.json. */
  problems: string[];
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

/** Reads `folder`'s tsconfig.json, if there is one. */
export function readSettings(folder: string): Settings {
  const path = join(folder, "tsconfig.json");
  let own: ts.CompilerOptions = {};
  const problems: string[] = [];
  if (ts.sys.fileExists(path)) {
    const { config, error } = ts.readConfigFile(path, ts.sys.readFile);
    const host = { ...ts.sys, readDirectory: () => [] };
    const parsed = ts.parseJsonConfigFileContent(config ?? {}, host, folder, undefined, path);
    const noInputs = [18002, 18003];
    for (const each of [...(error ? [error] : []), ...parsed.errors]) {
      if (!noInputs.includes(each.code)) problems.push(ts.flattenDiagnosticMessageText(each.messageText, "\n"));
    }
    own = parsed.options;
  }
  const libraries = (own.lib as string[] | undefined) ?? ["esnext"];
  const decorators = own.experimentalDecorators ? ["decorators.legacy"] : [];
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
    libraries: [...new Set([...libraries, "esnext.disposable", "decorators", "decorators.legacy", ...decorators])],
    jsx: own.jsx !== undefined,
    problems,
  };
}

/** Changes when `folder`'s tsconfig.json does. */
export function settingsVersion(folder: string): string {
  const found = statSync(join(folder, "tsconfig.json"), { throwIfNoEntry: false, bigint: true });
  return found ? `${found.mtimeNs} ${found.size} ${found.ino}` : "";
}
