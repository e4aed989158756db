/** That the files and folders which the guides name are there. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const guides = ["README.md", "CONTRIBUTING.md"];

/** `a/{b,c}.ts` is `a/b.ts` and `a/c.ts`. */
function expanded(path) {
  const [, before, list, behind] = /^([^{]*)\{([^}]*)\}(.*)$/.exec(path) ?? [];
  return list === undefined ? [path] : list.split(",").flatMap((one) => expanded(`${before}${one}${behind}`));
}

/**
 * The paths in a text's code spans that no file or folder has. Of one with a `NAME` or a `*` in it, the folder before it
 * must be there; one whose first folder is not tracked, as a build's, may be missing.
 *
 * @param files Paths from the root with "/".
 */
export function missingPaths(text, files) {
  const folders = new Set(files.flatMap((file) => [...file.matchAll(/\//g)].map(({ index }) => file.slice(0, index))));
  const there = new Set([...files, ...folders]);
  const spans = [...text.matchAll(/`([\w.-]+\/[\w./*{},-]*)`/g)].flatMap(([, path]) => expanded(path));
  return spans.filter((path) => {
    const known = path.replace(/[^/]*(NAME|\*).*$/, "").replace(/\/$/, "");
    return folders.has(path.split("/")[0]) && !there.has(known);
  });
}

/** The check over a checkout: "" when all is well. */
export function checkPaths(root) {
  const listed = spawnSync("git", ["ls-files"], { cwd: root, encoding: "utf8" });
  if (listed.status !== 0) return "";
  const files = listed.stdout.split("\n").filter(Boolean);
  return guides
    .flatMap((guide) =>
      missingPaths(readFileSync(join(root, guide), "utf8"), files).map(
        (path) => `${guide} names ${path}, which is not there\n`,
      ),
    )
    .join("");
}
