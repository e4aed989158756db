/**
 * Magics: what `%name` and `%%name` mean in a cell. The kernel's own are such objects, each a file in kernel/magics, and a
 * cell adds its own with {@link registerMagic}.
 */
import { inspect } from "node:util";
import { type DisplayOptions, host, type MimeBundle } from "./host";

/** What a magic may do; the kernel makes it for the running cell. */
export interface MagicContext {
  /** Aborted by the user's interrupt. */
  readonly signal: AbortSignal;
  /** The notebook's folder: `import` finds packages from here, whatever `%cd` did. */
  readonly folder: string;
  /** Runs TypeScript in the session, as a cell of its own would; gives the value of its last expression, awaited. */
  evaluate(code: string): Promise<unknown>;
  /** As {@link evaluate}, for the cell itself: a value that is a promise is not waited for, and comes in a box. */
  evaluateCell(code: string): Promise<unknown>;
  /**
   * Compiles statements once, as the body of an async function that sees the session's names; names declared inside stay
   * inside. Throws what a cell with that text would throw when it does not compile.
   */
  compile(code: string): Promise<() => Promise<unknown>>;
  /** Declares or assigns a top-level name of the session; `type` is its type as TypeScript writes it. */
  setVariable(name: string, value: unknown, type?: string): Promise<void>;
  /** The session's variables. */
  names(): SessionVariable[];
  /** The cells that were run, the running one last. */
  history(): HistoryCell[];
  /** Prints below the cell. */
  write(stream: "stdout" | "stderr", text: string): void;
  /** Shows data by MIME type below the cell. */
  display(data: MimeBundle, options?: DisplayOptions): void;
  /** Runs `run` and keeps what it would have printed and displayed. */
  capture<T>(run: () => Promise<T>): Promise<CapturedRun<T>>;
  /** What a type error does to a cell: it stops it, is shown as a warning, or is not looked for. */
  setTypecheck(mode: TypecheckMode): Promise<void>;
  /** Puts text into the cell that runs, in place of what stands there. */
  replaceCell(text: string): void;
}

/** What {@link MagicContext.capture} kept. */
export interface CapturedRun<T> {
  /** What `run` gave. */
  value: T;
  /** What it printed. */
  stdout: string;
  /** What it printed to stderr. */
  stderr: string;
  /** What it displayed, by MIME type. */
  outputs: MimeBundle[];
}

/** A variable of the session, as {@link MagicContext} lists it. */
export interface SessionVariable {
  /** As cells write it. */
  name: string;
  /** What it holds, in a word: `number`, `Array`, `function`, the name of a class. */
  type: string;
  /** What it holds. */
  value: unknown;
}

/** A cell that was run, as {@link MagicContext} lists it. */
export interface HistoryCell {
  /** The number beside the cell. */
  count: number;
  /** Its text. */
  code: string;
  /** Its value as text, where it had one. */
  output?: string;
}

/** What `%typecheck` takes. */
export type TypecheckMode = "error" | "warn" | "off";

/** An option of a magic. */
export interface MagicOption {
  /** `-n` or `--append`. */
  flag: string;
  /** Another spelling of it. */
  alias?: string;
  /** Names the value that stands behind it; without one the option is on or off. */
  value?: string;
  /** What it does, in a phrase. */
  summary: string;
}

/** What a cell gives to a magic. */
export interface MagicInput {
  /** The text behind the magic's name. */
  line: string;
  /** The same without the options. */
  rest: string;
  /** The options that were given, by their `flag`; `""` for one without a value. */
  options: Map<string, string>;
  /**
   * The lines below a `%%name`; undefined for `%name`. TypeScript stands below as many empty lines as stood above it, so that
   * an error in it names the cell's own line.
   */
  body: string | undefined;
}

/** A magic. */
export interface Magic {
  /** Without the percent signs: `timeit`. */
  name: string;
  /** Other names of it. */
  aliases?: readonly string[];
  /** `line` for `%name …`, `cell` for `%%name …` with a body. */
  kinds: readonly ("line" | "cell")[];
  /** One sentence, for `%lsmagic` and at the head of its help. */
  summary: string;
  /** What stands behind the options, in capitals: `FILE`. */
  argument?: string;
  /** What the argument may be, for completion: names, or `"files"`. */
  values?: "files" | (() => readonly string[]);
  /** Default: the magic reads its line itself. */
  options?: readonly MagicOption[];
  /** Options stand before the argument only; default: anywhere in the line. In a line of TypeScript they always do. */
  optionsFirst?: boolean;
  /** Which of its texts are TypeScript and are completed as such. `{expressions}` are filled into other lines. */
  typescript?: readonly ("line" | "body")[];
  /** A line of the body that stands between two parts of it. */
  separator?: RegExp;
  /** More of what it does, for its help. */
  details?: string;
  /** A use of it, for its help. */
  example?: string;
  /** Does it; what it gives is the value of its line, or of the cell. */
  run(context: MagicContext, input: MagicInput): Promise<unknown>;
}

/**
 * Adds a magic to the notebook: it runs, completes, and has a help as the kernel's own have. A second one of the same name
 * takes the first one's place.
 *
 * @param magic Its name, whether it stands for a line or for a cell, a sentence on what it does, and `run`.
 * @throws TypeError when a part is missing.
 * @throws Error for the name of one of the kernel's own, and outside of a notebook of phi3lab's kernel.
 * @example
 * registerMagic({
 *   name: "shout",
 *   kinds: ["line"],
 *   summary: "Prints its line in capitals.",
 *   argument: "TEXT",
 *   async run(context, { rest }) {
 *     context.write("stdout", `${rest.toUpperCase()}\n`);
 *   },
 * });
 * // From the next cell on: %shout hello
 */
export function registerMagic(magic: Magic): void {
  const wanted: [keyof Magic, boolean, string][] = [
    ["name", typeof magic?.name === "string" && /^[A-Za-z_]\w*$/.test(magic.name), "a name"],
    ["kinds", isKinds(magic?.kinds), 'a list of "line" and "cell"'],
    ["summary", typeof magic?.summary === "string", "a sentence"],
    ["run", typeof magic?.run === "function", "a function"],
  ];
  for (const [key, fits, what] of wanted)
    if (!fits)
      throw new TypeError(`Expected ${what} for ${key} of registerMagic but received ${inspect(magic?.[key])}`);
  const register = host()?.registerMagic;
  if (register === undefined)
    throw new Error("registerMagic adds a magic to a notebook of phi3lab's kernel; here is none");
  register(magic);
}

function isKinds(kinds: unknown): boolean {
  return Array.isArray(kinds) && kinds.length > 0 && kinds.every((kind) => kind === "line" || kind === "cell");
}
