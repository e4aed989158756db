/**
 * Runs a cell with its magics. A magic line becomes a call on the same line, so that every other line keeps its number;
 * what the call does is looked up by the line's index while the cell runs.
 */
import { nearest } from "../../src/options";
import type { Magic, MagicContext } from "./magic";
import { type MagicLine, negatedName, parseCell } from "./parse";
import { shellLine, shellLines } from "./shell";

const slot = "__phi3lab_line__";

/** The value of a cell; throws what the cell throws. */
export async function runCellWith(table: readonly Magic[], context: MagicContext, source: string): Promise<unknown> {
  const lineMagics = new Set(table.filter((magic) => magic.kinds.includes("line")).map((magic) => magic.name));
  const parsed = parseCell(source, lineMagics);
  if (parsed.kind === "cell") {
    const magic = find(table, parsed.name, "cell");
    const nested = /^\s*(?:%%|!|%)/m.test(parsed.body) ? withMagics(table, context) : context;
    return magic.run(magic.name === "sh" || magic.name === "bash" ? context : nested, parsed.line, parsed.body);
  }
  const lines = await meant(context, parsed.lines, source);
  if (lines.length === 0) return context.evaluateCell(source);
  for (const line of lines) if (line.kind === "magic") find(table, line.name, "line");
  const rows = source.split("\n");
  lines.forEach((line, i) => {
    const call = `await (globalThis as any).${slot}(${i}${interpolations(line)})`;
    const type = line.assign ? ` as string[]` : "";
    rows[line.row] = `;${line.assign}${call}${type};`;
  });
  const lent = globalThis as Record<string, unknown>;
  const before = lent[slot];
  lent[slot] = (index: number, ...values: unknown[]): Promise<unknown> =>
    runLine(table, context, lines[index] as MagicLine, values);
  try {
    return await context.evaluateCell(rows.join("\n"));
  } finally {
    lent[slot] = before;
  }
}

/** A context whose cells may hold magics themselves, for the body of `%%time` and `%%capture`. */
function withMagics(table: readonly Magic[], context: MagicContext): MagicContext {
  return { ...context, evaluate: (code) => runCellWith(table, context, code) };
}

async function runLine(
  table: readonly Magic[],
  context: MagicContext,
  line: MagicLine,
  values: readonly unknown[],
): Promise<unknown> {
  if (line.kind === "magic") return find(table, line.name, "line").run(context, line.text, undefined);
  let next = 0;
  const command = line.text.replace(interpolation, (text, inner) =>
    isExpression(inner) ? String(values[next++]) : text,
  );
  if (line.assign) return shellLines(context, command);
  await shellLine(context, command);
  return undefined;
}

/** `{expression}` in a command, as in IPython; `${NAME}` is left to the shell. */
const interpolation = /(?<!\$)\{([^{}]+)\}/g;
/** Not the shell's own `{a,b}` and `{1..9}`. */
const isExpression = (text: string): boolean => !/^[\w.-]*(?:,|\.\.)/.test(text);

function interpolations(line: MagicLine): string {
  if (line.kind !== "shell") return "";
  return [...line.text.matchAll(interpolation)]
    .filter(([, expression]) => isExpression(expression as string))
    .map(([, expression]) => `, (${expression})`)
    .join("");
}

/** Without the lines that negate a variable: `!done` is JavaScript when there is a `done`. */
async function meant(context: MagicContext, lines: readonly MagicLine[], source: string): Promise<MagicLine[]> {
  const kept: MagicLine[] = [];
  for (const line of lines) {
    const name = line.kind === "shell" && line.assign === "" ? negatedName(line.text) : undefined;
    if (name === undefined || !(await isVariable(context, name, source))) kept.push(line);
  }
  return kept;
}

async function isVariable(context: MagicContext, name: string, source: string): Promise<boolean> {
  const declared = new RegExp(
    `\\b(?:const|let|var|function|class|enum|import)\\b[^;\\n]*\\b${name.replace(/\$/g, "\\$")}\\b`,
  );
  if (declared.test(source) || name in globalThis) return true;
  try {
    // A name that no cell declared does not compile.
    await context.compile(`void ${name};`);
    return true;
  } catch {
    return false;
  }
}

function find(table: readonly Magic[], name: string, kind: "line" | "cell"): Magic {
  const sign = kind === "cell" ? "%%" : "%";
  const magic = table.find((one) => one.name === name);
  if (magic?.kinds.includes(kind)) return magic;
  if (magic) throw new Error(`${sign}${name} is no ${kind} magic; use ${kind === "cell" ? "%" : "%%"}${name}`);
  const near = nearest(
    name,
    table.map((one) => one.name),
  );
  throw new Error(
    `There is no magic ${sign}${name}; ${near === undefined ? "%lsmagic lists those there are" : `did you mean ${sign}${near}?`}`,
  );
}
