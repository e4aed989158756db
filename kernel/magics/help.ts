/** The help of a magic: how it is written, what it does, its options, an example. */
import type { Magic, MagicOption } from "../../src/magic";
import { behind } from "./lines";
import { signOf } from "./registry";

/** How an option is written: `-n LOOPS`, `-a, --append`. */
export function spelled({ flag, alias, value }: MagicOption): string {
  const flags = alias === undefined ? flag : `${alias}, ${flag}`;
  return value === undefined ? flags : `${flags} ${value}`;
}

/** What `%name?` prints and what Shift-Tab shows. */
export function helpOf(magic: Magic): string {
  const { name, kinds, options = [], argument, summary, details, example, aliases = [] } = magic;
  const flags = options.length > 0 ? " [options]" : "";
  const usage = kinds.map((kind) => {
    const behind = argument === undefined ? "" : ` ${argument}`;
    return `${signOf(kind)}${name}${flags}${behind}${kind === "cell" ? "\n…" : ""}`;
  });
  const width = Math.max(0, ...options.map((option) => spelled(option).length));
  const parts = [
    usage.join("\n"),
    [summary, ...(details === undefined ? [] : [details])].map((text) => behind("", text)).join("\n"),
    ...(options.length > 0
      ? [options.map((option) => behind(`  ${spelled(option).padEnd(width)}  `, option.summary)).join("\n")]
      : []),
    ...(example === undefined ? [] : [`Example:\n${example.replace(/^/gm, "  ")}`]),
    ...(aliases.length > 0
      ? [`Also called ${aliases.map((alias) => signOf(kinds[0] as "line") + alias).join(", ")}.`]
      : []),
  ];
  return `${parts.join("\n\n")}\n`;
}
