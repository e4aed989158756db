/** Builds the benchmarks' C++ programs with .venv's CMake; a machine that has none names their folder in PHI3LAB_BENCH_PROGRAMS. */
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cudaDecision } from "../scripts/setup/cuda.mjs";
import { addonBuild, venvProgram } from "../scripts/setup/places.mjs";

const folder = dirname(fileURLToPath(import.meta.url));

/** The path of the program `target` of the folder `source` beside this file, built where its sources changed. */
export function buildProgram(source, target) {
  if (process.env.PHI3LAB_BENCH_PROGRAMS) return join(process.env.PHI3LAB_BENCH_PROGRAMS, target);
  const build = join(folder, "..", "build-bench", source);
  const cmake = venvProgram("cmake");
  const generator = process.platform === "win32" ? [] : ["-G", "Ninja", `-DCMAKE_MAKE_PROGRAM=${venvProgram("ninja")}`];
  const env = { ...process.env };
  const options = [];
  if (source === "cuda") {
    const cuda = cudaDecision();
    if (!cuda.built) throw new Error("The addon is built without CUDA; PHI3LAB_CUDA=on npm run build builds it with");
    options.push("-DPHI3LAB_CUDA=ON", `-DPHI3LAB_CUDA_ARCHITECTURES=${cuda.architectures.join(";")}`);
    options.push(`-DPHI3LAB_BUILD=${addonBuild}`);
    env.CUDACXX = cuda.nvcc;
    env.CUDAFLAGS = [cuda.flags, env.CUDAFLAGS].filter(Boolean).join(" ");
  }
  for (const args of [
    ["-S", join(folder, source), "-B", build, ...generator, ...options],
    ["--build", build, "--target", target],
  ]) {
    const made = spawnSync(cmake, args, { encoding: "utf8", env });
    if (made.status !== 0) throw new Error(`The program ${target} does not build:\n${made.stdout}${made.stderr}`);
  }
  return join(build, target);
}
