/** `%history`: the cells that were run. */
import { existsSync, writeFileSync } from "node:fs";
import type { Magic } from "../../src/magic";
import { wordsOf } from "./options";
import { pathOf } from "./paths";
import { cellsIn } from "./ranges";

export const history: Magic = {
  name: "history",
  aliases: ["hist"],
  kinds: ["line"],
  summary: "Prints the cells that were run: all of them, or ranges such as 1-3 5.",
  argument: "[RANGE …]",
  options: [
    { flag: "-n", summary: "with the numbers of the cells" },
    { flag: "-o", summary: "with their values" },
    { flag: "-l", value: "COUNT", summary: "only the last ones" },
    { flag: "-g", summary: "only those that hold the text behind the options, * and ? standing for any letters" },
    { flag: "-u", summary: "of equal ones only the last" },
    { flag: "-f", value: "FILE", summary: "into a file" },
  ],
  example: "%history -n 1-3 5",
  async run(context, { options, rest }) {
    let cells = options.has("-g") ? holding(context.history(), rest) : cellsIn(context.history(), wordsOf(rest));
    if (options.has("-u"))
      cells = cells.filter(({ code }, i) => !cells.slice(i + 1).some((later) => later.code === code));
    const limit = options.get("-l");
    if (limit !== undefined) {
      if (!/^\d+$/.test(limit)) throw new Error(`Expected integer >= 0 for -l of %history but received ${limit}`);
      // As IPython: the running cell is none of the last ones.
      const all = rest === "" && !options.has("-g") ? cells.slice(0, -1) : cells;
      cells = all.slice(Math.max(0, all.length - Number(limit)));
    }
    const numbered = options.has("-n") || options.has("-g");
    const lines = cells.map(({ count, code, output }) => {
      const text = code.replaceAll("\t", "    ").trimEnd();
      const number = numbered ? `${String(count).padStart(4)}:${text.includes("\n") ? "\n" : " "}` : "";
      return `${number}${text}\n${options.has("-o") && output !== undefined ? `${output}\n` : ""}`;
    });
    const file = options.get("-f");
    if (file === undefined) context.write("stdout", lines.join(""));
    else {
      const path = pathOf(file);
      if (existsSync(path)) context.write("stdout", "Overwriting file.\n");
      writeFileSync(path, lines.join(""));
    }
    return undefined;
  },
};

function holding<T extends { code: string }>(cells: readonly T[], text: string): T[] {
  const escaped = text
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", "[\\s\\S]*")
    .replaceAll("?", "[\\s\\S]");
  const pattern = new RegExp(escaped);
  return cells.filter(({ code }) => pattern.test(code));
}
