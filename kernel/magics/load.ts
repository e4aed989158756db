/** `%load`: a file, a page or earlier cells, as the text of the cell. */
import { readFileSync } from "node:fs";
import type { Magic, MagicContext } from "../../src/magic";
import { unquote, wordsOf } from "./options";
import { pathOf } from "./paths";
import { cellsIn } from "./ranges";

export const load: Magic = {
  name: "load",
  kinds: ["line"],
  summary: "Puts a file, a web page or earlier cells into this cell, in the place of what stands there.",
  argument: "FILE | URL | RANGE …",
  values: "files",
  options: [{ flag: "-r", value: "LINES", summary: "only these lines: 5-10, 3, 7-" }],
  example: "%load -r 1-20 helper.ts",
  async run(context, { options, line, rest }) {
    if (rest === "") throw new Error("Expected a file, an address or a range of cells behind %load");
    const text = await textOf(context, rest);
    const lines = options.get("-r");
    context.replaceCell(`// %load ${line.trim()}\n${lines === undefined ? text : linesIn(text, lines)}`.trimEnd());
    return undefined;
  },
};

async function textOf(context: MagicContext, what: string): Promise<string> {
  if (/^https?:\/\//.test(unquote(what))) {
    const response = await fetch(unquote(what), { signal: context.signal });
    if (!response.ok)
      throw new Error(`Cannot load ${what}: the server answered ${response.status} ${response.statusText}`);
    return response.text();
  }
  if (/^(?:\d+(?:[-:]\d*)?\s*)+$/.test(what)) {
    const cells = cellsIn(context.history(), wordsOf(what));
    if (cells.length === 0) throw new Error(`There is no cell ${what} in this session`);
    return cells.map(({ code }) => code).join("\n");
  }
  const path = pathOf(what);
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT")
      throw new Error(`Expected a file for %load but there is none at ${path}`);
    throw error;
  }
}

function linesIn(text: string, range: string): string {
  const found = /^(\d+)(?:([-:])(\d*))?$/.exec(range);
  if (!found) throw new Error(`Expected a range of lines, such as 3 or 5-10, for -r of %load but received ${range}`);
  const [, first, sign, last] = found;
  const to = sign === undefined ? Number(first) : last === "" ? undefined : Number(last) - (sign === ":" ? 1 : 0);
  return text
    .split("\n")
    .slice(Number(first) - 1, to)
    .join("\n");
}
