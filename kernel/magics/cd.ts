/** `%cd` and `%pwd`: the working folder, which paths and commands start from. */
import { homedir } from "node:os";
import type { Magic } from "../../src/magic";
import { pathOf } from "./paths";

/** Where the kernel was before. */
let previous: string | undefined;

export const cd: Magic = {
  name: "cd",
  kinds: ["line"],
  summary: "Changes the working folder; `import` goes on looking from the notebook's.",
  argument: "[FOLDER | -]",
  values: "files",
  details: "Without a folder it goes to the home folder, with - to the one before.",
  options: [{ flag: "-q", summary: "do not print where it went" }],
  example: "%cd ../data",
  async run(context, { options, rest }) {
    const here = process.cwd();
    const to = rest === "-" ? previous : rest === "" ? homedir() : pathOf(rest);
    if (to === undefined) throw new Error("%cd -: there is no previous folder to go to");
    try {
      process.chdir(to);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== "ENOENT" && code !== "ENOTDIR") throw error;
      throw new Error(`Expected a folder for %cd but there is none at ${to}`);
    }
    previous = here;
    if (!options.has("-q")) context.write("stdout", `${process.cwd()}\n`);
    return undefined;
  },
};

export const pwd: Magic = {
  name: "pwd",
  kinds: ["line"],
  summary: "Gives the working folder.",
  example: "const here = %pwd",
  run: async () => process.cwd(),
};
