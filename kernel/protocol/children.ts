/**
 * The processes that a cell has started, so that an interrupt reaches them: `execSync("sleep 20")` blocks the main thread
 * until its child ends. As on a terminal, the child's own children get the signal, too, and those in a session of their own
 * (`detached: true`) do not. The kernel's own processes are nobody's business.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterName } from "./supervised";

interface Process {
  pid: number;
  parent: number;
  /** Where the system says it: of a child that left the kernel's, no signal of the terminal comes. */
  session?: string;
  /** Seconds since it began. */
  age: number;
}

/** What a process of the kernel itself, such as the compiler's, has in its command line. */
const KERNEL = join(__dirname, "..");

/** Of /proc's times, as Linux has it everywhere. */
const TICKS_PER_SECOND = 100;
/** How exactly a process's age is known, in seconds: by /proc and by ps. */
const EXACT = { proc: 0.03, ps: 1 };

/** The children of process `root` that are no older than `age` seconds, and all that descends from them. */
export function youngDescendants(root: number, age: number): number[] {
  const { processes, exact } = list();
  const session = processes.find(({ pid }) => pid === root)?.session;
  const found: number[] = [];
  const visit = (parent: number, oldest: number): void => {
    for (const each of processes) {
      if (each.parent === parent && each.age <= oldest && each.session === session && !isOfKernel(each.pid)) {
        found.push(each.pid);
        visit(each.pid, Number.POSITIVE_INFINITY);
      }
    }
  };
  visit(root, age + exact);
  return found;
}

/** Sends a signal to those that still are there. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended.
    }
  }
}

function list(): { processes: Process[]; exact: number } {
  const own = readStat("self");
  if (own === undefined) {
    return { processes: listByPs(), exact: EXACT.ps };
  }
  const now = own.start + process.uptime() * TICKS_PER_SECOND;
  const processes = readdirSync("/proc").flatMap((name) => {
    const found = /^\d+$/.test(name) ? readStat(name) : undefined;
    return found ? [{ pid: Number(name), ...found, age: (now - found.start) / TICKS_PER_SECOND }] : [];
  });
  return { processes, exact: EXACT.proc };
}

/** Undefined for a process that has ended, and where there is no /proc. */
function readStat(pid: string): { parent: number; session: string; start: number } | undefined {
  try {
    const fields = afterName(readFileSync(`/proc/${pid}/stat`, "utf8"));
    return { parent: Number(fields[1]), session: fields[3] as string, start: Number(fields[19]) };
  } catch {
    return undefined;
  }
}

function isOfKernel(pid: number): boolean {
  try {
    return commandLine(pid).includes(KERNEL);
  } catch {
    return false; // It has ended.
  }
}

function commandLine(pid: number): string {
  return existsSync("/proc/self/cmdline")
    ? readFileSync(`/proc/${pid}/cmdline`, "utf8")
    : execFileSync("ps", ["-o", "args=", "-p", String(pid)], { encoding: "utf8" });
}

/** macOS. */
function listByPs(): Process[] {
  const lines = execFileSync("ps", ["-A", "-o", "pid=,ppid=,etime="], { encoding: "utf8" }).split("\n");
  return lines.flatMap((line) => {
    const [pid, parent, elapsed] = line.trim().split(/\s+/);
    if (elapsed === undefined) return [];
    const [days, clock] = elapsed.includes("-") ? elapsed.split("-") : ["0", elapsed];
    const seconds = (clock as string).split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
    return [{ pid: Number(pid), parent: Number(parent), age: Number(days) * 86_400 + seconds }];
  });
}
