/** The compiler of a session: cells one after another, each against what earlier ones declared. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { GLOBALS_DECLARATION } from "../globals";
import { packageRoot, packageTypes } from "../packages";
import type { CompiledCell, CompiledModule, Compiler, Resolution } from "../compiled";
import type { Completeness, Completion, Diagnostic, TypecheckMode } from "../engine";
import { JSX_ADVICE } from "../advice";
import { Assist } from "./assist";
import { cellCode } from "./cell_code";
import { moduleComment, readCell } from "./cell_text";
import { inWordsOfCells, isError, toDiagnostic } from "./diagnostics";
import { declarationsOf, Environment, exportsOf, isImportedValue } from "./environment";
import { isPackaged, versionOnDisk } from "./files";
import { asksForJsx } from "./jsx";
import { DECLARATION, implementationOf, moduleFormat } from "./local_file";
import { moduleCode } from "./module_code";
import { CellProgram, newDocuments } from "./program";
import { parse, type Scan, syntaxErrors } from "./scan";
import type { Language } from "./transpile";

export interface CompilerOptions {
  /** The notebook's folder. */
  folder: string;
  language: "typescript" | "javascript";
  /** tslab's declarations. */
  tslabTypes: string;
}

/** A cell that was compiled and may yet be kept. */
interface Pending {
  id: number;
  scan: Scan;
  text: string;
  jsx: boolean;
}

const SOURCE = /\.(?:[cm]?[jt]s|[jt]sx)$/;
/** So many programs are garbage worth collecting. */
const MANY_PROGRAMS = 10;
/** Shown at most, of the complaints about one local file. */
const FILE_WARNINGS = 3;

export class SessionCompiler implements Compiler {
  readonly #program: CellProgram;
  readonly #environment: Environment;
  readonly #assist: Assist;
  readonly #options: CompilerOptions;
  /** Text and version of the cells that are modules. */
  readonly #modules = new Map<string, { text: string; version: number }>();
  /** Local files and the version whose complaints were told. */
  readonly #told = new Map<string, string>();
  #toldMistakes: readonly ts.Diagnostic[] = [];
  #typecheck: TypecheckMode = "error";
  #pending: Pending | undefined;
  /** A cell that is kept, whose declarations are yet to be written. */
  #kept: Pending | undefined;
  /** Programs that were there when garbage was last worth collecting. */
  #programs = 0;
  #cells = 0;

  /** `documents`: libraries that were read already. */
  constructor(options: CompilerOptions, documents = newDocuments()) {
    this.#options = options;
    this.#program = new CellProgram({
      folder: options.folder,
      packages: { phi3lab: packageTypes(packageRoot), tslab: options.tslabTypes },
      globals: GLOBALS_DECLARATION,
      home: packageRoot,
      language: options.language,
      documents,
    });
    this.#environment = new Environment(this.#program);
    this.#assist = new Assist(
      ...([this.#program, this.#environment, options.folder] as const),
      () => this.#typecheck !== "error",
    );
    if (options.language === "javascript") this.#typecheck = "off";
  }

  setTypecheck(mode: TypecheckMode): Promise<void> {
    this.#typecheck = mode;
    return Promise.resolve();
  }

  cell(code: string): Promise<CompiledCell> {
    this.#settle();
    return Promise.resolve(this.#cell(code));
  }

  keep(id: number): Promise<void> {
    if (this.#pending?.id === id) {
      this.#kept = this.#pending;
      this.#pending = undefined;
    }
    return Promise.resolve();
  }

  /** Does what can wait until the kept cell runs; whether that left much garbage. */
  tidy(): boolean {
    this.#settle();
    const renewed = this.#program.renew();
    const many = this.#program.programs - this.#programs >= MANY_PROGRAMS;
    if (many || renewed) this.#programs = this.#program.programs;
    return many || renewed;
  }

  /** Writes the declarations of the cell that was kept: the next one sees them. */
  #settle(): void {
    const kept = this.#kept;
    this.#kept = undefined;
    if (kept === undefined || (kept.scan.own.size === 0 && !kept.scan.ambient)) return;
    // A completion may have taken the cell's place meanwhile.
    if (this.#program.files.textOf(this.#program.cellPath) !== kept.text) this.#program.setCell(kept.text, kept.jsx);
    this.#environment.add(kept.scan, declarationsOf(this.#program, kept.scan));
  }

  module(path: string): Promise<CompiledModule> {
    return Promise.resolve(this.#module(path));
  }

  resolve(specifier: string, from?: string): Promise<Resolution> {
    return Promise.resolve(this.#resolve(specifier, from));
  }

  complete(code: string, offset: number): Promise<Completion> {
    this.#settle();
    return Promise.resolve(this.#assist.complete(code, offset));
  }

  inspect(code: string, offset: number): Promise<string | undefined> {
    this.#settle();
    return Promise.resolve(this.#assist.inspect(code, offset));
  }

  isComplete(code: string): Promise<Completeness> {
    return Promise.resolve(this.#assist.isComplete(code));
  }

  #cell(code: string): CompiledCell {
    this.#cells += 1;
    const id = this.#cells;
    const nothing: CompiledCell = { id, errors: [], warnings: [], hasValue: false };
    const module = moduleComment(code);
    if (module.isBrowser) {
      const message = "Cells for the browser (@browser) are not supported: this kernel runs every cell in Node.js.";
      return { ...nothing, errors: [{ line: 0, column: 0, length: 1, message, code: 0 }] };
    }
    if (module.name !== undefined) return this.#addModule(module.name, module.jsx, code, nothing);
    const jsx = module.jsx || asksForJsx(code);
    const path = this.#program.pathFor(jsx);
    const plain = code.replace(/^#!/, "//");
    const [read, wrapped] = readCell(path, plain);
    const header = this.#environment.header(read);
    const missing = [...read.own.keys()].filter((name) => !read.exported.has(name));
    const exported = missing.length > 0 ? `\nexport {${missing.join(",")}};` : "";
    const text = wrapped ? `${header}(${plain}\n)` : `${header}${plain}${exported}`;
    this.#program.setCell(text, jsx);
    const cellPath = this.#program.cellPath;
    const program = this.#program.program;
    const file = program.getSourceFile(cellPath) as ts.SourceFile;
    const syntax = syntaxErrors(read.file);
    if (syntax.length > 0) {
      const errors = syntax.map((each) => toDiagnostic(each, path, 0));
      const isJsx = !path.endsWith("x") && /<[\w>]/.test(code) && syntaxErrors(parse(`${path}x`, code)).length === 0;
      return { ...nothing, errors: isJsx ? [{ ...(errors[0] as Diagnostic), message: JSX_ADVICE }] : errors };
    }
    const found = this.#typecheck === "off" || read.unchecked ? [] : this.#check(program, file);
    const complaints = found.map((each) => inWordsOfCells(toDiagnostic(each, cellPath, 1), read.own));
    if (this.#typecheck === "error" && complaints.length > 0) return { ...nothing, errors: complaints };
    const names = {
      isEarlier: (name: string) => this.#environment.hasValue(name),
      isValue: (name: string) => isImportedValue(this.#program, name),
      exportsOf: (specifier: string) => exportsOf(this.#program, specifier),
    };
    for (const specifier of read.stars) for (const name of names.exportsOf(specifier)) read.own.set(name, "value");
    const strict = this.#options.language === "typescript";
    const { javascript, hasValue } = cellCode(read, this.#language(), names, strict);
    this.#pending = { id, scan: read, text, jsx };
    const warnings = [...this.#settingsWarnings(), ...complaints, ...this.#fileWarnings(program)];
    return { id, errors: [], warnings, hasValue, javascript };
  }

  #check(program: ts.Program, file: ts.SourceFile): ts.Diagnostic[] {
    // A program that took in several cells has complaints about all of them.
    return program.getSemanticDiagnostics(file).filter((each) => isError(each) && each.file === file);
  }

  /** What is wrong in tsconfig.json, once for each version. */
  #settingsWarnings(): Diagnostic[] {
    const { mistakes } = this.#program;
    if (mistakes === this.#toldMistakes) return [];
    this.#toldMistakes = mistakes;
    return mistakes.map((each) => toDiagnostic(each, this.#program.cellPath, 1));
  }

  /** Type errors of local files, once for each version: such a file still runs. */
  #fileWarnings(program: ts.Program): Diagnostic[] {
    if (this.#typecheck === "off") return [];
    return program.getSourceFiles().flatMap((file) => {
      const { fileName: path } = file;
      if (isPackaged(path) || file.isDeclarationFile || path === this.#program.cellPath || path.endsWith(".json"))
        return [];
      const version = this.#program.files.versionOf(path);
      if (this.#told.get(path) === version) return [];
      this.#told.set(path, version);
      const found = this.#check(program, file).map((each) => toDiagnostic(each, this.#program.cellPath, 1));
      return found.slice(0, FILE_WARNINGS);
    });
  }

  /** A cell that is a module: a file of the session beside the notebook. */
  #addModule(name: string, jsx: boolean, code: string, nothing: CompiledCell): CompiledCell {
    const path = join(this.#options.folder, `${name}${jsx ? ".tsx" : ".ts"}`);
    const syntax = syntaxErrors(parse(path, code));
    if (syntax.length > 0) return { ...nothing, errors: syntax.map((each) => toDiagnostic(each, path, 0)) };
    this.#program.files.set(path, code);
    this.#modules.set(path, { text: code, version: nothing.id });
    this.#program.retryImports();
    // A cell that imports it for its complaints alone.
    this.#program.setCell(`import ${JSON.stringify(`./${name}`)};\n`);
    const program = this.#program.program;
    const file = program.getSourceFile(path);
    const found = file && this.#typecheck !== "off" ? this.#check(program, file) : [];
    const complaints = found.map((each) => toDiagnostic(each, path, 0));
    this.#told.set(path, this.#program.files.versionOf(path));
    if (this.#typecheck === "error" && complaints.length > 0) return { ...nothing, errors: complaints };
    return { ...nothing, warnings: complaints, module: name };
  }

  #module(path: string): CompiledModule {
    const text = this.#modules.get(path)?.text ?? readFileSync(path, "utf8");
    if (path.endsWith(".json")) return { errors: [], format: "json", text };
    const file = parse(path, text);
    const format = moduleFormat(file);
    const syntax = syntaxErrors(file);
    if (syntax.length > 0) {
      const errors = syntax.map((each) => ({ ...toDiagnostic(each, "", 0), file: path }));
      return { errors, format, text };
    }
    if (format === "module") return { errors: [], format, text, javascript: moduleCode(file, this.#language()) };
    const compilerOptions = { ...this.#language(), module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 };
    const made = ts.transpileModule(text, {
      fileName: path,
      compilerOptions: { ...compilerOptions, esModuleInterop: true, allowJs: true, sourceMap: true },
    });
    const code = made.outputText.replace(/\n?\/\/# sourceMappingURL=.*\s*$/, "");
    return { errors: [], format, text, javascript: { code, isAsync: false, map: made.sourceMapText ?? "" } };
  }

  #resolve(specifier: string, from?: string): Resolution {
    const importer = from ?? join(this.#options.folder, "__cell__.ts");
    if (isPackaged(importer) || /^(?:node|data|https?|npm|jsr):/.test(specifier)) return { kind: "node" };
    this.#program.retryMissing();
    const found = this.#program.resolve(specifier, importer).resolvedModule?.resolvedFileName;
    if (found === undefined || isPackaged(found)) return { kind: "node" };
    const path = DECLARATION.test(found) ? implementationOf(found) : found;
    const own = path === undefined ? undefined : this.#modules.get(path);
    if (path !== undefined && own) return { kind: "local", path, version: `session ${own.version}` };
    if (path === undefined || !(SOURCE.test(path) || path.endsWith(".json"))) return { kind: "node" };
    // The library and tslab are packages although nothing says so where they are developed.
    if (path.startsWith(join(packageRoot, "dist"))) return { kind: "node" };
    const version = versionOnDisk(path);
    return version === undefined ? { kind: "node" } : { kind: "local", path, version };
  }

  #language(): Language {
    const jsx = this.#program.hasJsx ? this.#program.options.jsx : undefined;
    const { jsxFactory, jsxFragmentFactory, jsxImportSource, experimentalDecorators } = this.#program.options;
    const { emitDecoratorMetadata, useDefineForClassFields } = this.#program.options;
    const known = { jsx, jsxFactory, jsxFragmentFactory, jsxImportSource, experimentalDecorators };
    const all: Language = { ...known, emitDecoratorMetadata, useDefineForClassFields };
    const emits = all.jsx === ts.JsxEmit.Preserve || all.jsx === ts.JsxEmit.ReactNative ? ts.JsxEmit.ReactJSX : all.jsx;
    return Object.fromEntries(Object.entries({ ...all, jsx: emits }).filter(([, value]) => value !== undefined));
  }
}
