/** Builds the benchmarks' C++ programs; a machine that has no CMake names their folder in PHI3LAB_BENCH_PROGRAMS. */
import { buildProgram as build, withCuda } from "../scripts/program.mjs";

/** The path of the program `target` of the folder `source` beside this file. */
export function buildProgram(source, target) {
  const given = process.env.PHI3LAB_BENCH_PROGRAMS || undefined;
  const cuda = source === "cuda";
  if (cuda && given === undefined && !withCuda())
    throw new Error("The addon is built without CUDA; PHI3LAB_CUDA=on npm run build builds it with");
  return build({ source: `bench/${source}`, target, build: `build-bench/${source}`, cuda, given });
}
