/**
 * The one reader of cells with magics: for running them, for completion and inspection, for the question whether a text is
 * complete. A magic stands where a statement may begin, in a form that TypeScript does not have: `%name` and `%%name`,
 * `!command`, `const lines = !command`, `%name?`. Where the text alone could be both, the names that are known decide.
 */
import type { Magic } from "../../src/magic";
import { declaredNames, isCommand } from "./command";
import { readOptions } from "./options";
import type { Registry } from "./registry";
import { type Place, scan } from "./scan";

/** What a cell is. Offsets are of the cell's text. */
export type Parsed = { kind: "code"; lines: readonly MagicLine[] } | CellMagic | Help;

/** `%%name` and what stands below it. */
export interface CellMagic {
  kind: "cell";
  name: string;
  line: string;
  /** Where `line` begins. */
  at: number;
  /** The rest of the cell, below as many empty lines as stand above it. */
  body: string;
  /** Where the cell's first line below the magic's begins. */
  bodyAt: number;
}

/** A cell of `%%name?` alone. */
export interface Help {
  kind: "help";
  name: string;
}

/** A magic that stands for a line of code. */
export interface MagicLine {
  /** Of the cell, from 0; and how many lines it goes over, where each but the last ends in a backslash. */
  row: number;
  rows: number;
  kind: "magic" | "shell" | "help";
  /** `%`, or `%%` where a cell magic stands in the middle of a cell. */
  sign: string;
  /** Of a magic. */
  name: string;
  /** What stands behind the name, or the command. */
  text: string;
  /** `const files = `, where the value is kept. */
  assign: string;
  /** It belongs to an `if (…)` or the like before it. */
  header: boolean;
  /** Where the sign stands, the text, and the end. */
  start: number;
  at: number;
  end: number;
}

/** The names that are variables, beside those that the cell itself declares. */
export type IsKnown = (name: string) => boolean;

const cellMagic = /^\s*%%([A-Za-z_]\w*)(\?{0,2})(?:[ \t]+([^\r\n]*))?(?:\r?\n|$)/;
const assignment =
  /^(?:export[ \t]+)?(?:(?:const|let|var)[ \t]+)?(?:[A-Za-z_$][\w$]*|\[[^\]=]*\]|\{[^}=]*\})(?:[ \t]*:[^=]+?)?[ \t]*=[ \t]*(?=[%!])/;
const magicHead = /^(%%?)([A-Za-z_]\w*)(?=[ \t]|$)[ \t]*/;
const helpHead = /^(?:\?{1,2}(%%?)([A-Za-z_]\w*)|(%%?)([A-Za-z_]\w*)\?{1,2})[ \t]*;?$/;

/** Splits a cell into a cell magic and its body, or finds the magic lines in its code. */
export function parseCell(source: string, registry: Registry, isKnown: IsKnown = () => false): Parsed {
  const first = cellMagic.exec(source);
  if (first) {
    const [head, name = "", question, line = ""] = first;
    const body = source.slice(head.length);
    if (question) return { kind: "help", name };
    // The body keeps its place: an error in its third line is one in the cell's line of that number.
    const above = head.split("\n").length - 1;
    const at = head.indexOf(name) + name.length;
    const indent = line === "" ? 0 : head.slice(at).indexOf(line);
    return {
      kind: "cell",
      name,
      line: line.trim(),
      at: at + indent,
      body: "\n".repeat(above) + body,
      bodyAt: head.length,
    };
  }
  if (!/[%!?]/.test(source)) return { kind: "code", lines: [] };
  const lines: MagicLine[] = [];
  let declared: Set<string> | undefined;
  const known: IsKnown = (name) => {
    declared ??= declaredNames(source);
    return declared.has(name) || isKnown(name);
  };
  let row = 0;
  let counted = 0;
  scan(source, (offset, place) => {
    const line = place.begins ? readLine(source, offset, place, registry, known) : undefined;
    if (line === undefined) return offset;
    for (; counted < offset; counted++) if (source[counted] === "\n") row++;
    lines.push({ ...line, row });
    return line.end;
  });
  return { kind: "code", lines };
}

function readLine(
  source: string,
  offset: number,
  { operand, header }: Place,
  registry: Registry,
  isKnown: IsKnown,
): Omit<MagicLine, "row"> | undefined {
  const indent = /^[ \t]*/.exec(source.slice(offset, endOfLine(source, offset)))?.[0].length ?? 0;
  let end = endOfLine(source, offset);
  const plain = source.slice(offset + indent, end).replace(/\r$/, "");
  if (!/^[%!?\w$[{]/.test(plain)) return undefined;
  const assign = assignment.exec(plain)?.[0] ?? "";
  const rest = plain.slice(assign.length);
  const start = offset + indent + assign.length;
  const made = (more: Pick<MagicLine, "kind" | "sign" | "name" | "text" | "at">) => ({
    ...more,
    text: more.text.trim(),
    rows: source.slice(offset, end).split("\n").length,
    ...{ assign, header, start, end },
  });
  const help = assign === "" ? helpHead.exec(rest) : null;
  if (help) {
    const [, before, nameBehind, sign, name] = help;
    const found = (name ?? nameBehind) as string;
    // `a\n%b?` may be the beginning of a condition.
    if (before === undefined && operand && registry.get(found) === undefined) return undefined;
    return made({ kind: "help", sign: (before ?? sign) as string, name: found, text: "", at: end });
  }
  const head = magicHead.exec(rest);
  const isMagic = head !== null && (assign !== "" || isMeant(head, rest, operand, registry, isKnown));
  const isShell =
    !isMagic && rest.startsWith("!") && !/^!\s*[=!]/.test(rest) && isCommand(rest.slice(1).trim(), isKnown);
  if (!isMagic && !isShell) return undefined;
  while (/\\\r?$/.test(source.slice(offset, end)) && end < source.length) end = endOfLine(source, end + 1);
  const at = start + (head?.[0].length ?? 1);
  const text = source.slice(at, end).replace(/\\\r?\n/g, isShell ? "\\\n" : " ");
  if (isShell) return made({ kind: "shell", sign: "!", name: "", text, at: start + 1 });
  return made({ kind: "magic", sign: head?.[1] as string, name: head?.[2] as string, text, at });
}

const endOfLine = (source: string, at: number): number => {
  const found = source.indexOf("\n", at);
  return found < 0 ? source.length : found;
};

/** Whether `%name` is a magic, not an operator and its operand. */
function isMeant(head: RegExpExecArray, rest: string, operand: boolean, registry: Registry, isKnown: IsKnown): boolean {
  const [all, sign, name = ""] = head;
  // Nothing stands before it that could be divided, or nothing that TypeScript has begins with two of them.
  if (!operand || sign === "%%") return true;
  const behind = rest.slice(all.length);
  const goesOn = /^(?:$|[-+*/%=<>&|^?,.;:)\]([`]|!=|(?:in|instanceof|as|satisfies)\b)/.test(behind);
  if (!goesOn) return registry.get(name) !== undefined || !isKnown(name);
  return registry.get(name) !== undefined && !isKnown(name);
}

/** What of a cell the compiler is asked about. */
export interface Blanked {
  /** The cell with blanks for what is no TypeScript; every other character keeps its place. */
  code: string;
  /** Whether the text at an offset is TypeScript. */
  isTypeScript(offset: number): boolean;
}

/**
 * Blanks the stretches of a cell that are magics, commands or another language.
 *
 * @param whole Blank the TypeScript in the lines of magics as well.
 */
export function blank(source: string, parsed: Parsed, registry: Registry, whole = false): Blanked {
  const stretches: { start: number; end: number; text?: string }[] = [];
  if (parsed.kind === "help") stretches.push({ start: 0, end: source.length });
  else if (parsed.kind === "cell") {
    const magic = registry.get(parsed.name);
    const typescript = magic?.typescript ?? [];
    const lineEnd = Math.max(parsed.at, endOfLine(source, parsed.at));
    const inLine =
      typescript.includes("line") && magic ? parsed.at + codeAt(magic, source.slice(parsed.at, lineEnd)) : lineEnd;
    stretches.push({ start: 0, end: typescript.includes("line") ? inLine : Math.min(lineEnd, parsed.bodyAt) });
    if (magic === undefined || typescript.includes("body")) {
      const body = source.slice(parsed.bodyAt);
      if (magic?.separator)
        for (const found of body.matchAll(new RegExp(magic.separator.source, "gm"))) {
          const start = parsed.bodyAt + found.index;
          stretches.push({ start, end: start + found[0].length });
        }
      const inner = parseCell(" ".repeat(parsed.bodyAt) + body, registry);
      if (inner.kind === "code") stretches.push(...inner.lines.map((line) => stretchOf(source, line, registry, whole)));
    } else stretches.push({ start: parsed.bodyAt, end: source.length });
  } else stretches.push(...parsed.lines.map((line) => stretchOf(source, line, registry, whole)));
  let code = source;
  for (const { start, end, text = "" } of stretches) {
    const blanks = source.slice(start, end).replace(/[^\r\n]/g, " ");
    code = code.slice(0, start) + text + blanks.slice(text.length) + code.slice(end);
  }
  const isTypeScript = (offset: number): boolean =>
    !stretches.some(({ start, end }) => offset > start && (offset <= end || (end === source.length && offset >= end)));
  return { code, isTypeScript };
}

function stretchOf(
  source: string,
  line: MagicLine,
  registry: Registry,
  whole: boolean,
): { start: number; end: number; text?: string } {
  const { start, end, at, assign, kind, name } = line;
  const magic = kind === "magic" ? registry.get(name) : undefined;
  if (magic?.typescript?.includes("line") && !whole && assign === "")
    return { start, end: Math.min(end, at + codeAt(magic, source.slice(at, end))) };
  // A value in its place, as long as it fits: `const files = !ls` declares an array of strings.
  const value = kind === "shell" ? (end - start >= 4 ? '[""]' : "[]") : "0";
  return assign === "" ? { start, end } : { start, end, text: value };
}

/** Where the TypeScript in a magic's line begins: behind its options. */
function codeAt(magic: Magic, text: string): number {
  try {
    return text.length - readOptions(magic, text).rest.length - (text.length - text.trimEnd().length);
  } catch {
    return text.length; // An option that is still being typed.
  }
}
