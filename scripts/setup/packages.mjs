/** Step: the npm packages of package-lock.json, by `npm ci`. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./places.mjs";
import { run } from "./run.mjs";
import { findNpm } from "./tools.mjs";

const lockFile = join(root, "package-lock.json");
// npm writes this one last, so it stands only after a whole installation, set-up's or the user's own.
const installed = join(root, "node_modules", ".package-lock.json");

const packages = (path) => JSON.parse(readFileSync(path, "utf8")).packages;

/** npm's own record of what it installed; undefined without one, or with half of one. */
function record() {
  try {
    return packages(installed);
  } catch {
    return undefined;
  }
}

/** True when each package of the lock file is installed in its version; those for other platforms may be absent. */
function complete() {
  const have = record();
  if (have === undefined) return false;
  return Object.entries(packages(lockFile)).every(([path, wanted]) => {
    if (path === "") return true;
    const got = have[path];
    if (got === undefined) return wanted.optional === true;
    const there = got.version === wanted.version && got.integrity === wanted.integrity;
    return there && (got.link === true || existsSync(join(root, path, "package.json")));
  });
}

export const packagesStep = {
  name: "packages",
  does: "the npm packages of package-lock.json, by npm ci, into node_modules",
  after: [],
  // Room while they are unpacked included.
  bytes: () => (existsSync(join(root, "node_modules")) ? 0 : 4e8),
  done: complete,
  check: () => void findNpm(),
  async run(context) {
    const [command, ...args] = findNpm();
    // What npm says of a failure tells its cause, also under `npm test --silent`, whose quiet it would inherit.
    await run(command, [...args, "ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=notice"], {
      ...context,
      log: "packages",
      fresh: true,
      server: "The npm registry",
    });
  },
};
