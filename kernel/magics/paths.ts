/** Paths as a reader writes them in a magic's line. */
import { homedir } from "node:os";
import { join } from "node:path";
import { unquote } from "./options";

/** Without quotes, `~` written out. */
export function pathOf(text: string): string {
  const path = unquote(text.trim());
  return path === "~" || path.startsWith("~/") ? join(homedir(), path.slice(2)) : path;
}
