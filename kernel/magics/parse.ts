/**
 * Finds the magics of a cell. A magic stands at the start of a line, outside of brackets, strings and comments, in a form
 * that JavaScript does not have: `%name` and `%%name` with a name from the table, `!command`, `const lines = !command`.
 */

/** What a cell is. */
export type Parsed =
  | { kind: "code"; source: string; lines: readonly MagicLine[] }
  | { kind: "cell"; name: string; line: string; body: string };

/** A magic that stands for a line of code. */
export interface MagicLine {
  /** Of the cell, from 0. */
  row: number;
  kind: "magic" | "shell";
  /** Of a magic. */
  name: string;
  /** What stands behind the name, or the command. */
  text: string;
  /** `const files = `, of a command whose output is kept. */
  assign: string;
}

const cellMagic = /^\s*%%([A-Za-z_]\w*)(?:[ \t]+([^\r\n]*))?(?:\r?\n|$)/;
const lineMagic = /^([ \t]*)%([A-Za-z_]\w*)(?=[ \t]|$)[ \t]*(.*)$/;
const command =
  /^([ \t]*)((?:const|let|var)[ \t]+[A-Za-z_$][\w$]*[ \t]*=[ \t]*|[A-Za-z_$][\w$]*[ \t]*=[ \t]*)?!([^\s=!].*)$/;

/**
 * Splits a cell into a cell magic and its body, or marks the magic lines in its code.
 *
 * @param lineMagics Names of the magics that are lines.
 */
export function parseCell(source: string, lineMagics: ReadonlySet<string>): Parsed {
  const first = cellMagic.exec(source);
  if (first) {
    // The body keeps its place: an error in its third line is one in the cell's line of that number.
    const above = first[0].split("\n").length - 1;
    const body = source.slice(first[0].length);
    return { kind: "cell", name: first[1] as string, line: first[2]?.trim() ?? "", body: "\n".repeat(above) + body };
  }
  const lines: MagicLine[] = [];
  const rows = source.split("\n");
  const open = openLines(source);
  rows.forEach((text, row) => {
    if (!open[row]) return;
    const plain = text.replace(/\r$/, "");
    const magic = lineMagic.exec(plain);
    if (magic && (lineMagics.has(magic[2] as string) || looksMeant(open, rows, row))) {
      lines.push({ row, kind: "magic", name: magic[2] as string, text: (magic[3] as string).trim(), assign: "" });
      return;
    }
    const shell = command.exec(plain);
    if (shell && isCommand(shell[3] as string))
      lines.push({ row, kind: "shell", name: "", text: (shell[3] as string).trim(), assign: shell[2] ?? "" });
  });
  return { kind: "code", source, lines };
}

/** `%name` of no magic: meant as one where nothing stands before it that could be divided. */
function looksMeant(open: readonly boolean[], rows: readonly string[], row: number): boolean {
  for (let above = row - 1; above >= 0; above--) {
    const text = (rows[above] as string).trim();
    if (text !== "" && open[above]) return /[;{}]$/.test(text) || text.startsWith("//") || /^[%!]/.test(text);
  }
  return true;
}

/** Whether what stands behind `!` at a line's start is a command, not an operand that JavaScript negates. */
function isCommand(text: string): boolean {
  const word = /^[A-Za-z_$][\w$]*/.exec(text)?.[0];
  // A path, a variable of the shell, an interpolated name: no operand begins like this.
  if (word === undefined) return /^(?:\.{0,2}\/|~|\$\(|\{[A-Za-z_])/.test(text);
  if (operands.has(word)) return false;
  // `!done;`, `!f(x)`, `!a.b`, `!a && b`: JavaScript. `!ls -la`, `!git log`, `!make`: commands.
  return /^(?:$|[ \t]+(?:[^\s=&|?;<>!+*%,)\]}]|\*\S)|[-:/][\w./-]*(?:[ \t]|$))/.test(text.slice(word.length));
}

const operands = new Set(
  "async await class delete false function globalThis import new null super this true typeof undefined void".split(" "),
);

/** The name that `!name` alone, or before an operand, would negate; a variable of that name decides against a command. */
export function negatedName(text: string): string | undefined {
  return /^[A-Za-z_$][\w$]*/.exec(text)?.[0];
}

/** For each line, whether a statement may begin at its start: outside of brackets, strings, templates and comments. */
export function openLines(source: string): boolean[] {
  const open = [true];
  /** Brackets and templates around the place; "`" is a template's text. */
  const stack: string[] = [];
  const push = (): number => open.push(stack.length === 0);
  for (let i = 0; i < source.length; i++) {
    const char = source[i] as string;
    if (stack.at(-1) === "`") {
      if (char === "\\") i++;
      else if (char === "`") stack.pop();
      else if (char === "$" && source[i + 1] === "{") stack.push(source[++i] as string);
      if (source[i] === "\n") push();
      continue;
    }
    if (char === "\n") push();
    else if (source.startsWith("//", i)) {
      const end = source.indexOf("\n", i);
      i = (end < 0 ? source.length : end) - 1;
    } else if (source.startsWith("/*", i)) {
      const end = source.indexOf("*/", i + 2);
      const stop = end < 0 ? source.length : end + 2;
      for (; i < stop; i++) if (source[i] === "\n") open.push(false);
      i--;
    } else if (char === '"' || char === "'") {
      for (i++; i < source.length && source[i] !== char && source[i] !== "\n"; i++) if (source[i] === "\\") i++;
      if (source[i] === "\n") push();
    } else if (char === "/" && beginsRegExp(source, i)) i = endOfRegExp(source, i);
    else if ("([{`".includes(char)) stack.push(char);
    else if (")]}".includes(char)) stack.pop();
  }
  return open;
}

/** A slash divides behind an operand and begins a regular expression elsewhere. */
function beginsRegExp(source: string, at: number): boolean {
  const before = source.slice(Math.max(0, at - 20), at).trimEnd();
  if (before === "") return true;
  if (/(?:^|[^\w$.])(?:return|typeof|case|in|of|delete|void|throw|new|await|yield)$/.test(before)) return true;
  return !/[\w$)\]}"'`]$/.test(before);
}

function endOfRegExp(source: string, at: number): number {
  let inClass = false;
  for (let i = at + 1; i < source.length && source[i] !== "\n"; i++) {
    if (source[i] === "\\") i++;
    else if (source[i] === "[") inClass = true;
    else if (source[i] === "]") inClass = false;
    else if (source[i] === "/" && !inClass) return i;
  }
  return at;
}
