/** The error of everything that reads model files: one sentence that names the file, what is wrong and what to do. */

/** How a file begins that Git put in place of a large one. */
const lfsPointer = "version https://git-lfs.github.com/";

/**
 * Refuses a Git LFS pointer: what a clone without Git LFS has in place of weights.
 *
 * @param start The file's first bytes, eight or more.
 */
export function refuseLfsPointer(file: string, start: string): void {
  if (start.length < 8 || !lfsPointer.startsWith(start.slice(0, lfsPointer.length))) return;
  throw new WeightsError(file, `${file} is only a Git LFS pointer to the real file; run "git lfs pull" in its folder.`);
}

/** A name from a file as a message may show it: in quotes, not too long. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name);
}

/** A model file that is damaged, foreign or not supported. `file` is its path. */
export class WeightsError extends Error {
  override name = "WeightsError";
  readonly file: string;

  constructor(file: string, message: string) {
    super(message);
    this.file = file;
  }
}

/** Throws a sentence about a file, which it begins with: `refusal(file)("has no layers")`. */
export const refusal =
  (file: string) =>
  (what: string): never => {
    throw new WeightsError(file, `${file} ${what}.`);
  };
