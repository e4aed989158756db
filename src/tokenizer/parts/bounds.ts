/**
 * What encoding a text may use up. A tokenizer comes from the network: its expressions can backtrack for years, its
 * normalizers multiply a text. What is slow can only be ended from outside, which V8's own watchdog does.
 */
import { createContext, Script } from "node:vm";

/** What went wrong in a part of a tokenizer, in words for its user. */
export class TokenizerError extends Error {}

/** Two seconds, and ten microseconds a character: twenty times what encoding takes. */
export const longest = { milliseconds: 2_000, perCharacter: 0.01 };
/** How long a text may become: a hundred times what it was, and some. */
const growth = { factor: 100, base: 1_000_000 };
/** Below this, parts that are known to take a time linear in the text need no watchdog. */
const shortText = 4_096;

let part = "";
let mostCharacters = Infinity;

/** Names the part that runs now, for errors. */
export function enter(name: string): void {
  part = name;
}

/** To be called with the length of what a part makes. @throws TokenizerError when it is too long. */
export function checkLength(length: number): void {
  if (length > mostCharacters) {
    throw new TokenizerError(`its ${part} makes more than ${mostCharacters} characters of a text`);
  }
}

const shared: { run: () => unknown } = { run: () => undefined };
let watched: { script: Script; context: object } | undefined;

/**
 * Runs what encodes a text of `length` characters.
 *
 * @param trusted Whether its time is known to be linear in the text.
 * @throws TokenizerError when it takes more than some seconds or makes too much of the text.
 */
export function bounded<T>(length: number, trusted: boolean, run: () => T): T {
  mostCharacters = growth.base + growth.factor * length;
  if (trusted && length < shortText) return run();
  watched ??= { script: new Script("run()"), context: createContext(shared) };
  shared.run = run;
  const timeout = Math.round(longest.milliseconds + longest.perCharacter * length);
  try {
    return watched.script.runInContext(watched.context, { timeout }) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException | null)?.code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
    throw new TokenizerError(
      `its ${part} took more than ${Math.round(timeout / 1000)} seconds for ${length} characters`,
    );
  } finally {
    shared.run = () => undefined;
  }
}
