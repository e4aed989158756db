/**
 * `npm run test:nodes [-- MAJOR …]`: the engine's tests, the table of cells among them, on every Node.js that the kernel is
 * for. Each comes as a package of the registry, without an install script, into .cache/nodes.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { foreground, setUp } from "./command.mjs";
import { root } from "./setup/places.mjs";

/** A version of each major; the package's name has the platform's. */
const versions = { 20: "^20.19.0", 22: "22", 24: "24", 26: "26" };
const name = `node-${process.platform}-${process.arch}`;

/** The path of a Node.js of that major version. */
function fetchNode(major) {
  const place = join(root, ".cache", "nodes", major);
  const node = join(place, "node_modules", name, "bin", "node");
  if (existsSync(node)) return node;
  mkdirSync(place, { recursive: true });
  writeFileSync(
    join(place, "package.json"),
    JSON.stringify({ private: true, dependencies: { [name]: versions[major] } }),
  );
  const args = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const { status } = spawnSync("npm", args, { cwd: place, stdio: "inherit" });
  if (status !== 0) throw new Error(`${name} ${versions[major]} could not be installed: npm ended with ${status}`);
  return node;
}

const folder = join(root, "test", "kernel", "engine");
const files = readdirSync(folder, { recursive: true }).filter((path) => path.endsWith(".test.ts"));
const majors = process.argv.slice(2);
await setUp(["packages", "typescript"]);
for (const major of majors.length > 0 ? majors : Object.keys(versions)) {
  if (!(major in versions))
    throw new Error(`Expected one of ${Object.keys(versions).join(", ")} but received ${major}`);
  console.log(`\nNode.js ${major}`);
  const mocha = join(root, "node_modules", "mocha", "bin", "mocha.js");
  const code = await foreground(fetchNode(major), [mocha, ...files.map((path) => join(folder, path))]);
  if (code !== 0) process.exitCode = code;
}
