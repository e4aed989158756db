/** The texts that code was compiled from, and the way from a place in the code back to the text. */
import { SourceMap } from "node:module";
import { relative } from "node:path";
import type { PositionMap } from "../engine";

/** A text, under the name that V8 shows in stacks. */
export interface Source {
  /** What the reader sees instead of the name: `cell [3]`, `helper.ts`. */
  label: string;
  lines: readonly string[];
  /** From the code to the text; undefined for what nobody wrote. */
  map: PositionMap;
}

/** All texts of the session. */
export class Places {
  readonly folder: string;
  readonly #sources = new Map<string, Source>();

  /** @param folder the notebook's */
  constructor(folder: string) {
    this.folder = folder;
  }

  remember(name: string, source: Source): void {
    this.#sources.set(name, source);
  }

  get(name: string): Source | undefined {
    return this.#sources.get(name);
  }

  /** A name for the code of a file; one that was loaded before gets another. */
  nameFor(path: string): string {
    let name = path;
    for (let version = 2; this.#sources.has(name); version++) name = `${path}?${version}`;
    return name;
  }

  /** How a reader of the notebook calls a file. */
  label(path: string): string {
    const inside = relative(this.folder, path);
    return inside.startsWith("..") ? path : inside;
  }
}

/**
 * Where a reader sees a call. V8 places one that the compiler wrote as `(0, name)(…)` at the parenthesis after it; the name
 * is where it would place `name(…)`.
 */
export function atName<T extends { line: number; column: number }>(lines: readonly string[], found: T): T {
  const text = lines[found.line] ?? "";
  const name =
    text[found.column] === "(" ? /[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.exec(text.slice(0, found.column)) : null;
  return name ? { ...found, column: name.index } : found;
}

/** The way back from code that stands `head` columns into its first line. */
export function positionMap(json: string, head: number, lines: number): PositionMap {
  let map: SourceMap | undefined;
  return (line, column) => {
    if (line >= lines || (line === 0 && column < head)) {
      return undefined;
    }
    map ??= new SourceMap(JSON.parse(json) as ConstructorParameters<typeof SourceMap>[0]);
    const found = map.findEntry(line, line === 0 ? column - head : column);
    return "originalLine" in found ? { line: found.originalLine, column: found.originalColumn } : undefined;
  };
}
