/** Notices that the process which started the kernel has died: a kernel without a server is of use to nobody. */

/** Between two looks, in milliseconds. */
const LOOK_MS = 1_000;

/** Calls `onDeath` once process `parent` has ended. A kernel started by process 1, in a container, is left alone. */
export function watchParent(parent: number, onDeath: () => void): void {
  if (parent <= 1) {
    return;
  }
  const timer = setInterval(() => {
    if (!lives(parent)) {
      clearInterval(timer);
      onDeath();
    }
  }, LOOK_MS);
}

function lives(parent: number): boolean {
  if (process.platform !== "win32") {
    return process.ppid === parent; // An orphan gets another parent.
  }
  try {
    process.kill(parent, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
