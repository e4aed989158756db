/**
 * Cuts a template into tokens as Jinja does in transformers' environment: the newline behind a block is dropped
 * (`trim_blocks`), so are the blanks before one (`lstrip_blocks`), and a single newline at the end.
 */
import { TemplateError } from "./values";

/** One token. An operator's type is its spelling. */
export interface Token {
  type: string;
  value: string;
  line: number;
}

/** White space as Python counts it, for a character class. */
export const blank = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

const opener = /\{[%{#][-+]?/g;
const raw = new RegExp(`\\{%[-+]?[${blank}]*raw[${blank}]*(?:-%\\}[${blank}]*|%\\})`, "y");
const rawEnd = new RegExp(`\\{%([-+]?)[${blank}]*endraw[${blank}]*(?:\\+%\\}|-%\\}[${blank}]*|%\\}\\n?)`, "g");
const commentEnd = new RegExp(`\\+#\\}|-#\\}[${blank}]*|#\\}\\n?`, "g");
const blockEnd = new RegExp(`\\+%\\}|-%\\}[${blank}]*|%\\}\\n?`, "y");
const variableEnd = new RegExp(`-\\}\\}[${blank}]*|\\}\\}`, "y");
const blanks = new RegExp(`[${blank}]+`, "y");
const digits = "(?:\\d+_)*\\d+";
const number = new RegExp(`${digits}(?:(?:\\.${digits})?e[+-]?${digits}|\\.${digits})`, "iy");
const integer = /0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\da-f])+|[1-9](?:_?\d)*|0(?:_?0)*/iy;
const name = /[\p{L}\p{N}\p{M}\p{Pc}]+/uy;
const text = /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/sy;
const literals: [type: string, pattern: RegExp][] = [
  ["float", number],
  ["integer", integer],
  ["name", name],
  ["string", text],
];
const operator = /\/\/|\*\*|==|!=|>=|<=|[-+*/%~[\](){}<>=.:|,;]/y;
const closing: Record<string, string> = { "(": ")", "[": "]", "{": "}" };

export function tokenize(template: string): Token[] {
  const source = template.replace(/\r\n?/g, "\n").replace(/\n$/, "");
  const tokens: Token[] = [];
  let at = 0;
  let line = 1;
  /** Whether the last tag ended with a newline, so that what follows begins a line. */
  let fresh = true;

  const fail = (what: string): never => {
    throw new TemplateError(`line ${line}: ${what}`);
  };
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(source)?.[0];
    if (found === undefined) return undefined;
    at += found.length;
    fresh = found.endsWith("\n");
    return found;
  };
  const push = (type: string, value: string) => {
    tokens.push({ type, value, line });
    for (let i = value.indexOf("\n"); i >= 0; i = value.indexOf("\n", i + 1)) line++;
  };
  /** Text before a tag, without what its sign or `lstrip_blocks` takes from its end. */
  const data = (value: string, sign: string, lstrip: boolean) => {
    let kept = value.length;
    if (sign === "-") kept = stripEnd(value).length;
    else if (sign !== "+" && lstrip) {
      const start = value.lastIndexOf("\n") + 1;
      if ((start > 0 || fresh) && start < kept && stripEnd(value.slice(start)) === "") kept = start;
    }
    if (kept > 0) push("data", value.slice(0, kept));
    for (let i = value.indexOf("\n", kept); i >= 0; i = value.indexOf("\n", i + 1)) line++;
  };
  const search = (pattern: RegExp, what: string): RegExpExecArray => {
    pattern.lastIndex = at;
    return pattern.exec(source) ?? fail(what);
  };

  while (at < source.length) {
    opener.lastIndex = at;
    const found = opener.exec(source);
    if (!found) {
      push("data", source.slice(at));
      break;
    }
    const kind = found[0][1] as string;
    data(source.slice(at, found.index), found[0][2] ?? "", kind !== "{");
    at = found.index;
    if (take(raw) !== undefined) {
      const end = search(rawEnd, "Missing end of raw directive");
      data(source.slice(at, end.index), end[1] ?? "", true);
      at = end.index + end[0].length;
      fresh = end[0].endsWith("\n");
      continue;
    }
    at += found[0].length;
    if (kind === "#") {
      const end = search(commentEnd, "Missing end of comment tag");
      for (let i = at; i < end.index + end[0].length; i++) if (source[i] === "\n") line++;
      at = end.index + end[0].length;
      fresh = end[0].endsWith("\n");
      continue;
    }
    tag(kind === "%" ? "block" : "variable");
  }
  return tokens;

  function tag(kind: "block" | "variable"): void {
    push(`${kind}_begin`, "");
    const open: string[] = [];
    for (;;) {
      if (open.length === 0) {
        const end = take(kind === "block" ? blockEnd : variableEnd);
        if (end !== undefined) {
          push(`${kind}_end`, end);
          return;
        }
      }
      const space = take(blanks);
      if (space !== undefined) {
        line += space.split("\n").length - 1;
        continue;
      }
      const literal = literals.find(([type, pattern]) => {
        if (type === "float" && source[at - 1] === ".") return false;
        const found = take(pattern);
        if (found !== undefined) push(type, found);
        return found !== undefined;
      });
      if (literal) {
        if (literal[0] === "name" && /^\p{N}/u.test(tokens.at(-1)?.value ?? ""))
          fail("Invalid character in identifier");
        continue;
      }
      const found = take(operator);
      if (found === undefined) {
        fail(at >= source.length ? "unexpected end of template" : `unexpected char '${source[at]}'`);
        return;
      }
      if (found in closing) open.push(closing[found] as string);
      else if (found === ")" || found === "]" || found === "}") {
        const expected = open.pop();
        if (expected !== found) fail(`unexpected '${found}'${expected ? `, expected '${expected}'` : ""}`);
      }
      push(found, found);
    }
  }
}

/** Without the white space at its end; in time linear in that. */
function stripEnd(value: string): string {
  let end = value.length;
  while (end > 0 && isBlank(value.charCodeAt(end - 1))) end--;
  return value.slice(0, end);
}

const oneBlank = new RegExp(`[${blank}]`);

/** Whether Python takes a character for white space. */
export function isBlank(code: number): boolean {
  return (
    code === 32 || (code >= 9 && code <= 13) || (code !== 0 && code > 27 && oneBlank.test(String.fromCharCode(code)))
  );
}

const escapes: Record<string, string> = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f", v: "\v", a: "\x07", "\n": "" };

/** What a quoted string of a template means: Python's escapes. */
export function unquote(quoted: string): string {
  return quoted
    .slice(1, -1)
    .replace(
      /\\(?:([0-7]{1,3})|x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|(.))/gs,
      (all, octal?: string, x?: string, u?: string, long?: string, one?: string) => {
        if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8));
        const hex = x ?? u ?? long;
        if (hex !== undefined) {
          const code = Number.parseInt(hex, 16);
          if (code > 0x10ffff) throw new TemplateError(`there is no character ${all}`);
          return String.fromCodePoint(code);
        }
        if (one === "\\" || one === "'" || one === '"') return one;
        return escapes[one as string] ?? all;
      },
    );
}
