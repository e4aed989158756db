/**
 * `node copy.mjs ROOT [compile]`, run by StrykerJS in its copy of the tree: gives it ROOT's environment, and with `compile`
 * what the kernel's process runs from. (StrykerJS starts a program, no shell.)
 */
import { spawnSync } from "node:child_process";
import { symlinkSync } from "node:fs";
import { join } from "node:path";

const [root, compile] = process.argv.slice(2);
symlinkSync(join(root, ".venv"), ".venv");
if (compile) {
  // The copy has no node_modules yet.
  const args = [join(root, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.json", "--noCheck"];
  process.exitCode = spawnSync(process.execPath, args, { stdio: "inherit" }).status ?? 1;
}
