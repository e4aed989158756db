/**
 * `!command`: the system's shell. Output comes as it is written, in colours; an interrupt ends the whole group of processes;
 * `_exit_code` holds how the last one ended.
 */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { StringDecoder } from "node:string_decoder";
import type { MagicContext } from "../../src/magic";

/** Node's own, kept before the kernel binds timers to cells: those of an interrupted cell never fire. */
const later = setTimeout;

/** How long a program may take to end when asked, before it is ended. */
const patience = 500;
/** How long output that a command left in its pipes is waited for, where something keeps them open. */
const settle = 200;

export interface RunOptions {
  /** Text for the program's standard input; without it there is none. */
  input?: string;
  folder?: string;
  env?: NodeJS.ProcessEnv;
  /** Take the output instead of printing it. */
  on?: { stdout?: (text: string) => void; stderr?: (text: string) => void };
}

/** Runs a program; its exit code (of a signal 128 + its number, as shells say it). */
export async function runProgram(
  context: MagicContext,
  [program, ...args]: readonly [string, ...string[]],
  { input, folder, env, on = {} }: RunOptions = {},
): Promise<number> {
  context.signal.throwIfAborted();
  const child = spawn(program, args, {
    stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    cwd: folder,
    env: { ...process.env, ...env },
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
    later(() => kill("SIGKILL"), patience).unref();
  };
  const leave = (): void => kill("SIGKILL");
  context.signal.addEventListener("abort", interrupt, { once: true });
  process.once("exit", leave);
  for (const name of ["stdout", "stderr"] as const) {
    const decoder = new StringDecoder("utf8");
    const emit = (text: string): void => {
      const take = on[name];
      if (take) take(text);
      else if (text !== "") context.write(name, text);
    };
    child[name]?.on("data", (data: Buffer) => emit(decoder.write(data)));
    child[name]?.on("end", () => emit(decoder.end()));
  }
  // A program may end before it has read all of it.
  child.stdin?.on("error", () => undefined).end(input);
  try {
    const code = await new Promise<number>((done, fail) => {
      child.once("error", (error: NodeJS.ErrnoException) => fail(error.code === "ENOENT" ? missing(program) : error));
      const end = (code: number | null, signal: NodeJS.Signals | null): void =>
        done(code ?? 128 + (constants.signals[signal as NodeJS.Signals] ?? 0));
      child.once("close", end);
      // A child that goes on in the background keeps the pipes open: what it writes later comes later.
      child.once("exit", (code, signal) => later(() => end(code, signal), settle));
    });
    context.signal.throwIfAborted();
    return code;
  } finally {
    context.signal.removeEventListener("abort", interrupt);
    process.off("exit", leave);
  }
}

const missing = (program: string): Error => new Error(`There is no program "${program}" on this machine`);

/** Variables of the environment that the kernel set so that what cells print is coloured; the reader's own stay. */
export const kernelColours = new Set<string>();

/**
 * What makes programs write colours into a pipe. A command that hands output on, to another program or into a file, gets
 * none: the escapes would stand in it.
 */
export function colours(command: string): NodeJS.ProcessEnv {
  if (/[|>`]|\$\(/.test(command.replace(/\d?>&\d|&>|>\s*\/dev\/null/g, ""))) return noColours();
  const isReaders = process.env.FORCE_COLOR !== undefined && !kernelColours.has("FORCE_COLOR");
  if (process.env.NO_COLOR !== undefined || isReaders) return {};
  const term = process.env.TERM === undefined || process.env.TERM === "dumb" ? { TERM: "xterm-256color" } : {};
  return { FORCE_COLOR: "1", CLICOLOR_FORCE: "1", CARGO_TERM_COLOR: "always", npm_config_color: "always", ...term };
}

function noColours(): NodeJS.ProcessEnv {
  return Object.fromEntries([...kernelColours].map((name) => [name, undefined]));
}

/** Runs a command for a cell and keeps its exit code in `_exit_code`. */
export async function shellLine(context: MagicContext, command: string): Promise<void> {
  keepExitCode(await runProgram(context, ["sh", "-c", command], { env: colours(command) }));
}

/** Runs a command and gives the lines that it prints, as `const files = !ls` wants them. */
export async function shellLines(context: MagicContext, command: string): Promise<string[]> {
  let text = "";
  const stdout = (piece: string): void => {
    text += piece;
  };
  keepExitCode(await runProgram(context, ["sh", "-c", command], { env: noColours(), on: { stdout } }));
  return text === "" ? [] : text.replace(/\r?\n$/, "").split(/\r?\n/);
}

/** A global, as `_` is one, so that the same cell may name it below the command. */
export function keepExitCode(code: number): void {
  const value = { value: code, writable: true, enumerable: false, configurable: true };
  Object.defineProperty(globalThis, "_exit_code", value);
}
