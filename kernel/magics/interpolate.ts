/**
 * `{expression}` in a command or in a magic's line, as in IPython. Braces that hold no expression of this session are left:
 * the shell's own `{a,b}` and `${NAME}`, awk's `{print $1}`, JSON. `{{` and `}}` are the braces themselves.
 */
import type { IsKnown } from "./parse";
import { endOfBraces } from "./scan";

/** A stretch of text, or an expression whose value stands in its place. */
export type Piece = { text: string } | { expression: string };

export function piecesOf(text: string, isKnown: IsKnown): Piece[] {
  const pieces: Piece[] = [];
  let plain = "";
  for (let i = 0; i < text.length; ) {
    const end = text[i] === "{" && text[i - 1] !== "$" ? endOfBraces(text, i) : undefined;
    const inner = end === undefined ? "" : text.slice(i + 1, end - 1);
    if (end !== undefined && isEscaped(text, i, end)) {
      plain += inner;
      i = end;
    } else if (end !== undefined && isExpression(inner, isKnown)) {
      pieces.push({ text: plain }, { expression: inner });
      plain = "";
      i = end;
    } else plain += text[i++];
  }
  return [...pieces, { text: plain }];
}

const isEscaped = (text: string, at: number, end: number): boolean =>
  text.startsWith("{{", at) && text.startsWith("}}", end - 2) && endOfBraces(text, at + 1) === end - 1;

const strings = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`/g;
const unary = /^(?:(?:await|typeof|new|void)\b|[!~+-])\s*/;

/** Whether it may be an expression that holds names of the session. */
function isExpression(text: string, isKnown: IsKnown): boolean {
  const bare = text.trim();
  if (bare === "" || /^[\w.-]*(?:,|\.\.(?!\.))/.test(bare)) return false;
  const plain = bare.replace(strings, '""');
  if (/[;\n]/.test(plain.replace(/\{[^{}]*\}/g, "{}"))) return false;
  // Two operands beside each other, as no expression has them: `print $1`.
  const words = /[\w$)\]"]\s+(?!in\b|of\b|instanceof\b|as\b|satisfies\b)[A-Za-z_$"\d]/;
  const operators = /\b(?:await|typeof|new|void|in|of|instanceof|as|satisfies|async|function|return|const|let)\s+/g;
  if (words.test(plain.replace(operators, ""))) return false;
  // `"a": 1`, which is no condition.
  if (/^(?:""|[\w$]+)\s*:/.test(plain)) return false;
  let first = plain;
  while (unary.test(first)) first = first.replace(unary, "");
  const name = /^[A-Za-z_$][\w$]*/.exec(first)?.[0];
  // `x => …`, `this`, and literals need no name that is known.
  if (name === undefined || /^(?:this|true|false|null|undefined|async|function|class)$/.test(name)) return true;
  return isKnown(name) || /^\s*=>/.test(first.slice(name.length));
}
