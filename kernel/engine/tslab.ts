/**
 * The first engine: tslab's converter (TypeScript 5.0.4) behind the kernel's seam, on the main thread. Loading it takes
 * about a second, so it is loaded with the first call, not before.
 */
import { dirname, join } from "node:path";
import type { CompletionInfo, Converter } from "tslab/dist/converter";
import type { CodeMetadata } from "tslab/dist/metadata";
import { awaitsAtTopLevel, installCompiler, keepNamespaces, type Notes, positionMap, withoutExports } from "./compiler";
import type { Completeness, Completion, Converted, Diagnostic, Engine } from "./engine";
import { packageRoot, packageTypes } from "./packages";

/** tslab puts `export {};` before a cell. */
const LINES_BEFORE = 1;

/** The parts of tslab that the kernel uses. */
interface Tslab {
  compiler: ReturnType<typeof installCompiler>;
  createConverter(): Converter;
  isCompleteCode(code: string): { completed: boolean; indent?: string };
  getCodeMetadata(code: string): CodeMetadata;
  printQuickInfo(info: unknown): string;
}

/** tslab's converter as an {@link Engine}. `guard` runs work that no interrupt may tear apart. */
export class TslabEngine implements Engine {
  readonly #guard: <T>(work: () => T) => T;
  #tslab: Tslab | undefined;
  #converter: Converter | undefined;
  #notes: Notes = {};
  /** Declarations of all that kept cells declared. */
  #declarations = "";

  constructor(guard: <T>(work: () => T) => T = (work) => work()) {
    this.#guard = guard;
  }

  async convert(code: string): Promise<Converted> {
    return this.#work((tslab, converter) => {
      const metadata = tslab.getCodeMetadata(code);
      if (metadata.module !== undefined) {
        const diagnostics = converter.addModule(metadata.module, code, metadata);
        return { diagnostics: diagnostics.map(toDiagnostic) };
      }
      if (metadata.mode === "browser") {
        throw new Error("Cells for the browser (@browser) are not supported: this kernel runs every cell in Node.js.");
      }
      this.#notes = {};
      const { diagnostics, ...result } = converter.convert(this.#declarations, withoutExports(tslab.compiler, code));
      if (diagnostics.length > 0) {
        return { diagnostics: withoutEchoes(diagnostics.map(toDiagnostic)) };
      }
      return {
        diagnostics: [],
        output: result.output,
        hasToplevelAwait: result.hasToplevelAwait === true || awaitsAtTopLevel(tslab.compiler, code),
        lastExpressionVar: result.lastExpressionVar,
        sideOutputs: result.sideOutputs,
        map: positionMap(this.#notes, LINES_BEFORE),
        state: keepNamespaces(tslab.compiler, this.#declarations, result.declOutput ?? ""),
      };
    });
  }

  keep(converted: Converted): void {
    this.#declarations = converted.state ?? this.#declarations;
  }

  async complete(code: string, offset: number): Promise<Completion> {
    return this.#work((_tslab, converter) => {
      const info = converter.complete(this.#declarations, code, offset);
      const kinds = new Map(entriesOf(info).map((entry) => [entry.name, entry.kind]));
      const matches = info.candidates.map((text) => ({ text, type: kinds.get(text) ?? "" }));
      return { start: info.start, end: info.end, matches };
    });
  }

  async inspect(code: string, offset: number): Promise<string | undefined> {
    return this.#work((tslab, converter) => {
      const info = converter.inspect(this.#declarations, code, offset);
      return info && tslab.printQuickInfo(info);
    });
  }

  async isComplete(code: string): Promise<Completeness> {
    return this.#work((tslab) => {
      const result = tslab.isCompleteCode(code);
      return result.completed ? { status: "complete" } : { status: "incomplete", indent: result.indent ?? "" };
    });
  }

  dispose(): void {
    this.#converter?.close();
    this.#converter = undefined;
  }

  /** Runs `work` on the converter; one that failed inside is replaced, for it may be half changed. */
  #work<T>(work: (tslab: Tslab, converter: Converter) => T): T {
    return this.#guard(() => {
      this.#tslab ??= loadTslab(() => this.#notes);
      this.#converter ??= this.#tslab.createConverter();
      try {
        return work(this.#tslab, this.#converter);
      } catch (error) {
        this.dispose();
        throw error;
      }
    });
  }
}

/** Loads tslab over the improved compiler; says which of its functions is missing if one is. */
function loadTslab(notes: () => Notes): Tslab {
  const dist = join(dirname(require.resolve("tslab/package.json")), "dist");
  const packages = { phi3lab: packageTypes(packageRoot), tslab: join(dist, "public.d.ts") };
  const parts = {
    compiler: installCompiler(packages, notes),
    ...(require(join(dist, "converter.js")) as object),
    ...(require(join(dist, "metadata.js")) as object),
    ...(require(join(dist, "inspect.js")) as object),
  } as unknown as Tslab;
  for (const name of ["createConverter", "isCompleteCode", "getCodeMetadata", "printQuickInfo"] as const) {
    if (typeof parts[name] !== "function") {
      throw new Error(`tslab has no function ${name}: the kernel needs tslab 1.0.22; "npm ci" installs it.`);
    }
  }
  return parts;
}

function entriesOf(info: CompletionInfo): readonly { name: string; kind: string }[] {
  return info.original?.entries ?? [];
}

/** Complaints about declarations (TS4000 to TS4999) where another one says what is wrong are left out. */
function withoutEchoes(diagnostics: Diagnostic[]): Diagnostic[] {
  const isEcho = ({ code }: Diagnostic): boolean => code >= 4000 && code < 5000;
  const first = diagnostics.filter((each) => !isEcho(each));
  return first.length > 0 ? first : diagnostics;
}

interface TslabDiagnostic {
  start: { offset: number; line: number; character: number };
  end: { offset: number; line: number; character: number };
  messageText: string;
  code: number;
  fileName?: string;
}

function toDiagnostic({ start, end, messageText, code, fileName }: TslabDiagnostic): Diagnostic {
  const length = end.line === start.line ? Math.max(1, end.character - start.character) : 1;
  return { line: start.line, column: start.character, length, message: messageText, code, file: fileName };
}
