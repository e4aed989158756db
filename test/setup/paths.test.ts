/** The paths that the guides name. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

interface Paths {
  missingPaths(text: string, files: string[]): string[];
  checkPaths(root: string): string;
}

const root = join(__dirname, "../..");

describe("lint", () => {
  let paths: Paths;
  before(async () => {
    paths = await import(pathToFileURL(join(root, "scripts/lint/paths.mjs")).href);
  });

  it("finds a path in the guides that no file or folder has", () => {
    const files = ["src/a.ts", "src/b/c.ts", "README.md"];
    const text =
      "`src/a.ts`, `src/{a,b/c}.ts`, `src/b/`, `src/b/NAME.ts`, `out/page.html`, `a / b`, `src/gone.ts`, `src/{a,d}.ts`, `src/x/NAME.ts`";
    assert.deepEqual(paths.missingPaths(text, files), ["src/gone.ts", "src/d.ts", "src/x/NAME.ts"]);
  });

  it("finds every path that README.md and CONTRIBUTING.md name in this checkout", () => {
    assert.equal(paths.checkPaths(root), "");
  });
});
