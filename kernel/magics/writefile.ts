/** `%%writefile`: the cell into a file. */
import { appendFileSync, existsSync, writeFileSync } from "node:fs";
import type { Magic } from "../../src/magic";
import { pathOf } from "./paths";

export const writefile: Magic = {
  name: "writefile",
  aliases: ["file"],
  kinds: ["cell"],
  summary: "Writes the cell into a file.",
  argument: "FILE",
  values: "files",
  options: [{ flag: "--append", alias: "-a", summary: "at the file's end; default: in the place of what it holds" }],
  example: '%%writefile hello.ts\nexport const hello = (name: string) => "Hello, " + name;',
  async run(context, { options, rest, body }) {
    if (rest === "") throw new Error("Expected a file's name behind %%writefile");
    const path = pathOf(rest);
    const text = `${(body ?? "").replace(/\n?$/, "\n")}`;
    const append = options.has("--append");
    const done = existsSync(path) ? (append ? "Appending to" : "Overwriting") : "Writing";
    (append ? appendFileSync : writeFileSync)(path, text);
    context.write("stdout", `${done} ${path}\n`);
    return undefined;
  },
};
