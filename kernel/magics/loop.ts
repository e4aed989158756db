/** A timed loop over code of a cell, for `%timeit` and `%%bench`: compiled once, the clock inside the compiled function. */
import type { MagicContext } from "../../src/magic";

const slot = "__phi3lab_timeit__";

/** What the compiled function is told each time: how often to run, and the clock. */
export interface Loop {
  loops: number;
  now: () => number;
}

/**
 * Compiles a loop over `code`; each call runs `setup`, then the loop, and gives what the loop took. The body keeps its
 * lines: everything of ours stands before its first and after its last. It is a function of its own, so that a `return` in
 * it ends one loop and a `break` does not compile; one without `await` is called without one.
 */
export async function compileLoop(
  context: MagicContext,
  setup: string,
  code: string,
): Promise<(loop: Loop) => Promise<number>> {
  const waits = /\bawait\b/.test(code);
  const body = `const $phi3lab_body = ${waits ? "async " : ""}() => {`;
  const loop = `for (let $i = 0; $i < $shared.loops; $i++) ${waits ? "await " : ""}$phi3lab_body();`;
  const measure = `const $shared = (globalThis as any).${slot} as { loops: number; now: () => number }; const $start = $shared.now(); ${loop} return $shared.now() - $start;`;
  // Set-up may end in a comment, so a line ends it: the one that the body has to spare below its magic's line.
  const [before, rest] = code.startsWith("\n") ? ["\n", code.slice(1)] : ["", code];
  const compiled = await context.compile(`${setup}${before};${body}${rest}\n}; ${measure}`);
  return async (shared) => {
    context.signal.throwIfAborted();
    const lent = globalThis as Record<string, unknown>;
    lent[slot] = shared;
    try {
      return (await compiled()) as number;
    } finally {
      delete lent[slot];
    }
  };
}
