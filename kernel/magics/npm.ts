/** `%npm`: npm, in the notebook's folder and nowhere else. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Magic } from "../../src/magic";
import { wordsOf } from "./options";
import { colours, keepExitCode, runProgram } from "./shell";

/** npm's commands that change the folder. */
const changing = new Set(
  "install i add ci uninstall remove rm un update up upgrade link dedupe prune audit init".split(" "),
);

export const npm: Magic = {
  name: "npm",
  kinds: ["line"],
  summary: "Runs npm in the notebook's folder: %npm install NAME brings a package that the next cell can import.",
  argument: "COMMAND …",
  values: () => ["install", "uninstall", "update", "ls", "outdated", "view", "run", "init", "audit", "ci"],
  details:
    "npm alone would look for a package.json in the folders above and install there; this one does not. --prefix FOLDER names another folder.",
  example: "%npm install left-pad",
  async run(context, { line }) {
    const words = wordsOf(line);
    if (words.length === 0) throw new Error("Expected a command behind %npm, as in %npm install left-pad");
    const chosen = words.some((word) => /^(?:--prefix|-C|-g|--global|--location)(?:=|$)/.test(word));
    if (!chosen && changing.has(words.find((word) => !word.startsWith("-")) ?? "")) {
      const above = projectAbove(context.folder);
      const note = above === undefined ? "" : ` (the project above it: %npm --prefix ${above} ${line.trim()})`;
      context.write("stdout", `In ${context.folder}${note}\n`);
    }
    const where = chosen ? [] : ["--prefix", context.folder];
    const code = await runProgram(context, [npmProgram(), ...words, ...where], {
      folder: context.folder,
      env: { ...colours(""), npm_config_update_notifier: "false" },
    });
    keepExitCode(code);
    if (code !== 0) throw new Error(`npm ended with exit code ${code}`);
    return undefined;
  },
};

/** The one beside this Node, so that a kernel started outside of a login shell finds it, else the one on the path. */
function npmProgram(): string {
  const beside = join(dirname(process.execPath), "npm");
  return existsSync(beside) ? beside : "npm";
}

/** The nearest folder above that has a package.json, where this one has none. */
function projectAbove(folder: string): string | undefined {
  if (existsSync(join(folder, "package.json"))) return undefined;
  for (let at = dirname(folder); at !== dirname(at); at = dirname(at))
    if (existsSync(join(at, "package.json"))) return at;
  return undefined;
}
