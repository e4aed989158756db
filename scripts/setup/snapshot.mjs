/** Step: a snapshot of the kernel's compiler, from which it starts in a quarter of the time. It lies in the user's cache. */
import { createRequire } from "node:module";
import { join } from "node:path";
import { root } from "./places.mjs";
import { run } from "./run.mjs";

const program = join(root, "dist", "kernel", "engine", "compiler", "snapshot.js");
const snapshots = () => createRequire(import.meta.url)(program);

/** Makes the snapshot beside what goes on. */
export const makeSnapshot = () => snapshots().makeSnapshot();

export const snapshotStep = {
  name: "snapshot",
  does: "the kernel's compiler as a snapshot, from which it starts at once, in your cache",
  after: ["typescript"],
  done: () => {
    try {
      return !snapshots().findSnapshot().missing;
    } catch {
      return false; // Nothing is compiled yet.
    }
  },
  check: () => {},
  run: (context) => run(process.execPath, [program], { ...context, log: "snapshot", fresh: true }),
};
