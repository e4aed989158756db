/** The compiler's options: lenient as tslab's, or what the notebook folder's tsconfig.json says. */
import { join } from "node:path";
import ts from "typescript";
import { versionOnDisk } from "./files";

/** Options of a cell's program; `libraries` are the names of TypeScript's libraries. */
export interface Settings {
  options: ts.CompilerOptions;
  libraries: string[];
  /** Cells may hold JSX; files that end in x always may. */
  jsx: boolean;
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
  if (ts.sys.fileExists(path)) {
    // What is wrong in it counts for nothing; the rest does.
    const { config } = ts.readConfigFile(path, ts.sys.readFile);
    const host = { ...ts.sys, readDirectory: () => [] };
    own = ts.parseJsonConfigFileContent(config ?? {}, host, folder, undefined, path).options;
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
  };
}

/** Changes when `folder`'s tsconfig.json does. */
export function settingsVersion(folder: string): string {
  return versionOnDisk(join(folder, "tsconfig.json")) ?? "";
}
