/** What the session has run, in memory, as `history_request` asks for it. */

import type { HistoryCell } from "../../src/magic";

/** `[session, line, input]`, or with output `[session, line, [input, output]]`. */
export type HistoryEntry = [session: number, line: number, text: string | [string, string | null]];

/** The cells that were run with `store_history`. */
export class History {
  readonly #entries: { line: number; input: string; output: string | null }[] = [];

  /** Adds a cell; the returned function sets the text of its result. */
  add(line: number, input: string): (output: string) => void {
    const entry: { line: number; input: string; output: string | null } = { line, input, output: null };
    this.#entries.push(entry);
    return (output) => {
      entry.output = output;
    };
  }

  /** All of them, the running one last. */
  cells(): HistoryCell[] {
    return this.#entries.map(({ line, input, output }) => ({ count: line, code: input, output: output ?? undefined }));
  }

  /** The content of `history_reply`. This process is session 1; session 0 means the current one. */
  answer(request: Record<string, unknown>): { status: "ok"; history: HistoryEntry[] } {
    const withOutput = request.output === true;
    const history = this.#select(request).map(
      ({ line, input, output }): HistoryEntry => [1, line, withOutput ? [input, output] : input],
    );
    return { status: "ok", history };
  }

  #select(request: Record<string, unknown>): { line: number; input: string; output: string | null }[] {
    const n = typeof request.n === "number" ? Math.max(0, request.n) : 10;
    switch (request.hist_access_type) {
      case "range": {
        const session = typeof request.session === "number" ? request.session : 0;
        const start = typeof request.start === "number" ? request.start : 0;
        const stop = typeof request.stop === "number" ? request.stop : Number.POSITIVE_INFINITY;
        const ours = session === 0 || session === 1;
        return ours ? this.#entries.filter(({ line }) => line >= start && line < stop) : [];
      }
      case "search": {
        const pattern = glob(typeof request.pattern === "string" ? request.pattern : "*");
        let found = this.#entries.filter(({ input }) => pattern.test(input));
        if (request.unique === true) {
          found = found.filter(({ input }, i) => !found.slice(i + 1).some((later) => later.input === input));
        }
        return n === 0 ? [] : found.slice(-n);
      }
      default:
        return n === 0 ? [] : this.#entries.slice(-n);
    }
  }
}

/** A shell pattern (`*`, `?`) as a regular expression over the whole text. */
function glob(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", "[\\s\\S]*")
    .replaceAll("?", "[\\s\\S]");
  return new RegExp(`^${source}$`);
}
