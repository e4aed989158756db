/**
 * All the set-up: `node scripts/setup.mjs [--force] [STEP …]` brings a fresh clone to where notebooks, tests and tools
 * run. It needs Node and nothing else, does only what is not done yet, and goes on where an earlier run was stopped.
 *
 * This file alone must also be readable by a Node that is too old for the rest, so that it can say so.
 */
const version = process.versions.node.split(".").map(Number);
if (version[0] < 20 || (version[0] === 20 && version[1] < 19)) {
  console.error(
    [
      `set-up: Node 20.19 or later is needed, and this is Node ${process.versions.node} (${process.execPath}).`,
      "  Download it from https://nodejs.org/en/download, or, with nvm: nvm install 22",
    ].join("\n"),
  );
  process.exit(1);
}

import("./setup/main.mjs")
  .then(({ main }) => main(process.argv.slice(2)))
  .then((code) => {
    process.exitCode = code;
  });
