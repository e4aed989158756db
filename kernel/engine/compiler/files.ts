/** The files that the compiler reads: those on the disk, and those of the session, which exist nowhere else. */
import { type BigIntStats, statSync } from "node:fs";
import ts from "typescript";
import { isNodeTypes, joinedReferences } from "./libraries";

interface Entry {
  text: string;
  version: string;
  snapshot: ts.IScriptSnapshot;
}

/** JSON of more characters is read as a shorter one of the same shape. */
const LONG_JSON = 100_000;
/** Elements of an array in a long JSON that tell the shape of all. */
const SAMPLES = 50;

export class Files {
  readonly #session = new Map<string, Entry>();
  readonly #disk = new Map<string, Entry>();
  readonly #exists = new Map<string, boolean>();
  #version = 0;

  /** Changes with every change of a file of the session. */
  get version(): number {
    return this.#version;
  }

  /** Puts a file of the session in its place; without a `version` it is one that was not there before. */
  set(path: string, text: string, version?: string): void {
    this.#version += 1;
    const snapshot = ts.ScriptSnapshot.fromString(text);
    this.#session.set(path, { text, version: version ?? `${this.#version}`, snapshot });
  }

  /** The text of a file of the session. */
  textOf(path: string): string | undefined {
    return this.#session.get(path)?.text;
  }

  delete(path: string): void {
    this.#version += 1;
    this.#session.delete(path);
  }

  isSession(path: string): boolean {
    return this.#session.has(path);
  }

  exists(path: string): boolean {
    if (this.#session.has(path)) return true;
    if (!isPackaged(path)) return ts.sys.fileExists(path);
    const known = this.#exists.get(path);
    if (known !== undefined) return known;
    const exists = ts.sys.fileExists(path);
    this.#exists.set(path, exists);
    return exists;
  }

  read(path: string): string | undefined {
    return this.#entry(path)?.text ?? ts.sys.readFile(path);
  }

  snapshot(path: string): ts.IScriptSnapshot | undefined {
    return this.#entry(path)?.snapshot;
  }

  versionOf(path: string): string {
    return this.#entry(path)?.version ?? "";
  }

  /** Forgets which files of packages there are: some may just have been installed. */
  forgetPackages(): void {
    this.#exists.clear();
    for (const path of this.#disk.keys()) if (isPackaged(path)) this.#disk.delete(path);
    this.#version += 1;
  }

  #entry(path: string): Entry | undefined {
    const own = this.#session.get(path);
    if (own) return own;
    const known = this.#disk.get(path);
    if (known && isPackaged(path)) return known;
    const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
    if (!stat?.isFile()) return undefined;
    const version = fileVersion(stat);
    if (known?.version === version) return known;
    let text = ts.sys.readFile(path);
    if (text === undefined) return undefined;
    if (isNodeTypes(path)) text = joinedReferences(path, text);
    if (path.endsWith(".json") && text.length > LONG_JSON) text = shortened(text);
    const entry = { text, version, snapshot: ts.ScriptSnapshot.fromString(text) };
    this.#disk.set(path, entry);
    return entry;
  }
}

/** What tells a file from what it was. */
function fileVersion({ mtimeNs, ctimeNs, size, ino }: BigIntStats): string {
  return `${mtimeNs} ${ctimeNs} ${size} ${ino}`;
}

/** The version of a file on the disk; undefined when there is none. */
export function versionOnDisk(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stat && fileVersion(stat);
}

/** Whether a file belongs to a package, which changes only when something is installed. */
export function isPackaged(path: string): boolean {
  return path.includes("/node_modules/");
}

/** A JSON text with fewer elements in its arrays, which has about the same type. */
function shortened(text: string): string {
  const cut = (value: unknown): unknown => {
    if (Array.isArray(value)) {
      const step = Math.max(1, Math.floor(value.length / SAMPLES));
      return value
        .filter((_each, i) => i % step === 0)
        .slice(0, SAMPLES)
        .map(cut);
    }
    if (typeof value === "string") return value.slice(0, 8);
    if (typeof value !== "object" || value === null) return value;
    const entries = Object.entries(value);
    return Object.fromEntries(entries.map(([key, each]) => [key, cut(each)]));
  };
  try {
    return JSON.stringify(cut(JSON.parse(text)));
  } catch {
    return text;
  }
}
