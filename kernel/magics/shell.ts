/**
 * `!command`, `%%sh` and `%%bash`: the system's shell. Output comes as it is written; an interrupt ends the whole group of
 * processes; `_exit_code` holds how the last one ended.
 */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { StringDecoder } from "node:string_decoder";
import type { Magic, MagicContext } from "./magic";

/** How long a program may take to end when asked, before it is ended. */
const patience = 500;
/** How long output that a command left in its pipes is waited for, where something keeps them open. */
const settle = 200;

/** Runs a command; its exit code (of a signal 128 + its number, as shells say it). */
export async function runShell(
  context: MagicContext,
  command: string,
  { shell = "sh", onOutput }: { shell?: string; onOutput?: (text: string) => void } = {},
): Promise<number> {
  context.signal.throwIfAborted();
  const child = spawn(shell, ["-c", command], {
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own, so that an interrupt reaches what the command started.
    detached: true,
  });
  const kill = (signal: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal);
    } catch {
      // It has ended already.
    }
  };
  const interrupt = (): void => {
    kill("SIGINT");
    setTimeout(() => kill("SIGKILL"), patience).unref();
  };
  context.signal.addEventListener("abort", interrupt, { once: true });
  for (const name of ["stdout", "stderr"] as const) {
    const decoder = new StringDecoder("utf8");
    const emit = (text: string): void => {
      if (name === "stdout" && onOutput) onOutput(text);
      else if (text !== "") context.write(name, text);
    };
    child[name].on("data", (data: Buffer) => emit(decoder.write(data)));
    child[name].on("end", () => emit(decoder.end()));
  }
  try {
    const code = await new Promise<number>((done, fail) => {
      child.once("error", (error: NodeJS.ErrnoException) =>
        fail(error.code === "ENOENT" ? new Error(`There is no shell "${shell}" on this machine`) : error),
      );
      const end = (code: number | null, signal: NodeJS.Signals | null): void =>
        done(code ?? 128 + (constants.signals[signal as NodeJS.Signals] ?? 0));
      child.once("close", end);
      // A child that goes on in the background keeps the pipes open: what it writes later comes later.
      child.once("exit", (code, signal) => setTimeout(() => end(code, signal), settle));
    });
    context.signal.throwIfAborted();
    return code;
  } finally {
    context.signal.removeEventListener("abort", interrupt);
  }
}

/** Runs a command for a cell and keeps its exit code in `_exit_code`. */
export async function shellLine(context: MagicContext, command: string, shell?: string): Promise<void> {
  const code = await runShell(context, command, { shell });
  await context.setVariable("_exit_code", code, "number");
}

/** Runs a command and gives the lines that it prints, as `const files = !ls` wants them. */
export async function shellLines(context: MagicContext, command: string): Promise<string[]> {
  let text = "";
  const code = await runShell(context, command, { onOutput: (piece) => (text += piece) });
  await context.setVariable("_exit_code", code, "number");
  return text === "" ? [] : text.replace(/\r?\n$/, "").split(/\r?\n/);
}

/** `%%sh` and `%%bash`. */
function script(name: string, shell: string): Magic {
  return {
    name,
    kinds: ["cell"],
    summary: `Runs the cell in ${shell}; how it ended is in _exit_code.`,
    async run(context, line, body) {
      const args = line.trim();
      if (args !== "") throw new Error(`%%${name} takes nothing on its own line but received ${args}`);
      const code = await runShell(context, body ?? "", { shell });
      await context.setVariable("_exit_code", code, "number");
      // As IPython has it: a script that fails is a failure of the cell.
      if (code !== 0) throw new Error(`The command ended with exit code ${code}`);
      return undefined;
    },
  };
}

export const sh: Magic = script("sh", "sh");
export const bash: Magic = script("bash", "bash");
