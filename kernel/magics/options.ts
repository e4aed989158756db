/**
 * The options in a magic's line. Those with one letter are read as getopt does: `-n1`, `-n 1`, `-qo`; those with a word as
 * argparse does: `--out NAME`, `--out=NAME`. The rest is left as it stands.
 */
import type { Magic, MagicOption } from "../../src/magic";

export interface Options {
  /** By their flag; `""` for one without a value. */
  options: Map<string, string>;
  rest: string;
}

/** @throws {Error} a sentence for an option that does not exist, and for a value that is missing. */
export function readOptions(magic: Magic, line: string): Options {
  const options = new Map<string, string>();
  let rest = line.trim();
  if (magic.options === undefined) return { options, rest };
  const first = magic.optionsFirst === true || magic.typescript?.includes("line") === true;
  /** Words before an option that stands behind them. */
  let kept = "";
  for (;;) {
    const word = /^(--?)([A-Za-z][^\s]*)\s*/.exec(rest);
    if (!word || (word[1] === "--" && !magic.options.some(({ flag, alias }) => isLong(flag) || isLong(alias)))) {
      if (/^--(?:\s|$)/.test(rest)) return { options, rest: kept + rest.replace(/^--\s*/, "") };
      const other = first ? null : /^(?:"[^"]*"|'[^']*'|\S+)\s*/.exec(rest);
      if (!other) return { options, rest: (kept + rest).trim() };
      kept += other[0];
      rest = rest.slice(other[0].length);
      continue;
    }
    rest = rest.slice(word[0].length);
    const value = (): string => {
      const next = /^("[^"]*"|'[^']*'|\S+)\s*/.exec(rest);
      if (!next) throw new Error(`Expected a value behind ${word[1]}${word[2]} of %${magic.name}`);
      rest = rest.slice(next[0].length);
      return next[1] as string;
    };
    if (word[1] === "--") {
      const [name = "", ...given] = (word[2] as string).split("=");
      const option = find(magic, `--${name}`);
      options.set(option.flag, option.value === undefined ? "" : given.length > 0 ? given.join("=") : value());
      continue;
    }
    const letters = word[2] as string;
    for (let i = 0; i < letters.length; i++) {
      const option = find(magic, `-${letters[i]}`);
      if (option.value === undefined) {
        options.set(option.flag, "");
        continue;
      }
      options.set(option.flag, letters.slice(i + 1) || value());
      break;
    }
  }
}

const isLong = (flag: string | undefined): boolean => flag?.startsWith("--") === true;

function find(magic: Magic, given: string): MagicOption {
  const found = magic.options?.find(({ flag, alias }) => flag === given || alias === given);
  if (found) return found;
  const known = magic.options?.map(({ flag }) => flag).join(" ");
  throw new Error(`%${magic.name} has no option ${given}; it knows ${known || "none"}`);
}

/** A whole number among the options. */
export function wholeOption(
  magic: string,
  options: Map<string, string>,
  flag: string,
  least: number,
): number | undefined {
  const text = options.get(flag);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < least)
    throw new Error(`Expected integer >= ${least} for ${flag} of %${magic} but received ${text}`);
  return value;
}

/** A variable's name, where one is asked for. */
export function nameOption(text: string, where: string): string {
  if (/^[A-Za-z_$][\w$]*$/.test(text)) return text;
  throw new Error(`Expected a variable's name for ${where} but received ${text}`);
}

/** One word out of a line: without the quotes around it. */
export const unquote = (text: string): string => /^(["'])(.*)\1$/.exec(text)?.[2] ?? text;

/** The words of a line, quoted ones without their quotes. */
export const wordsOf = (text: string): string[] => (text.match(/"[^"]*"|'[^']*'|\S+/g) ?? []).map(unquote);
