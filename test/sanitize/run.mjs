/**
 * `npm run test:sanitize`: builds the addon with AddressSanitizer and UndefinedBehaviorSanitizer into build-sanitize and
 * runs the goldens and the damaged files on it; then the C++ programs, most with ThreadSanitizer (which wants every
 * thread instrumented, and Node is not): products, the team of threads, a case of every kernel, and a model whose
 * generations are aborted. All on every code path that this processor has.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { buildProgram } from "../../scripts/program.mjs";
import { addon, root, venvEnvironment, venvProgram } from "../../scripts/setup/places.mjs";

if (process.platform !== "linux") {
  console.log("test:sanitize runs on Linux with GCC; it was skipped here");
  process.exit(0);
}
const env = venvEnvironment();
for (const name of Object.keys(env)) if (name.toLowerCase() === "npm_config_nodedir") delete env[name];
const build = join(root, "build-sanitize");
const cmakeJs = createRequire(import.meta.url).resolve("cmake-js/bin/cmake-js");
const flags = ["-d", root, "-O", build, "-B", "Release", "-G", "Ninja", "-c", venvProgram("cmake")];
const made = spawnSync(process.execPath, [cmakeJs, "compile", ...flags, "--CDPHI3LAB_SANITIZE=address,undefined"], {
  env,
  stdio: "inherit",
});
if (made.status !== 0) process.exit(made.status ?? 1);

const compiler = process.env.CXX ?? "g++";
const library = (name) => execFileSync(compiler, [`-print-file-name=${name}`], { encoding: "utf8" }).trim();
const { paths } = createRequire(import.meta.url)(addon).cpu();
let failed = false;
for (const path of paths) {
  console.log(`\nsanitizers on the path "${path}"`);
  const tests = ["test/native/goldens.test.ts", "test/native/gguf.test.ts", "test/sanitize/damage.test.ts"].map(
    (name) => join(root, name),
  );
  const run = spawnSync(process.execPath, [join(root, "node_modules/mocha/bin/mocha.js"), ...tests], {
    cwd: root,
    stdio: "inherit",
    env: {
      ...env,
      PHI3LAB_CPU: path,
      PHI3LAB_ADDON: join(build, "Release", "phi3lab.node"),
      // Node itself is not instrumented: the sanitizers come before it, and its own leaks are not looked for.
      LD_PRELOAD: [library("libasan.so"), library("libubsan.so"), library("libstdc++.so")].join(":"),
      ASAN_OPTIONS: "detect_leaks=0:abort_on_error=1:allocator_may_return_null=1",
      UBSAN_OPTIONS: "print_stacktrace=1:halt_on_error=1",
    },
  });
  failed ||= run.status !== 0;
}

// Those of test/cpu run every path by themselves.
for (const [target, source, sanitize, ...args] of [
  ["matmul_test", "test/cpu", "address,undefined"],
  ["thread_pool_test", "test/cpu", "thread"],
  ["ops_test", "test/native/ops", "thread", "--quick"],
  ["session_test", "test/native/session", "address,undefined", "100"],
  ["session_test", "test/native/session", "thread", "100"],
]) {
  const program = buildProgram({ source, target, build: `build-sanitize/${target}-${sanitize[0]}`, sanitize });
  for (const path of source === "test/cpu" ? [paths.at(-1)] : paths) {
    console.log(`\n${target} with the sanitizers "${sanitize}" on the path "${path}"`);
    const run = spawnSync(program, args, { encoding: "utf8", env: { ...process.env, PHI3LAB_CPU: path } });
    const bad = run.status !== 0 || /^not ok/m.test(run.stdout);
    console.log(bad ? `${run.stdout}${run.stderr}${run.error ?? ""}` : run.stdout.trimEnd().split("\n").at(-1));
    failed ||= bad;
  }
}
process.exit(failed ? 1 : 0);
