/** Options objects checked by name: an option that does not exist is an error that names the nearest one. */

/** The names of the options `T`: a name that is missing, or is none of them, does not compile. */
export type OptionNames<T> = { readonly [Name in keyof T]-?: true };

/** The names of those options among `T` that are true or false. */
export type FlagNames<T> = {
  readonly [Name in keyof T as NonNullable<T[Name]> extends boolean ? Name : never]-?: true;
};

/**
 * @param given The caller's options; undefined is none.
 * @param names The names that exist.
 * @param where The function's name as the user wrote it, for the message.
 * @throws TypeError when `given` is no object or has an unknown name.
 * @example checkOptions({ max_new_token: 5 }, { max_new_tokens: true }, "generate"); // … did you mean max_new_tokens?
 */
export function checkOptions<T extends object>(given: T | undefined, names: OptionNames<T & {}>, where: string): void {
  if (given === undefined) return;
  const known = Object.keys(names);
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    const received = given === null ? "null" : Array.isArray(given) ? "array" : typeof given;
    throw new TypeError(`Expected an object with options as the last argument of ${where} but received ${received}.`);
  }
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue;
    const near = nearest(name, known);
    const hint = near === undefined ? `it knows ${known.join(", ")}` : `did you mean ${near}?`;
    throw new TypeError(`${where} has no option ${JSON.stringify(name)}; ${hint}`);
  }
}

/**
 * Those of `given` that have one of these names, for a function that takes no others.
 *
 * @example pickOptions<ResolveOptions>(loadOptions, resolveOptions); // without device, dtype, …
 */
export function pickOptions<T extends object>(given: T, names: OptionNames<T>): T {
  return Object.fromEntries(Object.entries(given).filter(([name]) => Object.hasOwn(names, name))) as T;
}

/** The known name that a few typing errors lead to, if any. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best ?? known.find((candidate) => holdsWords(candidate, name));
}

/** Whether each word of `name` is one of the candidate's: max_tokens is meant by max_new_tokens. */
function holdsWords(candidate: string, name: string): boolean {
  const words = name.toLowerCase().split(/[_-]/);
  return words.length > 1 && words.every((word) => candidate.toLowerCase().split("_").includes(word));
}

/** Levenshtein's: how many letters must be put in, taken out or changed. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (previous[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(change, (previous[j] as number) + 1, (row[j - 1] as number) + 1));
    }
    previous = row;
  }
  return previous[b.length] as number;
}
