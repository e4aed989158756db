/** The contract between the kernel and a magic. Each magic is a file beside this one; `table.ts` lists them all. */
import type { DisplayOptions, MimeBundle } from "../../src/host";

/** What a magic may do; made by the kernel for the running cell. */
export interface MagicContext {
  /** Aborted by the user's interrupt. */
  readonly signal: AbortSignal;
  /** Runs TypeScript in the session, as a cell of its own would; gives the value of its last expression, awaited. */
  evaluate(code: string): Promise<unknown>;
  /** As {@link evaluate}, for the cell itself: a value that is a promise is not waited for, and comes in a box. */
  evaluateCell(code: string): Promise<unknown>;
  /**
   * Compiles statements once, as the body of an async function that sees the session's names; names declared inside stay
   * inside. Throws what a cell with that text would throw when it does not compile.
   */
  compile(code: string): Promise<() => Promise<unknown>>;
  /** Declares or assigns a top-level name of the session. */
  setVariable(name: string, value: unknown, type?: string): Promise<void>;
  write(stream: "stdout" | "stderr", text: string): void;
  display(data: MimeBundle, options?: DisplayOptions): void;
  /** Runs `run` and keeps what it would have printed and displayed. */
  capture<T>(run: () => Promise<T>): Promise<{ value: T; stdout: string; stderr: string; outputs: MimeBundle[] }>;
}

export interface Magic {
  /** Without the percent signs: `timeit`. */
  name: string;
  /** `line` for `%name …`, `cell` for `%%name …` with a body. */
  kinds: readonly ("line" | "cell")[];
  /** One sentence, for `%lsmagic` and for inspection. */
  summary: string;
  /** The text after the name, and the cell's remaining lines for a cell magic. The value is the cell's (or the line's) value. */
  run(context: MagicContext, line: string, body: string | undefined): Promise<unknown>;
}
