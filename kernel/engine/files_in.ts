/** The files that a path may go on to while it is typed. */
import { readdirSync } from "node:fs";
import { homedir } from "node:os";
import { resolve } from "node:path";

/**
 * Files of `folder` (as typed: relative to `base`, or with `~/`) whose names begin with `prefix`, in their order; folders end
 * in a slash. Hidden ones are for those who type the dot.
 */
export function filesIn(base: string, folder: string, prefix: string): { text: string; type: "folder" | "file" }[] {
  try {
    return readdirSync(resolve(base, folder.replace(/^~(?=\/)/, homedir())), { withFileTypes: true })
      .filter(({ name }) => name.startsWith(prefix) && (prefix.startsWith(".") || !name.startsWith(".")))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((each) =>
        each.isDirectory() ? { text: `${each.name}/`, type: "folder" } : { text: each.name, type: "file" },
      );
  } catch {
    return []; // There is no such folder.
  }
}
