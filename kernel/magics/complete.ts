/** What completes, and what Shift-Tab shows, where a magic or a command is typed. */
import type { Magic } from "../../src/magic";
import { filesIn } from "../engine/files_in";
import { helpOf, spelled } from "./help";
import type { Parsed } from "./parse";
import { type Registry, signOf } from "./registry";

export interface Match {
  text: string;
  /** Stands beside it in a front end's list. */
  type: string;
  /** What it means. */
  about?: string;
}

/** Matches for the text from `start` to the cursor. */
export interface Matches {
  start: number;
  end: number;
  matches: Match[];
}

/** What of a cell the cursor stands in. */
type Spot =
  | { kind: "name"; sign: string; name: string; start: number }
  | { kind: "argument"; magic: Magic; text: string; at: number }
  | { kind: "command"; text: string; at: number };

/** Undefined where the cursor stands in TypeScript. */
function spotAt(code: string, offset: number, parsed: Parsed, registry: Registry): Spot | undefined {
  // A name that is being typed is no magic yet, and may be where the cell is otherwise TypeScript.
  const typed = /(?:^|\n)[ \t]*(?:[\w$ \t]+=[ \t]*)?\??(%%?)(\w*)$/.exec(code.slice(0, offset));
  const word = /^\w*/.exec(code.slice(offset))?.[0] ?? "";
  if (typed && startsHere(code, offset, parsed)) {
    const [, sign = "%", name = ""] = typed;
    return { kind: "name", sign, name: name + word, start: offset - name.length - sign.length };
  }
  if (parsed.kind === "cell") {
    const magic = registry.get(parsed.name);
    const inLine =
      offset >= parsed.at &&
      (offset < parsed.bodyAt || parsed.bodyAt === code.length) &&
      !code.slice(parsed.at, offset).includes("\n");
    return magic && inLine
      ? { kind: "argument", magic, text: code.slice(parsed.at, offset), at: parsed.at }
      : undefined;
  }
  if (parsed.kind === "help") return undefined;
  const line = parsed.lines.find(({ at, end }) => offset >= at && offset <= end);
  if (line?.kind === "shell") return { kind: "command", text: code.slice(line.at, offset), at: line.at };
  const magic = line?.kind === "magic" ? registry.get(line.name) : undefined;
  return line && magic ? { kind: "argument", magic, text: code.slice(line.at, offset), at: line.at } : undefined;
}

/** Not in the lines of a template, nor in a cell of another language. */
function startsHere(code: string, offset: number, parsed: Parsed): boolean {
  const lineStart = code.lastIndexOf("\n", offset - 1) + 1;
  if (parsed.kind === "cell") return lineStart < parsed.bodyAt && code.slice(0, lineStart).trim() === "";
  if (parsed.kind === "help" || code.slice(0, lineStart).trim() === "") return true;
  return parsed.lines.some(({ start, end }) => start >= lineStart && start <= offset && offset <= end);
}

/** Matches at the cursor; undefined where TypeScript's are asked for. */
export function completeMagic(code: string, offset: number, parsed: Parsed, registry: Registry): Matches | undefined {
  const spot = spotAt(code, offset, parsed, registry);
  if (spot === undefined) return undefined;
  if (spot.kind === "name") return namesFrom(spot, offset, registry);
  if (spot.kind === "command") return files(spot.text, offset, true);
  const { magic, text } = spot;
  const flag = /(?:^|\s)(-[\w-]*)$/.exec(text)?.[1];
  const first = magic.optionsFirst === true || magic.typescript?.includes("line") === true;
  if (
    flag !== undefined &&
    magic.options !== undefined &&
    (!first || onlyOptions(magic, text.slice(0, -flag.length)))
  ) {
    const matches = magic.options
      .flatMap((option) => [option.flag, ...(option.alias ? [option.alias] : [])].map((name) => ({ option, name })))
      .filter(({ name }) => name.startsWith(flag))
      .map(({ option, name }) => ({
        text: name,
        type: option.summary,
        about: `${spelled(option)}: ${option.summary}`,
      }));
    return { start: offset - flag.length, end: offset, matches };
  }
  if (magic.typescript?.includes("line")) return undefined;
  if (magic.values === "files") return files(text, offset);
  const word = /\S*$/.exec(text)?.[0] ?? "";
  const values = text.trimStart().includes(" ") ? [] : (magic.values?.() ?? []);
  const matches = values.filter((value) => value.startsWith(word)).map((value) => ({ text: value, type: "value" }));
  return { start: offset - word.length, end: offset, matches };
}

/** Whether nothing but options and their values stands in a text. */
function onlyOptions(magic: Magic, text: string): boolean {
  const words = text.split(/\s+/).filter(Boolean);
  while (words.length > 0) {
    const word = words.shift() as string;
    if (!word.startsWith("-")) return false;
    const option = magic.options?.find(({ flag, alias }) => word === flag || word === alias);
    if (option?.value !== undefined) words.shift();
  }
  return true;
}

function namesFrom(spot: Extract<Spot, { kind: "name" }>, offset: number, registry: Registry): Matches {
  const typed = spot.name.slice(0, Math.max(0, offset - spot.start - spot.sign.length));
  const kinds = spot.sign === "%%" ? (["cell"] as const) : (["line", "cell"] as const);
  const matches = kinds.flatMap((kind) =>
    registry.all
      .filter((magic) => magic.kinds.includes(kind) && magic.name.startsWith(typed))
      // `%` offers the cell's magics only where there is no line's of that name to be meant.
      .filter((magic) => spot.sign === "%%" || kind === "line" || !magic.kinds.includes("line"))
      .map((magic) => ({ text: signOf(kind) + magic.name, type: "magic", about: magic.summary })),
  );
  return { start: spot.start, end: offset, matches };
}

/** The files that a word at the text's end may go on to; in a command what a shell reads otherwise has a backslash. */
function files(text: string, offset: number, isCommand = false): Matches {
  const word = /(?:\\.|[^\s"'<>|;&=\\])*$/.exec(text)?.[0] ?? "";
  const path = word.replace(/\\(.)/g, "$1");
  const slash = path.lastIndexOf("/") + 1;
  const [folder, name] = [path.slice(0, slash), path.slice(slash)];
  const isQuoted = /["']$/.test(text.slice(0, text.length - word.length));
  const written = (file: string): string =>
    isCommand && !isQuoted ? file.replace(/[\s"'\\$`&|;<>()*?[\]{}!#]/g, "\\$&") : file;
  const matches = filesIn(process.cwd(), folder, name).map(({ text: file, type }) => ({
    text: written(folder + file),
    type,
  }));
  return { start: offset - word.length, end: offset, matches };
}

/** What Shift-Tab shows at the cursor: `text` undefined where there is nothing to say; undefined in TypeScript. */
export function inspectMagic(
  code: string,
  offset: number,
  parsed: Parsed,
  registry: Registry,
): { text: string | undefined } | undefined {
  const end = offset + (/^[\w-]*/.exec(code.slice(offset))?.[0].length ?? 0);
  const spot = spotAt(code, end, parsed, registry);
  if (spot === undefined) {
    // On the sign or within the name of one that is whole.
    const name = /%%?(\w*)$/.exec(code.slice(0, end))?.[1];
    const meant = parsed.kind === "cell" && end <= parsed.at ? parsed.name : undefined;
    const magic = meant === undefined || name !== meant ? undefined : registry.get(meant);
    return magic && { text: helpOf(magic) };
  }
  if (spot.kind === "command") return { text: undefined };
  if (spot.kind === "name") {
    const magic = registry.get(spot.name);
    return { text: magic && helpOf(magic) };
  }
  const flag = /(?:^|\s)(-[\w-]+)$/.exec(spot.text)?.[1];
  const option = spot.magic.options?.find((each) => flag !== undefined && [each.flag, each.alias].includes(flag));
  if (option) return { text: `${spelled(option)}\n\n${option.summary}` };
  return spot.magic.typescript?.includes("line") && flag === undefined ? undefined : { text: helpOf(spot.magic) };
}
