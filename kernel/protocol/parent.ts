/** Notices that the process which started the kernel has died: a kernel without a server is of use to nobody. */

/** Between two looks, in milliseconds. */
const LOOK_MS = 1_000;

/** Calls `onDeath` once process `parent` has ended. A kernel started by process 1, in a container, is left alone. */
export function watchParent(parent: number, onDeath: () => void): void {
  if (parent <= 1) {
    return;
  }
  const timer = setInterval(() => {
    // An orphan gets another parent.
    if (process.ppid !== parent) {
      clearInterval(timer);
      onDeath();
    }
  }, LOOK_MS);
}
