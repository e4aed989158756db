/**
 * A scanner of TypeScript that knows one thing: at the start of which lines a statement may begin, and after what. It reads
 * strings, templates, comments, regular expressions, JSX and brackets as the language does, and keeps no tree.
 */

/** What stands before a line. */
export interface Place {
  /** A statement may begin here: outside of brackets other than those of blocks, and not in the middle of an expression. */
  begins: boolean;
  /** What stands before is an operand without a semicolon: an operator here would go on with it. */
  operand: boolean;
  /** What begins here belongs to an `if (…)`, `else`, `for (…)` before it. */
  header: boolean;
}

/** The last token, as far as the next one's meaning depends on it. */
type Before = "nothing" | "operand" | "brace" | "operator" | "header" | "control";

interface Bracket {
  kind: "block" | "paren" | "control" | "other" | "template";
}

/** Words behind which an operand comes, so that a slash begins a regular expression. */
const prefixes = new Set(
  "await case const default delete enum export extends implements import in instanceof interface let namespace new throw type typeof var void".split(
    " ",
  ),
);
/** Operators behind an operand, names elsewhere. */
const infixes = new Set(["as", "of", "satisfies"]);
/** Their brackets hold a condition or the like, and a statement follows. */
const controls = new Set(["if", "for", "while", "with", "switch", "catch"]);
/** A statement or a block follows at once. */
const headers = new Set(["else", "do", "try", "finally"]);
/** They end a statement, or an operand follows on the same line. */
const jumps = new Set(["return", "break", "continue", "yield", "debugger"]);

const word = /[\p{ID_Start}$_#][\p{ID_Continue}$]*/uy;
const number = /\d[\w.]*|\.\d\w*/y;

/**
 * @param onLine Called with the offset of each line outside of strings, templates and comments; gives the offset to go on
 *   from: its own for a line of TypeScript, else that of the end of what is none, which counts as a statement.
 */
export function scan(source: string, onLine: (offset: number, place: Place) => number): void {
  const stack: Bracket[] = [];
  let before: Before = "nothing";
  let i = source.startsWith("#!") ? lineEnd(source, 0) : line(0);

  function line(at: number): number {
    const open = stack.every(({ kind }) => kind === "block");
    const begins = open && before !== "operator" && before !== "control";
    const next = onLine(at, { begins, operand: before === "operand", header: before === "header" });
    if (next > at) before = "nothing";
    return next;
  }

  function close(): void {
    const kind = stack.pop()?.kind;
    before = kind === "block" ? "nothing" : kind === "control" ? "header" : "operand";
  }

  while (i < source.length) {
    const char = source[i] as string;
    if (stack.at(-1)?.kind === "template") {
      if (char === "\\") i++;
      else if (char === "`") close();
      else if (char === "$" && source[i + 1] === "{") {
        i++;
        stack.push({ kind: "other" });
        before = "operator";
      }
      i++;
      continue;
    }
    if (char === "\n") i = line(i + 1);
    else if (/\s/.test(char)) i++;
    else if (source.startsWith("//", i)) i = lineEnd(source, i);
    else if (source.startsWith("/*", i)) i = end(source.indexOf("*/", i + 2), 2, source);
    else if (char === '"' || char === "'") [i, before] = [endOfString(source, i), "operand"];
    else if (char === "`") {
      stack.push({ kind: "template" });
      i++;
    } else if (char === "(" || char === "[") {
      stack.push({ kind: before === "control" && char === "(" ? "control" : "paren" });
      before = "operator";
      i++;
    } else if (char === "{") {
      const block: boolean = before === "nothing" || before === "header" || before === "control";
      stack.push({ kind: block ? "block" : "other" });
      before = block ? "nothing" : "operator";
      i++;
    } else if (char === "}") {
      close();
      if (before === "operand" && stack.at(-1)?.kind !== "template") before = "brace";
      i++;
    } else if (char === ")" || char === "]") {
      close();
      i++;
    } else if (char === ";") [i, before] = [i + 1, "nothing"];
    else if (char === "/" && before !== "operand" && before !== "brace")
      [i, before] = [endOfRegExp(source, i), "operand"];
    else if (char === "<" && before !== "operand") {
      const after = endOfJsx(source, i);
      [i, before] = after === undefined ? [i + 1, "operator"] : [after, "operand"];
    } else {
      const name = match(word, source, i);
      const digits = name === undefined ? match(number, source, i) : undefined;
      if (name !== undefined) {
        before = afterWord(name, before, source[i - 1] === ".");
        i += name.length;
      } else if (digits !== undefined) [i, before] = [i + digits.length, "operand"];
      else if (/^(?:\+\+|--)/.test(source.slice(i, i + 2))) i += 2;
      else {
        // Behind an operand and before no `=`, TypeScript's `x!`.
        if (!(char === "!" && before === "operand" && source[i + 1] !== "=")) before = "operator";
        i++;
      }
    }
  }
}

function afterWord(name: string, before: Before, isProperty: boolean): Before {
  if (isProperty) return "operand";
  if (controls.has(name)) return "control";
  if (name === "await" && before === "control") return "control"; // for await (…)
  if (headers.has(name)) return "header";
  if (jumps.has(name)) return "nothing";
  if (prefixes.has(name) || (infixes.has(name) && before === "operand")) return "operator";
  return "operand";
}

function match(pattern: RegExp, source: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(source)?.[0];
}

const end = (found: number, length: number, source: string): number => (found < 0 ? source.length : found + length);
/** Of the line's last letter; the line's end itself is left to the scanner. */
const lineEnd = (source: string, at: number): number => end(source.indexOf("\n", at), 0, source);

/** Behind a string; one that does not end on its line ends there. */
function endOfString(source: string, at: number): number {
  let i = at + 1;
  for (; i < source.length && source[i] !== source[at]; i++) {
    if (source[i] === "\n") return i;
    if (source[i] === "\\") i++;
  }
  return i + 1;
}

/** Behind a template and all that stands in it. */
function endOfTemplate(source: string, at: number): number {
  for (let i = at + 1; i < source.length; i++) {
    if (source[i] === "\\") i++;
    else if (source[i] === "`") return i + 1;
    else if (source.startsWith("${", i)) i = (endOfBraces(source, i + 1) ?? source.length) - 1;
  }
  return source.length;
}

function endOfRegExp(source: string, at: number): number {
  let inClass = false;
  for (let i = at + 1; i < source.length && source[i] !== "\n"; i++) {
    if (source[i] === "\\") i++;
    else if (source[i] === "[") inClass = true;
    else if (source[i] === "]") inClass = false;
    else if (source[i] === "/" && !inClass) return i + 1;
  }
  return at + 1;
}

/** Behind the `}` of the `{` at `at`; undefined when there is none. */
export function endOfBraces(source: string, at: number): number | undefined {
  let depth = 0;
  for (let i = at; i < source.length; i++) {
    const char = source[i] as string;
    if (char === '"' || char === "'") i = endOfString(source, i) - 1;
    else if (char === "`") i = endOfTemplate(source, i) - 1;
    else if (char === "{") depth++;
    else if (char === "}" && --depth === 0) return i + 1;
  }
  return undefined;
}

const tagName = /[\w$.:-]*/y;
const attribute = /[\w$:-]+/y;

/** Behind the JSX element or fragment at `at`; undefined when it is none: a comparison, a type's parameters. */
function endOfJsx(source: string, at: number): number | undefined {
  const name = match(tagName, source, at + 1) ?? "";
  let i = at + 1 + name.length;
  for (;;) {
    while (/\s/.test(source[i] ?? "")) i++;
    const char = source[i];
    if (source.startsWith("/>", i)) return i + 2;
    if (char === ">") break;
    const key = char === "{" ? undefined : match(attribute, source, i);
    if (char !== "{" && (key === undefined || name === "")) return undefined;
    i += key?.length ?? 0;
    if (key !== undefined && source[i] !== "=") continue;
    if (key !== undefined) i++;
    const value = source[i];
    if (value === "{") i = endOfBraces(source, i) ?? source.length;
    else if (value === '"' || value === "'") i = end(source.indexOf(value, i + 1), 1, source);
    else return undefined;
  }
  for (i++; i < source.length; ) {
    if (source[i] === "{") i = endOfBraces(source, i) ?? source.length;
    else if (source.startsWith(`</${name}`, i)) return end(source.indexOf(">", i), 1, source);
    else if (source.startsWith("</", i)) return undefined;
    else if (source[i] === "<") {
      const inner = endOfJsx(source, i);
      if (inner === undefined) return undefined;
      i = inner;
    } else i++;
  }
  return undefined;
}
