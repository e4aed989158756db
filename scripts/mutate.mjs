/**
 * `npm run mutate -- generation`: StrykerJS plants small faults in one part of the code and runs that part's tests on each;
 * what no test notices survives, and is listed. Without a name every part of `parts`, in turn. What an earlier run found is
 * kept in .cache/mutate, and only what changed since is tried again (`--force`: all of it). The packages are installed there
 * too, since StrykerJS's runner wants an older Mocha than the project's.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { foreground, setUp } from "./command.mjs";
import { root } from "./setup/places.mjs";

const packages = { "@stryker-mutator/core": "9.6.1", "@stryker-mutator/mocha-runner": "9.6.1", mocha: "11.7.5" };
const place = join(root, ".cache", "mutate");

/** What of the kernel's protocol has tests of its own; the rest is seen in a kernel's process alone. */
const apart = "kernel/protocol/{children,message,outbox,parent,requests,supervised}.ts";

/**
 * The parts: what is changed, and the tests that should notice. The kernel's tests talk to a process of its own, or to the
 * thread of its sockets, whose code's coverage StrykerJS cannot see: there all tests run on each fault.
 */
const parts = {
  generation: {
    mutate: ["src/generation/**/*.ts"],
    tests: ["generation", "model", "model_ending", "pipeline", "memory"].map((name) => `test/src/${name}.test.ts`),
  },
  tokenizer: { mutate: ["src/tokenizer/**/*.ts"], tests: ["test/src/tokenizer/*.test.ts"] },
  weights: {
    mutate: ["src/weights/**/*.ts"],
    // What the files' numbers mean is seen in what the tiny models compute of them.
    tests: [
      "test/src/weights/*.test.ts",
      ...["adapter", "family", "gguf", "goldens", "quantise"].map((name) => `test/native/${name}.test.ts`),
    ],
  },
  hub: { mutate: ["src/hub/**/*.ts"], tests: ["test/src/hub/*.test.ts"] },
  protocol: {
    mutate: [apart],
    tests: ["message", "outbox", "processes", "requests"].map((name) => `test/kernel/protocol/${name}.test.ts`),
  },
  sockets: {
    mutate: ["kernel/protocol/*.ts", `!${apart}`],
    tests: ["protocol/wire", "protocol", "interrupt", "magics/wire"].map((name) => `test/kernel/${name}.test.ts`),
    processes: true,
  },
};

function install() {
  const manifest = JSON.stringify({ private: true, dependencies: packages });
  const file = join(place, "package.json");
  if (existsSync(join(place, "node_modules")) && existsSync(file) && readFileSync(file, "utf8") === manifest) return;
  mkdirSync(place, { recursive: true });
  writeFileSync(file, manifest);
  console.log("mutate: installing StrykerJS into .cache/mutate …");
  const args = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const { status } = spawnSync("npm", args, { cwd: place, stdio: "inherit" });
  if (status !== 0) throw new Error(`StrykerJS could not be installed: npm ended with ${status}`);
}

/** StrykerJS's settings for a part: it works on a copy of the tree, which takes the addon and the environment from this one. */
function settings(name, { mutate, tests, processes }) {
  return {
    mutate,
    testRunner: "mocha",
    plugins: ["@stryker-mutator/mocha-runner"],
    mochaOptions: { spec: tests, require: ["tsx", ...(processes ? [join(root, "scripts/mutate/processes.cjs")] : [])] },
    coverageAnalysis: processes ? "off" : "perTest",
    buildCommand: `node scripts/mutate/copy.mjs ${root}${processes ? " compile" : ""}`,
    ignorePatterns: [".*/", "bench", "build", "build-addon/*", "!build-addon/Release", "docs", "out"],
    tempDirName: join(".cache", "mutate", "copies"),
    incremental: true,
    incrementalFile: join(".cache", "mutate", `${name}.json`),
    reporters: ["clear-text", "progress-append-only", "html"],
    htmlReporter: { fileName: join("out", "mutate", `${name}.html`) },
    clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
    concurrency: 2,
    timeoutMS: 20_000,
    // Faults in what runs once, as a file is loaded, would need a process of their own each; without coverage they are not told apart.
    ignoreStatic: !processes,
    disableTypeChecks: true,
  };
}

const args = process.argv.slice(2);
const names = args.filter((arg) => arg !== "--force");
for (const name of names)
  if (!(name in parts)) throw new Error(`Expected one of ${Object.keys(parts).join(", ")} but received ${name}`);
await setUp();
install();
for (const name of names.length > 0 ? names : Object.keys(parts)) {
  const file = join(place, `${name}.config.json`);
  writeFileSync(file, JSON.stringify(settings(name, parts[name]), undefined, 2));
  const stryker = [join(place, "node_modules/@stryker-mutator/core/bin/stryker.js"), "run", file];
  if (args.includes("--force")) stryker.push("--force");
  const status = await foreground(process.execPath, stryker, { env: process.env });
  if (status !== 0) process.exitCode = status;
}
