/**
 * Snapshots of the compiler's process: Node.js starts from one with TypeScript loaded and the libraries read, which takes a
 * quarter of the time. A snapshot belongs to one Node.js and to one state of these files, lies in the user's cache, and is
 * made by `node snapshot.js` (set-up does that, and a kernel that found none); without one everything works, later.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { packageRoot } from "../packages";

/** Of the compiler's process, also where a snapshot is made: Node.js refuses one that was made with others. */
export const FLAGS = [
  ...["--max-semi-space-size=4", "--max-optimized-bytecode-size=6000", "--expose-gc"],
  // More threads would take the kernel's processor when V8 compiles or collects garbage.
  "--v8-pool-size=1",
];

/** So many are kept: of several checkouts, or versions of Node.js. */
const KEPT = 3;
/** A snapshot that is being made is given up after so long. */
const STALE_MS = 120_000;

const folder = (): string => join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "phi3lab");

/** Where the snapshot for this Node.js and these files lies, or would. */
function snapshotPath(): string {
  const hash = createHash("sha256").update([process.execPath, process.version, packageRoot, ...FLAGS].join("\n"));
  const files = [__dirname, join(__dirname, "..")].flatMap((each) =>
    readdirSync(each)
      .filter((name) => name.endsWith(".js"))
      .map((name) => join(each, name)),
  );
  for (const path of [process.execPath, require.resolve("typescript"), ...files]) {
    const { size, mtimeMs } = statSync(path);
    hash.update(`\n${path} ${size} ${mtimeMs}`);
  }
  return join(folder(), `compiler-${hash.digest("hex").slice(0, 16)}.blob`);
}

/** The snapshot to start from, and whether there ought to be one that is not. An empty file tells that none can be used. */
export function findSnapshot(): { snapshot?: string; missing: boolean } {
  const path = snapshotPath();
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined || size === 0) return { missing: size === undefined };
  const now = new Date();
  utimesSync(path, now, now);
  return { snapshot: path, missing: false };
}

/** Empties a snapshot that Node.js did not start from. */
export function dropSnapshot(path: string): void {
  truncateSync(path);
}

/** Makes the snapshot in a process of its own, which goes on when this one ends. */
export function makeSnapshot(): void {
  const child = spawn("nice", [process.execPath, __filename], { detached: true, stdio: "ignore" });
  child.on("error", () => undefined);
  child.unref();
}

function make(): void {
  const path = snapshotPath();
  if (existsSync(path)) return;
  mkdirSync(folder(), { recursive: true });
  const partial = `${path}.partial`;
  const age = Date.now() - (statSync(partial, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  if (age < STALE_MS) return;
  rmSync(partial, { force: true });
  writeFileSync(partial, "", { flag: "wx" });
  const entry = join(__dirname, "snapshot_entry.js");
  const args = ["--no-warnings", ...FLAGS, "--snapshot-blob", partial, "--build-snapshot", entry];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", timeout: STALE_MS });
  if (status !== 0) {
    console.error(`Node.js could not make a snapshot of the compiler:\n${stderr}`);
    dropSnapshot(partial);
  }
  renameSync(partial, path);
  prune();
}

/** Deletes the snapshots that were not used for the longest time. */
function prune(): void {
  const snapshots = readdirSync(folder())
    .filter((name) => /^compiler-\w+\.blob$/.test(name))
    .map((name) => join(folder(), name))
    .map((path) => ({ path, time: statSync(path).mtimeMs }))
    .sort((a, b) => b.time - a.time);
  for (const { path } of snapshots.slice(KEPT)) rmSync(path, { force: true });
}

if (require.main === module) make();
