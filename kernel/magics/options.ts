/** The options at the start of a magic's line, as getopt reads them: `-n1`, `-n 1`, `-qo`; the rest is left as it stands. */

/** What a magic takes: `n:` an option with a value, `q` one without. */
export interface Options {
  values: Map<string, string>;
  rest: string;
}

/**
 * @param known Letters; a colon behind one says that it takes a value.
 * @throws {Error} a sentence for an option that does not exist, and for a value that is missing.
 */
export function readOptions(magic: string, line: string, known: string): Options {
  const values = new Map<string, string>();
  let rest = line.trim();
  for (;;) {
    const word = /^-(\S+)\s*/.exec(rest);
    const letters = word?.[1] ?? "";
    // `-1` and `--x` begin a statement; a lone `--` ends the options.
    if (!word || !/^[A-Za-z]/.test(letters)) return { values, rest: rest.replace(/^--\s+/, "") };
    rest = rest.slice(word[0].length);
    for (let i = 0; i < letters.length; i++) {
      const letter = letters[i] as string;
      const at = known.indexOf(letter);
      if (letter === ":" || at < 0) {
        const all = known.replace(/(\w):?/g, "-$1 ").trim();
        throw new Error(`%${magic} has no option -${letter}; it knows ${all}`);
      }
      if (known[at + 1] !== ":") {
        values.set(letter, "");
        continue;
      }
      let value = letters.slice(i + 1);
      if (value === "") {
        const next = /^(\S+)\s*/.exec(rest);
        if (!next) throw new Error(`Expected a value behind -${letter} of %${magic}`);
        value = next[1] as string;
        rest = rest.slice(next[0].length);
      }
      values.set(letter, value);
      break;
    }
  }
}

/** A whole number among the options. */
export function wholeOption(magic: string, { values }: Options, letter: string, least: number): number | undefined {
  const text = values.get(letter);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < least)
    throw new Error(`Expected integer >= ${least} for -${letter} of %${magic} but received ${text}`);
  return value;
}
