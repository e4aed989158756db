/**
 * Runs a cell with its magics. A magic line becomes a call on the same line, so that every other line keeps its number;
 * what the call does is looked up by its number while the cell runs.
 */
import type { Magic, MagicContext } from "../../src/magic";
import { declaredNames } from "./command";
import { helpOf } from "./help";
import { type Piece, piecesOf } from "./interpolate";
import { readOptions } from "./options";
import { type IsKnown, type MagicLine, parseCell } from "./parse";
import type { Registry } from "./registry";
import { shellLine, shellLines } from "./shell";

const slot = "__phi3lab_line__";

/** The value of a cell; throws what the cell throws. */
export async function runCell(registry: Registry, context: MagicContext, source: string): Promise<unknown> {
  const known = knownNames(context);
  const parsed = parseCell(source, registry, known);
  if (parsed.kind === "help") return printHelp(registry, context, parsed.name, "%%");
  if (parsed.kind === "cell") {
    const magic = registry.find(parsed.name, "cell");
    const line = magic.typescript?.includes("line")
      ? parsed.line
      : await filled(piecesOf(parsed.line, known), (expression) => context.evaluate(`(${expression})`));
    const body = magic.typescript?.includes("body") ? parsed.body : source.slice(parsed.bodyAt);
    return magic.run(withMagics(registry, context), { ...readOptions(magic, line), line, body });
  }
  const { lines } = parsed;
  if (lines.length === 0) return context.evaluateCell(source);
  // What is misspelt is said before anything runs, unless the cell adds magics itself.
  if (!/\bregisterMagic\b/.test(source)) for (const line of lines) check(registry, line);
  const inCell: IsKnown = (name) => declaredNames(source).has(name) || known(name);
  const pieces = lines.map((line) =>
    takesExpressions(registry, line) ? piecesOf(line.text, inCell) : [{ text: line.text }],
  );
  const lent = globalThis as Record<string, unknown>;
  const before = lent[slot];
  lent[slot] = async (index: number, ...values: unknown[]): Promise<unknown> => {
    const text = await filled(pieces[index] as Piece[], async () => values.shift());
    return runLine(registry, context, lines[index] as MagicLine, text);
  };
  try {
    return await context.evaluateCell(withCalls(source, lines, pieces));
  } finally {
    lent[slot] = before;
  }
}

/** The cell's code with a call in the place of each magic's line. */
function withCalls(source: string, lines: readonly MagicLine[], pieces: readonly Piece[][]): string {
  const rows = source.split("\n");
  lines.forEach((line, i) => {
    const expressions = (pieces[i] as Piece[]).flatMap((piece) =>
      "expression" in piece ? [`, (${piece.expression})`] : [],
    );
    const call = `await (globalThis as any).${slot}(${i}${expressions.join("")})`;
    const type = line.assign !== "" && line.kind === "shell" ? " as string[]" : "";
    rows.fill("", line.row, line.row + line.rows);
    rows[line.row] = `${line.header ? "" : ";"}${line.assign}${call}${type};`;
  });
  return rows.join("\n");
}

function knownNames(context: MagicContext): IsKnown {
  let names: Set<string> | undefined;
  return (name) => {
    names ??= new Set(context.names().map((variable) => variable.name));
    return names.has(name) || name in globalThis;
  };
}

/** A context whose cells may hold magics themselves, for the bodies of `%%time` and `%%capture`. */
function withMagics(registry: Registry, context: MagicContext): MagicContext {
  return { ...context, evaluate: (code) => runCell(registry, context, code) };
}

const takesExpressions = (registry: Registry, { kind, name }: MagicLine): boolean =>
  kind === "shell" || (kind === "magic" && registry.get(name)?.typescript?.includes("line") !== true);

async function filled(pieces: readonly Piece[], value: (expression: string) => Promise<unknown>): Promise<string> {
  let text = "";
  for (const piece of pieces) text += "text" in piece ? piece.text : String(await value(piece.expression));
  return text;
}

function check(registry: Registry, { kind, sign, name, row }: MagicLine): void {
  if (kind === "shell") return;
  if (kind === "help") helpFor(registry, name, sign);
  else if (sign === "%%") {
    registry.find(name, "cell");
    throw new Error(`%%${name} stands in line ${row + 1}; a cell magic must be the first line of its cell`);
  } else registry.find(name, "line");
}

async function runLine(registry: Registry, context: MagicContext, line: MagicLine, text: string): Promise<unknown> {
  check(registry, line);
  if (line.kind === "help") return printHelp(registry, context, line.name, line.sign);
  if (line.kind === "magic") {
    const magic = registry.find(line.name, "line");
    return magic.run(withMagics(registry, context), { ...readOptions(magic, text), line: text, body: undefined });
  }
  if (line.assign) return shellLines(context, text);
  await shellLine(context, text);
  return undefined;
}

function helpFor(registry: Registry, name: string, sign: string): Magic {
  const kind = sign === "%%" ? "cell" : "line";
  // The help of `%%bench` is the one of `%bench`.
  return registry.get(name) ?? registry.find(name, kind);
}

function printHelp(registry: Registry, context: MagicContext, name: string, sign: string): undefined {
  context.write("stdout", helpOf(helpFor(registry, name, sign)));
  return undefined;
}
