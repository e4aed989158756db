/**
 * A program that takes in further cells. The checker of a new program reads every type of the libraries anew, which is most of
 * a small cell's work and most of its garbage. So a cell that imports what earlier cells declared, and nothing else, joins the
 * program that is there, whose checker looks at new files as it comes upon them; and so does what that cell declares.
 */
import ts from "typescript";

type Resolved = ts.ResolvedModuleWithFailedLookupLocations;
/** Why a file is in a program, as far as it matters here: because a file's import of that number leads to it. */
type Reason = { kind: typeof BY_IMPORT; file: string; index: number };

/** What a program has beyond its public face. */
interface Internal {
  getResolvedModule(file: ts.SourceFile, name: string, mode: unknown): Resolved;
  getFileIncludeReasons(): ReadonlyMap<string, readonly object[]>;
}

interface Binder {
  bindSourceFile(file: ts.SourceFile, options: ts.CompilerOptions): void;
}

/** TypeScript's `FileIncludeKind.Import`. */
const BY_IMPORT = 3;

export interface GrowingOptions {
  program: ts.Program;
  /** The cell that the program was made for. */
  cell: ts.SourceFile;
  /** The text of what a cell declared. */
  chunk(path: string): ts.IScriptSnapshot | undefined;
  resolve(specifier: string, from: string): Resolved;
}

export class GrowingProgram {
  /** Makes the program what it was: the service is about to make another of it. */
  readonly end: () => void;
  readonly #options: GrowingOptions;
  /** What cells declared, as far as it was added. */
  readonly #chunks = new Map<string, ts.SourceFile>();
  #cell: ts.SourceFile;
  #reasons: ReadonlyMap<string, readonly object[]> | undefined;
  #count = 0;
  #size = 0;

  constructor(options: GrowingOptions) {
    const { program, cell, resolve } = options;
    this.#options = options;
    this.#cell = cell;
    const others = program.getSourceFiles().filter((file) => file !== cell);
    const before = program as ts.Program & Internal;
    const { getSourceFile, getSourceFiles, getResolvedModule, getFileIncludeReasons } = before;
    const own: Partial<ts.Program & Internal> = {
      getSourceFile: (path) => (path === cell.fileName ? this.#cell : (getSourceFile(path) ?? this.#chunk(path))),
      getSourceFiles: () => [...others, ...this.#chunks.values(), this.#cell],
      getResolvedModule: (file, name, mode) =>
        this.#isAdded(file) ? resolve(name, file.fileName) : getResolvedModule(file, name, mode),
      getFileIncludeReasons: () => {
        this.#reasons ??= new Map([...getFileIncludeReasons(), ...this.#ownReasons()]);
        return this.#reasons;
      },
    };
    Object.assign(program, own);
    this.end = () =>
      Object.assign(program, { getSourceFile, getSourceFiles, getResolvedModule, getFileIncludeReasons });
  }

  /** Characters that were added. */
  get size(): number {
    return this.#size;
  }

  /** Puts a cell in the place of the one before; false if the text is not one for that. */
  setCell(text: string): boolean {
    const file = this.#read(this.#cell.fileName, ts.ScriptSnapshot.fromString(text));
    if (asksForMore(file)) return false;
    this.#cell = file;
    this.#reasons = undefined;
    return true;
  }

  #isAdded(file: ts.SourceFile): boolean {
    return file === this.#cell ? file !== this.#options.cell : this.#chunks.get(file.fileName) === file;
  }

  #chunk(path: string): ts.SourceFile | undefined {
    const known = this.#chunks.get(path);
    const snapshot = known ? undefined : this.#options.chunk(path);
    if (snapshot === undefined) return known;
    const file = this.#read(path, snapshot);
    this.#chunks.set(path, file);
    return file;
  }

  #read(fileName: string, snapshot: ts.IScriptSnapshot): ts.SourceFile {
    this.#count += 1;
    this.#size += snapshot.getLength();
    const { languageVersion } = this.#options.cell;
    const file = ts.createLanguageServiceSourceFile(fileName, snapshot, languageVersion, `${this.#count}`, false);
    // The checker keeps complaints by a file's path: each text needs one of its own.
    const path = fileName.replace(/\.[^/]*$/, `.${this.#count}$&`);
    const internal = { path, resolvedPath: path, originalFileName: fileName, imports: importsOf(file) };
    Object.assign(file, internal, { moduleAugmentations: [], ambientModuleNames: [] });
    (ts as unknown as Binder).bindSourceFile(file, this.#options.program.getCompilerOptions());
    return file;
  }

  /** By these the compiler names a module in a declaration as the cell does. */
  #ownReasons(): Map<string, Reason[]> {
    const { path, imports } = this.#cell as ts.SourceFile & { path: string; imports: ts.StringLiteralLike[] };
    const found = new Map<string, Reason[]>();
    for (const [index, { text }] of imports.entries()) {
      const target = this.#options.resolve(text, this.#cell.fileName).resolvedModule?.resolvedFileName;
      if (target) found.set(target, [...(found.get(target) ?? []), { kind: BY_IMPORT, file: path, index }]);
    }
    return found;
  }
}

/** The modules that a file imports, wherever it says so. */
export function importsOf(file: ts.SourceFile): ts.StringLiteralLike[] {
  const found: ts.StringLiteralLike[] = [];
  const add = (node: ts.Node | undefined): void => {
    if (node && ts.isStringLiteralLike(node)) found.push(node);
  };
  for (const each of file.statements) {
    if (ts.isImportDeclaration(each) || ts.isExportDeclaration(each)) add(each.moduleSpecifier);
    else if (ts.isImportEqualsDeclaration(each) && ts.isExternalModuleReference(each.moduleReference))
      add(each.moduleReference.expression);
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal);
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node.arguments[0]);
    ts.forEachChild(node, visit);
  };
  if (/\bimport\s*\(/.test(file.text)) visit(file);
  return found;
}

/** Whether a cell counts for other files, or brings some by other means than imports, or has comments that govern complaints. */
function asksForMore(file: ts.SourceFile): boolean {
  const { commentDirectives } = file as { commentDirectives?: unknown[] };
  const others = [file.referencedFiles, file.typeReferenceDirectives, file.libReferenceDirectives, commentDirectives];
  const isAmbient = (each: ts.Statement): boolean => ts.isModuleDeclaration(each) && !isNamespace(each);
  return others.some((each) => each !== undefined && each.length > 0) || file.statements.some(isAmbient);
}

function isNamespace({ name, flags }: ts.ModuleDeclaration): boolean {
  return ts.isIdentifier(name) && !(flags & ts.NodeFlags.GlobalAugmentation);
}
