/** The browser that tests drive. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Context } from "mocha";

/** The system's Chromium or Chrome, or undefined; `PHI3LAB_CHROMIUM` names another. */
export function findChromium(): string | undefined {
  const known = [
    process.env.PHI3LAB_CHROMIUM,
    ...(process.env.PATH ?? "")
      .split(delimiter)
      .flatMap((folder) => ["chromium", "chromium-browser", "google-chrome"].map((name) => join(folder, name))),
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  ];
  return known.find((path) => path !== undefined && existsSync(path));
}

/** Skips a suite, and says so, where there is no Chromium. */
export function needChromium(suite: Context): void {
  if (findChromium()) return;
  console.log("    skipped: no Chromium found; `apt-get install chromium` brings it, or name one in PHI3LAB_CHROMIUM");
  suite.skip();
}
