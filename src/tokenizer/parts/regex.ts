/**
 * The regular expressions of tokenizer.json are Oniguruma's; this makes JavaScript's of them: Unicode's white space and
 * digits, possessive and atomic groups, letters without regard to case, POSIX brackets.
 */
import { TokenizerError } from "./bounds";

/** The inside of classes, as Rust and Oniguruma have them. */
export const word = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}";
const classes: Record<string, string> = {
  s: "\\p{White_Space}",
  d: "\\p{Nd}",
  w: "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}",
  h: "0-9a-fA-F",
};
/** Outside of classes Oniguruma takes Latin-1's fractions and superscripts for letters of a word. */
const bareWord = `${classes.w}\\xb2\\xb3\\xb9\\xbc-\\xbe`;
const posix: Record<string, string> = {
  alpha: "\\p{Alphabetic}",
  digit: "\\p{Nd}",
  alnum: "\\p{Alphabetic}\\p{Nd}",
  upper: "\\p{Uppercase}",
  lower: "\\p{Lowercase}",
  space: "\\p{White_Space}",
  punct: "\\p{P}$+<=>^`|~",
  word: "\\p{L}\\p{M}\\p{N}\\p{Pc}",
  xdigit: "0-9a-fA-F",
  blank: " \\t",
  cntrl: "\\p{Cc}",
};

/** @throws TokenizerError for what JavaScript has no like of. */
export function toRegExp(source: string): RegExp {
  try {
    return new RegExp(new Converter(source).convert(), "gu");
  } catch (error) {
    if (error instanceof TokenizerError) throw error;
    const shown = source.length > 200 ? `${source.slice(0, 200)}…` : source;
    throw new TokenizerError(`the regular expression ${JSON.stringify(shown)} cannot be used`, { cause: error });
  }
}

/** A pattern of tokenizer.json: `{ String }`, `{ Regex }`, or in old files the text itself. */
export function patternOf(pattern: unknown): RegExp {
  const { String: text, Regex } = (typeof pattern === "string" ? { String: pattern } : (pattern ?? {})) as {
    String?: unknown;
    Regex?: unknown;
  };
  if (typeof Regex === "string") return toRegExp(Regex);
  if (typeof text !== "string") throw new TokenizerError("a pattern is neither a String nor a Regex");
  // Nothing matches an empty string.
  return new RegExp(text === "" ? "[]" : text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), text === "" ? "g" : "gu");
}

class Converter {
  #at = 0;
  #groups = 0;
  constructor(readonly source: string) {}

  convert(): string {
    // (?i) at the start holds for all of it.
    const flags = /^\(\?([im]+)\)/.exec(this.source);
    this.#at = flags?.[0].length ?? 0;
    const converted = this.#alternatives(flags?.[1]?.includes("i") ?? false, flags?.[1]?.includes("m") ?? false);
    if (this.#at < this.source.length) throw new SyntaxError("unmatched parenthesis");
    return converted;
  }

  get #next(): string {
    return String.fromCodePoint(this.source.codePointAt(this.#at) ?? 0);
  }

  /** Up to a closing bracket that is not its own. */
  #alternatives(fold: boolean, dotAll: boolean): string {
    let result = "";
    while (this.#at < this.source.length && this.#next !== ")") {
      if (this.#next === "|") {
        result += "|";
        this.#at++;
      } else result += this.#quantified(this.#atom(fold, dotAll));
    }
    return result;
  }

  #quantified(atom: string): string {
    const rest = this.source.slice(this.#at);
    const found = /^(?:[*+?]|\{\d*,?\d*\})/.exec(rest)?.[0];
    if (found === undefined || !/[*+?\d]/.test(found)) return atom;
    this.#at += found.length;
    // Oniguruma's {,n} is {0,n}.
    const times = found.replace("{,", "{0,");
    const after = this.source[this.#at];
    if (after === "?") {
      this.#at++;
      return `${atom}${times}?`;
    }
    if (after === "+" && !found.startsWith("{")) {
      this.#at++;
      return this.#atomic(`${atom}${times}`);
    }
    const whole = `${atom}${times}`;
    return after !== undefined && "*+{".includes(after) ? this.#quantified(`(?:${whole})`) : whole;
  }

  /** What has matched is not given back: a lookahead's match is fixed once it is left. */
  #atomic(inner: string): string {
    const name = `atomic${this.#groups++}`;
    return `(?:(?=(?<${name}>${inner}))\\k<${name}>)`;
  }

  #atom(fold: boolean, dotAll: boolean): string {
    const character = this.#next;
    if (character === "(") return this.#group(fold, dotAll);
    if (character === "[") return this.#class(fold);
    if (character === "\\") return this.#escape(fold);
    this.#at += character.length;
    if (character === ".") return dotAll ? "[\\s\\S]" : "[^\\n]";
    if (character === "^") return "(?<![^\\n])";
    if (character === "$") return "(?![^\\n])";
    if (character === "{" || character === "}" || character === "]") return `\\${character}`;
    return fold ? folded(character) : character === "/" ? "\\/" : character;
  }

  #group(fold: boolean, dotAll: boolean): string {
    const open = /^\((?:\?(?:<[=!]|[:=!>]|<\w+>|(?:([imx]*)(?:-([imx]+))?)(:|\))|#[^)]*\)))?/.exec(
      this.source.slice(this.#at),
    );
    const start = open?.[0] ?? "(";
    this.#at += start.length;
    if (start.startsWith("(?#")) return "";
    const [, on = "", off = "", end] = open ?? [];
    if (on.includes("x")) throw new SyntaxError("(?x)");
    const inner = {
      fold: (fold || on.includes("i")) && !off.includes("i"),
      dotAll: (dotAll || on.includes("m")) && !off.includes("m"),
    };
    if (end === ")") return `(?:${this.#alternatives(inner.fold, inner.dotAll)})`;
    const body = this.#alternatives(inner.fold, inner.dotAll);
    if (this.#next !== ")" || this.#at >= this.source.length) throw new SyntaxError("missing )");
    this.#at++;
    if (start === "(?>") return this.#atomic(body);
    if (/^\(\?(?:<[=!]|[=!])$/.test(start)) return `${start}${body})`;
    // Nothing refers back to a group by number, but for those that do.
    return /^\(\?<\w/.test(start) || start === "(" ? `(${body})` : `(?:${body})`;
  }

  #escape(fold: boolean, inClass = false): string {
    const [all, property, body] = /^\\([pP])\{(\^?[^}]{0,100})\}/.exec(this.source.slice(this.#at)) ?? [];
    if (all !== undefined) {
      this.#at += all.length;
      return this.#property(property === "P", body as string);
    }
    const hex = /^\\(?:x\{([\da-fA-F]+)\}|x([\da-fA-F]{2})|u([\da-fA-F]{4}))/.exec(this.source.slice(this.#at));
    if (hex) {
      this.#at += hex[0].length;
      return `\\u{${hex[1] ?? hex[2] ?? hex[3]}}`;
    }
    this.#at++;
    const character = this.#next;
    this.#at += character.length;
    const lower = character.toLowerCase();
    if (lower === "w" && !inClass) return `[${character === lower ? "" : "^"}${bareWord}]`;
    if (lower in classes) return `[${character === lower ? "" : "^"}${classes[lower]}]`;
    if (character === "R") return "(?:\\r\\n|[\\n\\v\\f\\r\\x85\\u2028\\u2029])";
    if (character === "A") return "(?<![\\s\\S])";
    if (character === "z") return "(?![\\s\\S])";
    if (character === "Z") return "(?=\\n?(?![\\s\\S]))";
    if (character === "b" || character === "B") {
      const [before, after] = [`(?<=[${bareWord}])`, `(?=[${bareWord}])`];
      const edge = `${before}(?![${bareWord}])|(?<![${bareWord}])${after}`;
      return character === "b" ? `(?:${edge})` : `(?!${edge})`;
    }
    if (/[tnrfv0]/.test(character)) return `\\${character}`;
    if (/[a-zA-Z1-9]/.test(character)) {
      if (/[1-9]/.test(character)) return `\\${character}`;
      const named: Record<string, string> = { a: "\\x07", e: "\\x1b" };
      const known = named[character];
      if (known === undefined) throw new SyntaxError(`\\${character}`);
      return known;
    }
    return /[\\^$.*+?()[\]{}|/]/.test(character) ? `\\${character}` : fold ? folded(character) : character;
  }

  #property(negated: boolean, name: string): string {
    const plain = name.replace(/^\^/, "");
    const not = negated !== name.startsWith("^");
    const known = posix[plain.toLowerCase()];
    if (known !== undefined && plain.length > 2) return `[${not ? "^" : ""}${known}]`;
    for (const body of [plain, `Script=${plain}`]) {
      try {
        new RegExp(`\\p{${body}}`, "u");
        return `\\${not ? "P" : "p"}{${body}}`;
      } catch {
        // The next way to say it.
      }
    }
    throw new SyntaxError(`\\p{${name}}`);
  }

  #class(fold: boolean): string {
    this.#at++;
    let inside = "";
    const negated = this.#next === "^";
    if (negated) this.#at++;
    for (let first = true; ; first = false) {
      if (this.#at >= this.source.length) throw new SyntaxError("missing ]");
      const rest = this.source.slice(this.#at, this.#at + 40);
      const named = /^\[:(\^?)(\w+):\]/.exec(rest);
      const character = this.#next;
      if (named && named[1] === "" && posix[named[2] as string] !== undefined) {
        inside += posix[named[2] as string];
        this.#at += named[0].length;
      } else if (character === "]" && !first) {
        this.#at++;
        break;
      } else if (character === "[") {
        const nested = this.#class(fold);
        if (nested.startsWith("[^")) throw new SyntaxError("a negated class in a class");
        inside += nested.slice(1, -1);
      } else if (rest.startsWith("&&")) throw new SyntaxError("&&");
      else if (character === "\\") {
        const escaped = this.#escape(false, true);
        if (escaped.startsWith("[^") || escaped.startsWith("(")) {
          const complement: Record<string, string> = { S: "\\P{White_Space}", D: "\\P{Nd}" };
          const letter = this.source[this.#at - 1] as string;
          if (complement[letter] === undefined) throw new SyntaxError("a negated class in a class");
          inside += complement[letter];
        } else if (escaped.startsWith("[")) inside += escaped.slice(1, -1);
        else inside += escaped === "-" ? "\\-" : escaped;
      } else {
        this.#at += character.length;
        inside += /[[\]{}()/|^]/.test(character) ? `\\${character}` : character;
      }
    }
    return `[${negated ? "^" : ""}${fold ? foldedClass(inside) : inside}]`;
  }
}

/** Letters that are one without regard to case, beyond their small and large form. */
const further: Record<string, string> = { s: "ſ", k: "\u212a", å: "\u212b", ß: "ẞ", σ: "ς", μ: "µ", θ: "ϑ" };

function folded(character: string): string {
  const variants = variantsOf(character);
  const [only] = variants;
  if (variants.length > 1) return `[${variants.join("")}]`;
  return only === "/" ? "\\/" : (only as string);
}

function variantsOf(character: string): string[] {
  const [small, large] = [character.toLowerCase(), character.toUpperCase()];
  const one = (text: string) => [...text].length === 1;
  return [...new Set([character, small, large, further[small] ?? small].filter(one))];
}

/** Single letters of a class with their other forms, ranges of ASCII letters with their other case. */
function foldedClass(inside: string): string {
  const more: string[] = [];
  const plain = inside.replace(/\\[pP]\{[^}]*\}|\\u\{[^}]*\}|\\./g, "");
  for (const [, from, to] of plain.matchAll(/([a-zA-Z])-([a-zA-Z])/g)) {
    more.push(`${from?.toLowerCase()}-${to?.toLowerCase()}`, `${from?.toUpperCase()}-${to?.toUpperCase()}`);
    if (String(from).toLowerCase() <= "s" && String(to).toLowerCase() >= "s") more.push("ſ");
    if (String(from).toLowerCase() <= "k" && String(to).toLowerCase() >= "k") more.push("\u212a");
  }
  for (const character of plain.replace(/[a-zA-Z]-[a-zA-Z]/g, "")) {
    if (/\p{L}/u.test(character)) more.push(...variantsOf(character));
  }
  return inside + [...new Set(more)].join("");
}
