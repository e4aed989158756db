/**
 * Stamps: beside what a step made lies a small file with a hash of what it was made from. A step whose stamp agrees has
 * nothing to do; a product that is deleted takes its stamp along.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { root } from "./places.mjs";

/** A hash over the files (folders whole, in name order) and over further facts such as versions. */
export function fingerprint(paths, facts = {}) {
  const hash = createHash("sha256").update(JSON.stringify(facts));
  const add = (path) => {
    const stat = statSync(path, { throwIfNoEntry: false });
    const name = relative(root, path);
    if (stat === undefined) {
      hash.update(`\n${name} absent`);
    } else if (stat.isDirectory()) {
      for (const entry of readdirSync(path).sort()) add(join(path, entry));
    } else {
      const content = readFileSync(path);
      hash.update(`\n${name} ${content.length}\n`).update(content);
    }
  };
  for (const path of paths) add(path);
  return hash.digest("hex");
}

/** The stamp's content, or undefined. */
export function readStamp(path) {
  return existsSync(path) ? readFileSync(path, "utf8").trim() : undefined;
}

/** Written to another name first: a stamp that exists is whole. */
export function writeStamp(path, value) {
  mkdirSync(dirname(path), { recursive: true });
  const partial = `${path}.${process.pid}`;
  try {
    writeFileSync(partial, `${value}\n`);
    renameSync(partial, path);
  } finally {
    rmSync(partial, { force: true });
  }
}
