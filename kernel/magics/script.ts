/** `%%script`, `%%sh` and `%%bash`: the cell as a program's standard input, as IPython has it. */
import type { Magic, MagicContext, MagicInput, MagicOption } from "../../src/magic";
import { nameOption, wordsOf } from "./options";
import { colours, keepExitCode, runProgram } from "./shell";

const options: readonly MagicOption[] = [
  { flag: "--out", value: "NAME", summary: "keep what is printed in a variable instead of showing it" },
  { flag: "--err", value: "NAME", summary: "the same for what is printed to stderr" },
  { flag: "--no-raise-error", summary: "a script that fails does not fail the cell" },
];

/** Runs `program` with the cell as its input. */
async function runScript(
  context: MagicContext,
  { options: given, body }: MagicInput,
  program: readonly [string, ...string[]],
): Promise<undefined> {
  const kept = new Map<string, string>();
  const on: Record<string, (text: string) => void> = {};
  for (const [flag, stream] of [
    ["--out", "stdout"],
    ["--err", "stderr"],
  ] as const) {
    const name = given.get(flag);
    if (name === undefined) continue;
    kept.set(nameOption(name, flag), "");
    on[stream] = (text) => kept.set(name, (kept.get(name) ?? "") + text);
  }
  // The shells are told by `-c`, so that a program in the script finds no script on its own input.
  const isShell = program.length === 1 && /^(?:sh|bash|zsh|dash)$/.test(program[0]);
  const script = (body ?? "").replace(/\n?$/, "\n");
  const code = await runProgram(context, isShell ? [program[0], "-c", script] : program, {
    input: isShell ? undefined : script,
    env: colours(isShell ? "" : "|"),
    on,
  });
  for (const [name, text] of kept) await context.setVariable(name, text, "string");
  keepExitCode(code);
  if (code !== 0 && !given.has("--no-raise-error")) throw new Error(`The command ended with exit code ${code}`);
  return undefined;
}

function shell(name: string): Magic {
  return {
    name,
    kinds: ["cell"],
    summary: `Runs the cell in ${name}; how it ended is in _exit_code.`,
    options,
    optionsFirst: true,
    example: `%%${name}\nfor i in 1 2 3; do echo $i; done`,
    async run(context, input) {
      if (input.rest !== "")
        throw new Error(`%%${name} takes nothing but options on its own line but received ${input.rest}`);
      return runScript(context, input, [name]);
    },
  };
}

export const sh: Magic = shell("sh");
export const bash: Magic = shell("bash");

export const script: Magic = {
  name: "script",
  kinds: ["cell"],
  summary: "Runs the cell by another program, as its standard input; how it ended is in _exit_code.",
  argument: "PROGRAM [ARGUMENTS]",
  options,
  optionsFirst: true,
  example: "%%script python3\nprint(2 ** 100)",
  async run(context, input) {
    const [program, ...args] = wordsOf(input.rest);
    if (program === undefined) throw new Error("Expected a program behind %%script, as in %%script python3");
    return runScript(context, input, [program, ...args]);
  },
};
