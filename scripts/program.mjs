/** Builds a C++ program of the tests or the benchmarks, by .venv's CMake, with the libraries of the addon's build. */
import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cudaDecision } from "./setup/cuda.mjs";
import { addonBuild, root, venvProgram } from "./setup/places.mjs";

/** Whether the addon is built with CUDA, so that programs can be. */
export const withCuda = () => cudaDecision().built;

/**
 * The path of `target`, which the CMakeLists.txt in `source` (from the checkout) names, built in `build` where its sources
 * changed; `cuda`: with the CUDA backend; `sanitize`: with these sanitizers, the backends too. `given`, if set, is a folder
 * that has it built already, for machines without CMake. `libraries` is the build whose libraries it links, `cross` what
 * CMake is told to build for another machine, as -D options. Throws with the compiler's words.
 */
export function buildProgram(options) {
  const { source, target, build, cuda = false, sanitize = "", given, libraries = addonBuild, cross = [] } = options;
  if (given !== undefined) {
    if (!existsSync(join(given, target))) throw new Error(`${given} holds no ${target}`);
    return join(given, target);
  }
  const folder = join(root, build);
  const ninja = ["-G", "Ninja", `-DCMAKE_MAKE_PROGRAM=${venvProgram("ninja")}`];
  const env = { ...process.env };
  const definitions = [sanitize ? `-DPHI3LAB_SANITIZE=${sanitize}` : `-DPHI3LAB_BUILD=${libraries}`, ...cross];
  if (cuda) {
    const { nvcc, architectures, flags } = cudaDecision();
    definitions.push("-DPHI3LAB_CUDA=ON", `-DPHI3LAB_CUDA_ARCHITECTURES=${architectures.join(";")}`);
    env.CUDACXX = nvcc;
    env.CUDAFLAGS = [flags, env.CUDAFLAGS].filter(Boolean).join(" ");
  }
  for (const args of [
    ["-S", join(root, source), "-B", folder, ...ninja, ...definitions],
    ["--build", folder, "--target", target],
  ]) {
    const made = spawnSync(venvProgram("cmake"), args, { encoding: "utf8", env });
    if (made.status === 0) continue;
    // CMake would remember what it found half of.
    if (args[0] === "-S") rmSync(folder, { recursive: true, force: true });
    throw new Error(`${target} does not build:\n${made.stdout}${made.stderr}${made.error ?? ""}`);
  }
  return join(folder, target);
}
