/**
 * What `supervise.sh`, the process that Jupyter starts, gives the kernel: pipes behind the descriptors 1 and 2, the terminal,
 * a sign of life and a file for what runs. Without it, where the kernel is started by itself, nothing is captured.
 */
import { constants, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

/** Descriptors and process ids; plain data, for the thread of the sockets. */
export interface Supervised {
  /** The reading ends of the pipes that are the process's descriptors 1 and 2. */
  stdout: number;
  stderr: number;
  /** Ends when the supervisor does. */
  alive: number;
  supervisor: number;
  /** The process that started the supervisor: Jupyter. */
  parent: number;
}

/** Where the process's own words go: the terminal, or the log of the server. */
export const terminal: { stdout: number; stderr: number } = { stdout: 1, stderr: 2 };

/** The file where the kernel notes what runs, for {@link LastWords}. */
export const NOTES = 8;
/** Bytes of {@link NOTES} that hold the running request; the end of standard error follows. */
export const NOTE_BYTES = 16_384;

/** What is left in {@link NOTES}, as JSON. */
export interface LastWords {
  /** JSON of the header of the request that ran. */
  header: string;
  /** Hexadecimal identities of its client. */
  identities: string[];
}

/** Opens what the supervisor prepared; undefined when there is none. To be called once, first of all. */
export function openSupervised(): Supervised | undefined {
  const { PHI3LAB_SUPERVISOR: folder, PHI3LAB_PARENT: parent } = process.env;
  delete process.env.PHI3LAB_SUPERVISOR;
  delete process.env.PHI3LAB_PARENT;
  if (folder === undefined) {
    return undefined;
  }
  useTerminal();
  const open = (name: string): number => openSync(join(folder, name), constants.O_RDONLY | constants.O_NONBLOCK);
  const found = { stdout: open("stdout"), stderr: open("stderr"), alive: open("alive") };
  rmSync(folder, { recursive: true, force: true });
  return { ...found, supervisor: process.ppid, parent: Number(parent) };
}

/** Makes {@link terminal} right in this thread of a supervised kernel. */
export function useTerminal(): void {
  terminal.stdout = 3;
  terminal.stderr = 4;
}

/** The parent of process `pid`; undefined where the system does not say. */
export function parentOf(pid: number): number | undefined {
  try {
    return Number(afterName(readFileSync(`/proc/${pid}/stat`, "utf8"))[1]);
  } catch {
    return undefined;
  }
}

/** The fields of /proc/PID/stat after the name, which may hold anything: the state, the parent, … */
export function afterName(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}
