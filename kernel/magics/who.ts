/** `%who` and `%whos`: the session's variables. */
import { inspect } from "node:util";
import type { Magic, MagicContext, SessionVariable } from "../../src/magic";

/** Those that a reader declared, by name; of the given types where some are given. */
function listed(context: MagicContext, line: string): SessionVariable[] {
  const types = line.split(/\s+/).filter(Boolean);
  const all = context.names().filter(({ name }) => !name.startsWith("_"));
  const found = types.length === 0 ? all : all.filter(({ type }) => types.includes(type));
  if (found.length === 0)
    context.write(
      "stdout",
      types.length > 0 ? "No variables match your requested type.\n" : "Interactive namespace is empty.\n",
    );
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

const details =
  "Types are what typeof says, and of objects the class: number, string, function, class, Array, Map, Tensor.";

export const who: Magic = {
  name: "who",
  kinds: ["line"],
  summary: "Lists the variables of the session, or those of some types.",
  argument: "[TYPE …]",
  details,
  example: "%who number Array",
  async run(context, { line }) {
    const names = listed(context, line).map(({ name }) => name);
    for (let i = 0; i < names.length; i += 9) context.write("stdout", `${names.slice(i, i + 9).join("\t ")}\t \n`);
    return undefined;
  },
};

export const whos: Magic = {
  name: "whos",
  kinds: ["line"],
  summary: "Lists the variables of the session with their types and what they hold.",
  argument: "[TYPE …]",
  details,
  example: "%whos",
  async run(context, { line }) {
    const found = listed(context, line);
    if (found.length === 0) return undefined;
    const rows = found.map(({ name, type, value }) => [name, type, brief(value)]);
    const head = ["Variable", "Type", "Data/Info"];
    const width = (column: number): number => Math.max(...[head, ...rows].map((row) => (row[column] as string).length));
    const [names, types] = [width(0) + 3, width(1) + 4];
    const text = ([name = "", type = "", info = ""]: string[]): string =>
      name.padEnd(names) + type.padEnd(types) + info;
    const lines = [text(head), "-".repeat(names + types + (head[2] as string).length), ...rows.map(text)];
    context.write("stdout", `${lines.join("\n")}\n`);
    return undefined;
  },
};

/** A value in a line: how many it holds, or what it is. */
function brief(value: unknown): string {
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && "length" in value)) return `n=${value.length}`;
  if (value instanceof Map || value instanceof Set) return `n=${value.size}`;
  const plain = typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
  if (plain) return `n=${Object.keys(value).length}`;
  let text: string;
  try {
    text = typeof value === "string" ? value : inspect(value, { depth: 0, breakLength: Number.POSITIVE_INFINITY });
  } catch {
    return "<a value that cannot be shown>";
  }
  const line = text.replaceAll("\n", "\\n");
  return line.length < 50 ? line : `${line.slice(0, 25)}<...>${line.slice(-25)}`;
}
