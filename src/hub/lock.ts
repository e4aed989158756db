/**
 * A lock between processes, so that two notebooks do not fetch the same file twice. It is a file with its holder's name,
 * touched while it is held; one whose holder is dead or silent for long is taken over. Nothing breaks when a lock
 * fails: downloads write the same bytes to the same places and are checked before they are published.
 */
import { mkdir, open, readFile, rm, stat, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { exists, readNote } from "./cache";

const touchEvery = 10_000;
const silentAfter = 120_000;
const namedWithin = 2_000;
const lookEvery = 200;
const sayAfter = 3_000;

/**
 * Runs `work` while holding the lock.
 *
 * @param options `onWait` is called once, when another holds it for longer than a moment.
 */
export async function withLock<T>(
  path: string,
  work: () => Promise<T>,
  options: { signal?: AbortSignal; onWait?: () => void } = {},
): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  const start = Date.now();
  let waited = false;
  while (!(await tryLock(path))) {
    if (await isStale(path)) {
      await takeAway(path, options.signal);
      continue;
    }
    if (!waited && Date.now() - start > sayAfter) {
      options.onWait?.();
      waited = true;
    }
    await sleep(lookEvery, undefined, { signal: options.signal });
  }
  const touching = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => undefined);
  }, touchEvery);
  touching.unref();
  try {
    return await work();
  } finally {
    clearInterval(touching);
    await rm(path, { force: true });
  }
}

/** Whether nobody holds a lock; one that a dead process left is removed. */
export async function isFree(path: string, signal?: AbortSignal): Promise<boolean> {
  if (await isStale(path)) await takeAway(path, signal);
  return !(await exists(path));
}

async function tryLock(path: string): Promise<boolean> {
  try {
    const file = await open(path, "wx");
    await file.writeFile(`${process.pid} ${hostname()} ${(await startOf(process.pid)) ?? ""}`.trimEnd());
    await file.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function isStale(path: string): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(path);
    const age = Date.now() - mtimeMs;
    if (age > silentAfter) return true;
    const [pid, machine, start] = (await readNote(path)).split(" ");
    // Killed before it wrote its name.
    if (pid === "") return age > namedWithin;
    if (machine !== hostname()) return false;
    // A number is given again, in a container soon, to a process that began at another time.
    return !isAlive(Number(pid)) || (start !== undefined && start !== (await startOf(Number(pid))));
  } catch {
    // Gone in the meantime: the next try finds out.
    return false;
  }
}

/** When a process began, in the kernel's ticks; undefined where /proc does not say. */
async function startOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // Behind the name, which may hold anything and ends with the last bracket, the 20th.
  return text.slice(text.lastIndexOf(")") + 2).split(" ")[19];
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Removes a stale lock; a second lock sees to it that nobody removes the one that another process then takes. */
async function takeAway(path: string, signal: AbortSignal | undefined): Promise<void> {
  const guard = `${path}.guard`;
  if (!(await tryLock(guard))) {
    if (await isStale(guard)) await rm(guard, { force: true });
    await sleep(20, undefined, { signal });
    return;
  }
  try {
    if (await isStale(path)) await rm(path, { force: true });
  } finally {
    await rm(guard, { force: true });
  }
}
