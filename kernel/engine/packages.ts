/** Where this package lies: the kernel lends it to notebooks in any folder. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

interface Manifest {
  version: string;
  main: string;
  types: string;
}

/** The package's folder: the nearest above this file, compiled or not, with a package.json. */
export const packageRoot: string = findRoot(__dirname);

function findRoot(folder: string): string {
  return existsSync(join(folder, "package.json")) ? folder : findRoot(dirname(folder));
}

/** The package's own description. */
export const manifest: Manifest = JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8"));

/** The file with the declarations of the package in `root`. */
export function packageTypes(root: string): string {
  return join(root, manifest.types);
}

/** The file that `import "phi3lab"` loads. */
export const packageMain: string = join(packageRoot, manifest.main);
