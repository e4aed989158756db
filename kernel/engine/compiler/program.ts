/** The program that a cell is checked in: the cell, what earlier cells declared, the libraries, and what all these import. */
import { join } from "node:path";
import ts from "typescript";
import { Files, isPackaged } from "./files";
import { Growth } from "./growth";
import { isDeclared, joinedLibraries } from "./libraries";
import { NOWHERE, realpath, resolvedAs, typeRoots } from "./resolution";
import { readSettings, type Settings, settingsVersion } from "./settings";

/** Between two looks for what was not found, while a cell is typed, in milliseconds. */
const RETRY_MS = 2_000;
/** What earlier cells declared, by number. */
const CHUNK = /^\.\/__cell_(\d+)$/;
/** The file of what a cell declared. */
const CHUNK_FILE = /\/__cell_\d+\.d\.ts$/;

export interface ProgramOptions {
  /** The notebook's folder. */
  folder: string;
  /** Packages that every cell may import, name to declaration file. */
  packages: Record<string, string>;
  /** Declarations of the names that every cell knows. */
  globals: string;
  /** A folder whose packages are found where the notebook's has none: Node's types are. */
  home: string;
  language: "typescript" | "javascript";
  /** What was read already. */
  documents: ts.DocumentRegistry;
}

/** Where documents are kept, which several programs can share. */
export function newDocuments(): ts.DocumentRegistry {
  return ts.createDocumentRegistry(true, "/");
}

export class CellProgram {
  readonly files = new Files();
  readonly service: ts.LanguageService;
  /** Chunks that count for every cell. */
  readonly #ambient = new Set<number>();
  readonly #growth: Growth;
  readonly #options: ProgramOptions;
  #libraryFiles: string[] = [];
  readonly #globalsFile: string;
  readonly #inPackages = new Map<string, ts.ResolvedModuleWithFailedLookupLocations>();
  #resolutions: ts.ModuleResolutionCache;
  #settings: Settings;
  #settingsVersion: string;
  readonly #withoutDeclared = new WeakSet<ts.SourceFile>();
  #missing = false;
  #retried = 0;
  /** The files' version that the service's program stands for. */
  #known = -1;
  #programs = 0;

  constructor(options: ProgramOptions) {
    this.#options = options;
    this.#growth = new Growth({
      ...{ files: this.files, home: options.home, isChunk: (path) => CHUNK_FILE.test(path) },
      chunk: (path) => (CHUNK_FILE.test(path) ? this.files.snapshot(path) : undefined),
      resolve: (specifier, from) => this.resolve(specifier, from),
    });
    this.#globalsFile = join(options.home, "__globals__.d.ts");
    this.#settingsVersion = settingsVersion(options.folder);
    this.#settings = this.#readSettings();
    this.#resolutions = this.#newCache();
    this.#setLibraries();
    this.files.set(this.#globalsFile, options.globals, "1");
    this.files.set(this.cellPath, "export {};\n");
    this.service = ts.createLanguageService(this.#host(), this.#documents());
  }

  /** Where the current cell lies. JSX needs an ending of its own, and is read where tsconfig.json or a pragma says how. */
  get cellPath(): string {
    return this.#cellPath;
  }
  #cellPath = "";

  get options(): ts.CompilerOptions {
    return this.#settings.options;
  }

  /** Whether tsconfig.json says what JSX makes. */
  get hasJsx(): boolean {
    return this.#settings.jsx;
  }

  /** What is wrong in tsconfig.json. */
  get mistakes(): readonly ts.Diagnostic[] {
    return this.#settings.mistakes;
  }

  /** Packages that every cell may import though they are not installed. */
  get lent(): string[] {
    return Object.keys(this.#options.packages);
  }

  get program(): ts.Program {
    const program = this.service.getProgram() as ts.Program;
    for (const file of program.getSourceFiles()) this.#dropDeclared(file);
    return program;
  }

  /** A package's imports of what Node's types declare, 340 in these alone, would be looked up for each cell. */
  #dropDeclared(file: ts.SourceFile & { imports?: ts.StringLiteralLike[] }): void {
    if (this.#withoutDeclared.has(file) || !isPackaged(file.fileName)) return;
    this.#withoutDeclared.add(file);
    file.imports = file.imports?.filter(({ text }) => !isDeclared(text));
  }

  /** Puts a cell in its place; `jsx`: the text itself asks for JSX, `typing`: it is not run yet. */
  setCell(text: string, jsx = false, typing = false): void {
    const version = settingsVersion(this.#options.folder);
    if (version !== this.#settingsVersion) {
      this.#settingsVersion = version;
      const before = this.#settings.libraries.join();
      this.#settings = this.#readSettings();
      this.#resolutions = this.#newCache();
      if (before !== this.#settings.libraries.join()) this.#setLibraries();
      this.#known = -1;
    }
    // Most of what is not found while a cell is typed is a name that is not whole.
    if (!typing || performance.now() - this.#retried > RETRY_MS) this.retryMissing();
    const path = this.pathFor(jsx);
    const joins = path === this.#cellPath && this.#isKnown && this.#growth.join(this.program, path, text);
    if (path !== this.#cellPath) this.files.delete(this.#cellPath);
    this.#cellPath = path;
    this.files.set(path, text);
    if (joins) this.#known = this.files.version;
  }

  /** Makes another program if the one that there is has taken in much, and has it look at the cell; whether it did. */
  renew(): boolean {
    if (!this.#growth.isLarge) return false;
    this.#known = -1;
    const { program } = this;
    program.getSemanticDiagnostics(program.getSourceFile(this.#cellPath));
    return true;
  }

  /** The programs that the service has made. */
  get programs(): number {
    return this.#programs;
  }

  /** Adds what a cell declared; `ambient`: it counts for every cell. */
  addChunk(number: number, declarations: string, ambient: boolean): void {
    const path = this.chunkPath(number);
    const isKnown = this.#isKnown;
    this.files.set(path, declarations);
    this.#growth.reach.add(path, declarations);
    if (ambient) this.#ambient.add(number);
    else if (isKnown) this.#known = this.files.version;
  }

  /** Deletes what a cell declared, which nothing leads to. */
  deleteChunk(number: number): void {
    const isKnown = this.#isKnown;
    this.files.delete(this.chunkPath(number));
    this.#growth.reach.delete(this.chunkPath(number));
    if (isKnown) this.#known = this.files.version;
  }

  /** Whether the service's program is the one of the files as they are. */
  get #isKnown(): boolean {
    return this.files.version === this.#known;
  }

  /** The path of a cell, by which the compiler knows its language. */
  pathFor(jsx: boolean): string {
    const isJsx = jsx || this.#settings.jsx;
    const extension = this.#options.language === "javascript" ? ".jsx" : isJsx ? ".tsx" : ".ts";
    return join(this.#options.folder, `__cell__${extension}`);
  }

  chunkPath(number: number): string {
    return join(this.#options.folder, `__cell_${number}.d.ts`);
  }

  /** Where an import leads, as the compiler sees it. */
  resolve(specifier: string, from: string): ts.ResolvedModuleWithFailedLookupLocations {
    const chunk = CHUNK.exec(specifier);
    if (chunk) return resolvedAs(this.chunkPath(Number(chunk[1])), ts.Extension.Dts);
    const known = this.#options.packages[specifier];
    if (known !== undefined) return resolvedAs(known, ts.Extension.Dts);
    // There is nothing to look for, nor to look for again.
    if (isDeclared(specifier)) return NOWHERE;
    const { options } = this.#settings;
    const host = this.#resolutionHost();
    const found = ts.resolveModuleName(specifier, from, options, host, this.#resolutions);
    if (found.resolvedModule) return found;
    if (!specifier.startsWith(".")) {
      const atHome = ts.resolveModuleName(specifier, join(this.#options.home, "x.ts"), options, host);
      if (atHome.resolvedModule) return atHome;
    }
    // What a package itself does not find is nothing that will come.
    this.#missing ||= !isPackaged(from);
    return found;
  }

  /** Looks again if something was not found. */
  retryMissing(): void {
    if (this.#missing) this.retryImports();
  }

  /** Looks again for what was not found: it may have been made or installed meanwhile. */
  retryImports(): void {
    this.#missing = false;
    this.#retried = performance.now();
    this.#resolutions = this.#newCache();
    this.#inPackages.clear();
    this.#growth.reach.forget();
    this.files.forgetPackages();
  }

  /** Documents of the disk stay read when a cell does not use them: the next one may. */
  #documents(): ts.DocumentRegistry {
    const { documents } = this.#options;
    const release = documents.releaseDocumentWithKey as (path: ts.Path, ...rest: unknown[]) => void;
    const releaseDocumentWithKey = (path: ts.Path, ...rest: unknown[]): void => {
      if (this.files.isSession(path)) release(path, ...rest);
    };
    return { ...documents, releaseDocumentWithKey };
  }

  #setLibraries(): void {
    const { libraries } = this.#settings;
    this.#libraryFiles = joinedLibraries(libraries).map((text, i) => {
      const path = join(this.#options.home, `__lib_${i}__.d.ts`);
      this.files.set(path, text, libraries.join());
      return path;
    });
  }

  #readSettings(): Settings {
    const settings = readSettings(this.#options.folder);
    settings.options.typeRoots = [join(this.#options.folder, "node_modules/@types"), ...typeRoots(this.#options.home)];
    return settings;
  }

  #newCache(): ts.ModuleResolutionCache {
    return ts.createModuleResolutionCache(this.#options.folder, (name) => name, this.#settings.options);
  }

  #resolutionHost(): ts.ModuleResolutionHost {
    return {
      fileExists: (path) => this.files.exists(path),
      readFile: (path) => this.files.read(path),
      directoryExists: ts.sys.directoryExists,
      getDirectories: ts.sys.getDirectories,
      getCurrentDirectory: () => this.#options.folder,
      realpath: (path) => (this.files.isSession(path) ? path : realpath(path)),
    };
  }

  /** Changes when the service has to make another program. */
  #programVersion(): string {
    if (!this.#isKnown) {
      this.#growth.end();
      this.#known = this.files.version;
      this.#programs += 1;
    }
    return `${this.#programs}`;
  }

  #host(): ts.LanguageServiceHost & { getModuleResolutionCache(): ts.ModuleResolutionCache } {
    const { folder } = this.#options;
    return {
      ...this.#resolutionHost(),
      readFile: (path) => this.files.read(path),
      fileExists: (path) => this.files.exists(path),
      getCompilationSettings: () => this.#settings.options,
      getProjectVersion: () => this.#programVersion(),
      getCurrentDirectory: () => folder,
      getDefaultLibFileName: (options) => ts.getDefaultLibFilePath(options),
      getScriptFileNames: () => [
        ...this.#libraryFiles,
        this.#globalsFile,
        this.#cellPath,
        ...[...this.#ambient].map((number) => this.chunkPath(number)),
      ],
      getScriptVersion: (path) => this.files.versionOf(path),
      getScriptSnapshot: (path) => this.files.snapshot(path),
      readDirectory: ts.sys.readDirectory,
      useCaseSensitiveFileNames: () => ts.sys.useCaseSensitiveFileNames,
      // Keeps what was looked up of package.json files from program to program.
      getModuleResolutionCache: () => this.#resolutions,
      resolveModuleNameLiterals: (literals, from) =>
        literals.map(({ text }) => {
          if (!isPackaged(from)) return this.resolve(text, from);
          const key = `${from}\0${text}`;
          const found = this.#inPackages.get(key) ?? this.resolve(text, from);
          this.#inPackages.set(key, found);
          return found;
        }),
    };
  }
}
