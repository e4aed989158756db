/**
 * tslab's TypeScript compiler, seen through a wrapper that gives cells what tslab's own settings lack: packages with
 * `exports` resolve, `phi3lab` and `tslab` are known in any folder, Node's types are always there, `for await` may stand at
 * the top level, and source maps tell where a line of JavaScript came from.
 *
 * The wrapper takes the compiler's place in Node's module cache, so it must be installed before tslab's converter loads.
 */
import { SourceMap } from "node:module";
import { dirname, join } from "node:path";
import type * as TypeScript from "@tslab/typescript-for-tslab";
import type { PositionMap } from "./engine";
import { GLOBALS_DECLARATION } from "./globals";
import { withShorthand } from "./shorthand";

/** What the wrapper notes down while a cell is converted. */
export interface Notes {
  /** Source map of TypeScript to JavaScript, and of that to CommonJS. */
  typescriptMap?: string;
  commonjsMap?: string;
}

/** Where the compiler finds the declarations of the packages that every cell may import. */
export interface KnownPackages {
  /** Name to the path of a `.d.ts` file. */
  [name: string]: string;
}

type Compiler = typeof TypeScript;
const SOURCE_MAP_COMMENT = /\n?\/\/# sourceMappingURL=\S*\s*$/;
const GLOBALS_FILE = join(__dirname, "__phi3lab_globals__.d.ts");

/**
 * The cell with blanks for its `export` modifiers, everything else in its place: names of a cell are the session's anyway,
 * and code that was written as a module should run as it is.
 */
export function withoutExports(ts: Compiler, code: string): string {
  if (!/\bexport\b/.test(code)) {
    return code;
  }
  let text = code;
  for (const statement of ts.createSourceFile("cell.ts", code, ts.ScriptTarget.Latest).statements) {
    const named = "name" in statement || ts.isVariableStatement(statement);
    for (const modifier of (named && ts.canHaveModifiers(statement) && ts.getModifiers(statement)) || []) {
      if (modifier.kind === ts.SyntaxKind.ExportKeyword || modifier.kind === ts.SyntaxKind.DefaultKeyword) {
        const start = modifier.end - (modifier.kind === ts.SyntaxKind.ExportKeyword ? "export" : "default").length;
        text = text.slice(0, start) + " ".repeat(modifier.end - start) + text.slice(modifier.end);
      }
    }
  }
  return text;
}

/** `after` with the namespaces of `before` that it does not declare anew: tslab's converter forgets them after a cell. */
export function keepNamespaces(ts: Compiler, before: string, after: string): string {
  if (!/\b(?:namespace|module)\b/.test(before)) {
    return after;
  }
  const parse = (text: string): TypeScript.SourceFile => ts.createSourceFile("d.ts", text, ts.ScriptTarget.Latest);
  const nameOf = (statement: TypeScript.Statement): string[] =>
    ts.isVariableStatement(statement)
      ? statement.declarationList.declarations.map(({ name }) => (ts.isIdentifier(name) ? name.text : ""))
      : [(statement as { name?: { text?: string } }).name?.text ?? ""];
  const declared = new Set(parse(after).statements.flatMap(nameOf));
  const kept = parse(before).statements.filter((each) => ts.isModuleDeclaration(each) && !declared.has(each.name.text));
  return after + kept.map((each) => `${before.slice(each.pos, each.end).trim()}\n`).join("");
}

/** Puts the wrapper in the compiler's place; what it notes goes into `notes()`. */
export function installCompiler(packages: KnownPackages, notes: () => Notes): Compiler {
  const path = require.resolve("@tslab/typescript-for-tslab", {
    paths: [dirname(require.resolve("tslab/package.json"))],
  });
  const ts = require(path) as Compiler;
  const replaced: Record<string, unknown> = {
    createWatchCompilerHost: (
      roots: string[],
      options: TypeScript.CompilerOptions,
      sys: TypeScript.System,
      _createProgram: unknown,
      ...rest: []
    ) => {
      addGlobalsFile(sys);
      const improved = improveOptions(ts, options, packages);
      return ts.createWatchCompilerHost([...roots, GLOBALS_FILE], improved, sys, createProgram(ts, notes), ...rest);
    },
    createWatchProgram: (host: never) => {
      const watch = ts.createWatchProgram(host) as unknown as TypeScript.WatchOfFilesAndCompilerOptions<never>;
      const update = watch.updateRootFileNames;
      watch.updateRootFileNames = (names) => update([...names, GLOBALS_FILE]);
      return watch;
    },
    transpileModule: (input: string, options: TypeScript.TranspileOptions) => {
      const compilerOptions = { ...options.compilerOptions, sourceMap: true };
      const result = ts.transpileModule(input, { ...options, compilerOptions });
      notes().commonjsMap = result.sourceMapText;
      return { ...result, outputText: result.outputText.replace(SOURCE_MAP_COMMENT, "\n") };
    },
  };
  // The compiler's exports are getters that cannot be redefined, so its place is taken by a copy.
  const descriptors: PropertyDescriptorMap = Object.getOwnPropertyDescriptors(ts);
  for (const [name, value] of Object.entries(replaced)) {
    descriptors[name] = { value, enumerable: true, writable: true, configurable: true };
  }
  const wrapper = Object.defineProperties({}, descriptors) as Compiler;
  (require.cache[path] as NodeJS.Module).exports = wrapper;
  return wrapper;
}

/** From a place in the CommonJS output to the cell's text. `linesBefore`: lines that tslab puts before the text. */
export function positionMap(notes: Notes, linesBefore: number): PositionMap | undefined {
  if (notes.typescriptMap === undefined || notes.commonjsMap === undefined) {
    return undefined;
  }
  const { typescriptMap, commonjsMap } = notes;
  let maps: { inner: SourceMap; outer: SourceMap } | undefined;
  return (line, column) => {
    maps ??= { inner: new SourceMap(JSON.parse(typescriptMap)), outer: new SourceMap(JSON.parse(commonjsMap)) };
    const middle = maps.outer.findEntry(line, column);
    if (!("originalLine" in middle)) {
      return undefined;
    }
    const source = maps.inner.findEntry(middle.originalLine, middle.originalColumn);
    if (!("originalLine" in source) || source.originalLine < linesBefore) {
      return undefined;
    }
    return { line: source.originalLine - linesBefore, column: source.originalColumn };
  };
}

function improveOptions(
  ts: Compiler,
  options: TypeScript.CompilerOptions,
  packages: KnownPackages,
): TypeScript.CompilerOptions {
  const paths = Object.fromEntries(Object.entries(packages).map(([name, file]) => [name, [file]]));
  return {
    ...options,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ["lib.es2023.d.ts"],
    paths,
    types: ["node"],
    typeRoots: [nodeTypes(), ...(options.typeRoots ?? [])],
    sourceMap: true,
  };
}

/** The folder that holds the types of Node: ours, or else tslab's. */
function nodeTypes(): string {
  const places = [__dirname, dirname(require.resolve("tslab/package.json"))];
  return dirname(dirname(require.resolve("@types/node/package.json", { paths: places })));
}

/** Makes the compiler read the declarations of the globals from a file that does not exist. */
function addGlobalsFile(sys: TypeScript.System): void {
  const { readFile, fileExists, watchFile } = sys;
  sys.readFile = (path, encoding) => (path === GLOBALS_FILE ? GLOBALS_DECLARATION : readFile(path, encoding));
  sys.fileExists = (path) => path === GLOBALS_FILE || fileExists(path);
  sys.watchFile = (path, ...rest) =>
    path === GLOBALS_FILE ? { close: () => undefined } : (watchFile as NonNullable<typeof watchFile>)(path, ...rest);
}

/** Programs whose `emit` hands the source map over instead of writing it. */
function createProgram(ts: Compiler, notes: () => Notes): TypeScript.CreateProgram<TypeScript.BuilderProgram> {
  return (...args) => {
    const program = ts.createEmitAndSemanticDiagnosticsBuilderProgram(...(args as [never, never]));
    const emit = program.emit.bind(program);
    program.emit = (file, writeFile, cancellation, onlyDeclarations, transformers) => {
      const write: TypeScript.WriteFileCallback = (name, text, ...more) => {
        if (!name.endsWith(".map")) {
          writeFile?.(name, text.replace(SOURCE_MAP_COMMENT, "\n"), ...more);
        } else if (name.endsWith("__tslab__.js.map")) {
          notes().typescriptMap = text;
        }
      };
      const custom = withShorthand(ts, program.getProgram(), transformers);
      return emit(file, write, cancellation, onlyDeclarations, custom);
    };
    return program;
  };
}

/**
 * True when the cell awaits outside of functions. tslab's converter takes `await (…)` at the top level for a call, and does
 * not look for `for await`.
 */
export function awaitsAtTopLevel(ts: Compiler, code: string): boolean {
  const find = (node: TypeScript.Node): boolean =>
    ts.isAwaitExpression(node) ||
    (ts.isForOfStatement(node) && node.awaitModifier !== undefined) ||
    (!ts.isFunctionLike(node) && ts.forEachChild(node, find) === true);
  // An export makes it a module, where `await` is a keyword.
  return /\bawait\b/.test(code) && find(ts.createSourceFile("cell.ts", `export {};\n${code}`, ts.ScriptTarget.Latest));
}
