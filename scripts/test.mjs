/**
 * `npm test [-- PATH …]`: set-up, then mocha over every test (or those named), the quick ones first. `npm run test:long` runs
 * those that repeat something, for as long as they are worth: the files that import test/length.ts.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve, sep } from "node:path";
import { foreground, here, setUp } from "./command.mjs";
import { root, venvEnvironment } from "./setup/places.mjs";

// Folders of test/ in this order, others between, the browser's last.
const first = ["src", "native", "cpu", "golden", "cuda", "kernel"];
const last = ["setup", "jupyterlab"];

function rank(path) {
  const folder = path.split(sep)[0];
  if (first.includes(folder)) return first.indexOf(folder);
  return first.length + 1 + last.indexOf(folder);
}

/** The test files in a folder, in the order in which they run. */
function testFiles(folder) {
  const files = readdirSync(folder, { recursive: true }).filter((path) => path.endsWith(".test.ts"));
  return files.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1)).map((path) => join(folder, path));
}

const withValue = ["-g", "--grep", "-f", "--fgrep", "-t", "--timeout"];

/** A path that was given; anything else (`--grep`, its text) is for mocha. */
function expand(arg, index, all) {
  const path = resolve(here, arg);
  const stat = withValue.includes(all[index - 1]) ? undefined : statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return { options: [arg], files: [] };
  return { options: [], files: stat.isDirectory() ? testFiles(path) : [path] };
}

await setUp();
const long = process.argv.includes("--long");
const given = process.argv
  .slice(2)
  .filter((arg) => arg !== "--long")
  .map(expand);
const named = given.flatMap(({ files }) => files);
const all = named.length > 0 ? named : testFiles(join(root, "test"));
const args = [
  ...given.flatMap(({ options }) => options),
  ...(long ? all.filter((file) => readFileSync(file, "utf8").includes('/length"')) : all),
];
let closed = false;
const code = await foreground(process.execPath, [join(root, "node_modules/mocha/bin/mocha.js"), ...args], {
  env: { ...venvEnvironment(), ...(long ? { PHI3LAB_TEST_LONG: "on" } : {}) },
  stdio: ["inherit", "inherit", "inherit", "ipc"],
  onMessage: (message) => {
    closed ||= message === "phi3lab-tests-ended";
  },
});
if (!closed) {
  console.error(`\nmocha ended with ${code} before it had run the tests; what it printed above says why.`);
  console.log("0 passed, 1 failed");
}
process.exitCode = closed ? code : code || 1;
