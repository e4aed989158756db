/** Notices that the process which started the kernel has died: a kernel without a server is of use to nobody. */
import { parentOf } from "./supervised";

/** Between two looks, in milliseconds. */
const LOOK_MS = 1_000;

/**
 * Calls `onDeath` once process `parent` has ended. A kernel started by process 1, in a container, is left alone.
 * @param child whose parent it is: this process, or the supervisor between the two
 */
export function watchParent(parent: number, onDeath: () => void, child = process.pid): void {
  if (parent <= 1) {
    return;
  }
  const timer = setInterval(() => {
    if (hasEnded(parent, child)) {
      clearInterval(timer);
      onDeath();
    }
  }, LOOK_MS);
}

/** An orphan gets another parent. */
function hasEnded(parent: number, child: number): boolean {
  if (child === process.pid) {
    return process.ppid !== parent;
  }
  const now = parentOf(child);
  if (now !== undefined) {
    return now !== parent;
  }
  try {
    process.kill(parent, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
