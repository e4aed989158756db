/** What set-up needs from the machine: its system, and the programs Python, npm and a C++ compiler. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, basename, join } from "node:path";
import { problems } from "./problem.mjs";

/** Throws on a system that is not served. */
export function checkPlatform() {
  if (process.platform === "win32") throw problems.windows();
}

function probe(command, args, options = {}) {
  return spawnSync(command, args, { encoding: "utf8", timeout: 60_000, ...options });
}

const question =
  "import sys, importlib.util as u; print(sys.executable, sys.version.split()[0], " +
  "all(u.find_spec(m) for m in ('venv', 'ensurepip')), sep='\\n')";

/** One candidate's path, version and whether it has venv; undefined when it does not run. */
function askPython([command, ...args]) {
  const { status, stdout } = probe(command, [...args, "-c", question]);
  if (status !== 0) return undefined;
  const [path, version, venv] = stdout.trim().split("\n");
  const [major, minor] = version.split(".").map(Number);
  return { path, version, recent: major === 3 && minor >= 10, venv: venv === "True" };
}

/**
 * A Python that serves: `PHI3LAB_PYTHON`, or the first on PATH that is recent and has its venv module.
 * Throws what is missing.
 */
export function findPython() {
  const named = process.env.PHI3LAB_PYTHON;
  const minors = [15, 14, 13, 12, 11, 10];
  const candidates = named ? [[named]] : [["python3"], ["python"], ...minors.map((minor) => [`python3.${minor}`])];
  let best;
  for (const candidate of candidates) {
    const found = askPython(candidate);
    if (found === undefined) continue;
    if (found.recent && found.venv) return found;
    if (best === undefined || (found.recent && !best.recent)) best = found;
  }
  if (best?.recent) throw problems.venv(best.path, best.version);
  if (best) throw problems.python(`${best.path} is Python ${best.version}`);
  throw problems.python(named ? `PHI3LAB_PYTHON=${named} does not run` : undefined);
}

/** How to run npm: the command and its first arguments. */
export function findNpm() {
  const beside = dirname(process.execPath);
  const scripts = [
    basename(process.env.npm_execpath ?? "") === "npm-cli.js" ? process.env.npm_execpath : undefined,
    join(beside, "../lib/node_modules/npm/bin/npm-cli.js"),
    join(beside, "../share/nodejs/npm/bin/npm-cli.js"),
  ];
  const script = scripts.find((path) => path && existsSync(path));
  if (script) return [process.execPath, script];
  if (probe("npm", ["--version"]).status === 0) return ["npm"];
  throw problems.npm();
}

// What the addon's sources ask of a compiler, small: C++20 and the standard library's headers.
const sample = "#include <span>\n#include <thread>\nint main() { return static_cast<int>(std::span<int>().size()); }\n";

/** Throws when no compiler on this machine can build the addon. */
export function checkCompiler() {
  const named = process.env.CXX;
  const candidates = named ? [named] : ["c++", "g++", "clang++"];
  let reason;
  for (const candidate of candidates) {
    const [command, ...args] = candidate.split(" ");
    const { error, status, stderr } = probe(command, [...args, "-std=c++20", "-fsyntax-only", "-x", "c++", "-"], {
      input: sample,
    });
    if (status === 0) return;
    // A compiler that refuses at once may not even read its input: that is an error too (EPIPE), but no absence.
    if (error?.code !== "ENOENT")
      reason ??= `${candidate} cannot compile C++20: ${stderr.trim().split("\n")[0] || error?.message}`;
    else if (named) reason ??= `CXX=${named} does not run`;
  }
  throw problems.compiler(reason);
}
