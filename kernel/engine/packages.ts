/** Where this package lies: the kernel lends it to notebooks in any folder. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

interface Manifest {
  version: string;
  main: string;
  types: string;
}

/** The package's folder: the compiled kernel lies in `dist/kernel/engine` of it. */
export const packageRoot: string = join(__dirname, "..", "..", "..");

/** The package's own description. */
export const manifest: Manifest = JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8"));

/** The file with the declarations of the package in `root`. */
export function packageTypes(root: string): string {
  return join(root, manifest.types).replaceAll("\\", "/");
}

/** The file that `import "phi3lab"` loads. */
export const packageMain: string = join(packageRoot, manifest.main);
