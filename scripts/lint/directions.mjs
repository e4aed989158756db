/**
 * The direction of includes and imports, as the data flows: kernel → src → (the addon) native/addon → native/model →
 * native/seam ← cpu, cuda; native/devices.* alone knows the backends. And that the tops of cpu/ and cuda/ hold the same
 * verbs, a file each under the same name.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, extname, join, normalize, relative, sep } from "node:path";

/** Of each part of the tree, the parts that its files may include besides themselves; the first that fits counts. */
const parts = [
  { folder: "native/seam", may: [] },
  { folder: "native/model", may: ["native/seam", "native/devices.h"] },
  { folder: "native/addon", may: ["native/model", "native/seam", "native/devices.h"] },
  { folder: "native", may: ["native/seam", "cpu", "cuda"] }, // devices.*
  { folder: "cpu", may: ["native/seam"] },
  { folder: "cuda", may: ["native/seam"] },
  { folder: "src", may: [] },
  { folder: "kernel", may: ["src"] },
];
/** Headers of libraries that one part alone may include. */
const libraries = [{ header: /^napi\.h$/, folder: "native/addon" }];

const cpp = [".h", ".cc", ".cu", ".cuh"];
const inside = (path, folder) => path === folder || path.startsWith(`${folder}/`);
const partOf = (path) => parts.find(({ folder }) => inside(path, folder));

/** What a file names: paths from the root where they are ours, else as they stand. */
function* named(path, text, exists) {
  if (cpp.includes(extname(path))) {
    for (const [, name] of text.matchAll(/^\s*#include\s+["<]([^">]+)[">]/gm)) {
      const beside = normalize(join(dirname(path), name))
        .split(sep)
        .join("/");
      yield exists(beside) ? beside : name;
    }
  } else {
    for (const [, name] of text.matchAll(/(?:from|import|require\()\s*["'](\.[^"']+)["']/g))
      yield normalize(join(dirname(path), name))
        .split(sep)
        .join("/");
  }
}

/**
 * Sentences about files that point the wrong way.
 *
 * @param files Paths from the root with "/", and their texts.
 */
export function wrongDirections(files) {
  const found = [];
  const exists = (path) => files.has(path);
  for (const [path, text] of files) {
    const part = partOf(path);
    if (part === undefined) continue;
    for (const name of named(path, text, exists)) {
      const library = libraries.find(({ header }) => header.test(name));
      if (library !== undefined && !inside(path, library.folder))
        found.push(`${path} includes ${name}, which ${library.folder} alone may`);
      const target = partOf(name);
      if (target === undefined || target === part || part.may.some((folder) => inside(name, folder))) continue;
      found.push(`${path} points at ${name}; ${part.folder} may know ${part.may.join(", ") || "itself"} alone`);
    }
  }
  return found;
}

/** Sentences about verbs of the seam that one backend has a file for at its top, and the other has not. */
export function unequalTops(names) {
  const stems = (folder) =>
    new Set(
      names
        .filter((name) => /^[^/]+\.(cc|cu)$/.test(relative(folder, name)))
        .map((name) => name.replace(/^.*\/|\.\w+$/g, "")),
    );
  const [cpu, cuda] = [stems("cpu"), stems("cuda")];
  const lack = (folder, missing, other) =>
    [...other]
      .filter((name) => !missing.has(name))
      .map((name) => `${folder}/ has no ${name} at its top, as the other backend has`);
  return [...lack("cpu", cpu, cuda), ...lack("cuda", cuda, cpu)];
}

/** Both checks over a checkout: "" when all is well. */
export function checkDirections(root) {
  const files = new Map();
  for (const folder of ["native", "cpu", "cuda", "src", "kernel"])
    for (const name of readdirSync(join(root, folder), { recursive: true })) {
      const path = `${folder}/${name.split(sep).join("/")}`;
      if ([...cpp, ".ts"].includes(extname(path))) files.set(path, readFileSync(join(root, path), "utf8"));
    }
  return [...wrongDirections(files), ...unequalTops([...files.keys()])].map((line) => `${line}\n`).join("");
}
