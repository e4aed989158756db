/** Step: the TypeScript of `src/` and `kernel/`, compiled into `dist/`. */
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { cache, root } from "./places.mjs";
import { run } from "./run.mjs";
import { fingerprint, readStamp, writeStamp } from "./stamp.mjs";

const dist = join(root, "dist");
const stamp = join(dist, ".phi3lab-typescript");
const inputs = ["src", "kernel", "tsconfig.json"].map((name) => join(root, name));
const wanted = () => fingerprint(inputs, { lock: fingerprint([join(root, "package-lock.json")]) });

/** Deletes what an earlier compilation left of sources that are gone. */
function prune(folder, kept) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) {
      prune(path, kept);
      if (readdirSync(path).length === 0) rmSync(path, { recursive: true });
    } else if (!kept.has(path) && path !== stamp) {
      rmSync(path);
    }
  }
}

export const typescriptStep = {
  name: "typescript",
  does: "the TypeScript of src and kernel, by tsc, into dist",
  after: ["packages"],
  done: () => existsSync(join(dist, "src")) && readStamp(stamp) === wanted(),
  check: () => {},
  async run(context) {
    const before = wanted();
    // tsc writes what it can even when there are errors, so from here on dist is not what the stamp says.
    rmSync(stamp, { force: true });
    const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
    await run(process.execPath, [compiler, "-p", root, "--listEmittedFiles"], {
      ...context,
      log: "typescript",
      fresh: true,
      noise: /^TSFILE: /,
    });
    const log = readFileSync(join(cache, "typescript.log"), "utf8");
    prune(dist, new Set([...log.matchAll(/^TSFILE: (.*)$/gm)].map((match) => resolve(match[1]))));
    writeStamp(stamp, before);
  },
};
