/** Step: the C++ addon, by cmake-js with the CMake and Ninja of `.venv`. */
import { existsSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { cudaDecision, cudaText } from "./cuda.mjs";
import { addon, addonBuild, root, venvEnvironment, venvProgram } from "./places.mjs";
import { SetupProblem } from "./problem.mjs";
import { run } from "./run.mjs";
import { fingerprint, readStamp, writeStamp } from "./stamp.mjs";
import { checkCompiler } from "./tools.mjs";

const stamp = join(addonBuild, ".phi3lab-addon");
// CMake's folder remembers these, and must be made anew when one changes.
const configured = join(addonBuild, ".phi3lab-configured");

const configuration = (cuda) =>
  fingerprint([join(root, "CMakeLists.txt")], {
    root,
    platform: `${process.platform}-${process.arch}`,
    compiler: ["CXX", "CC", "CXXFLAGS", "CFLAGS", "LDFLAGS"].map((name) => process.env[name]),
    cuda: cuda.built ? [cuda, process.env.CUDAHOSTCXX, process.env.CUDAFLAGS] : (cuda.undecided ?? false),
  });

/** The sources of the devices that are built. */
const sources = (cuda) =>
  fingerprint(
    ["native", "cpu", ...(cuda.built ? ["cuda"] : []), "CMakeLists.txt"].map((name) => join(root, name)),
    { configuration: configuration(cuda) },
  );

/** What cmake-js and CMake have to know to build with CUDA. */
function withCuda({ nvcc, architectures, flags }, args, environment) {
  args.push("--CDPHI3LAB_CUDA=ON", `--CDPHI3LAB_CUDA_ARCHITECTURES=${architectures.join(";")}`);
  environment.CUDACXX = nvcc;
  environment.CUDAFLAGS = [flags, environment.CUDAFLAGS].filter(Boolean).join(" ");
}

/**
 * Builds the addon anew where its sources changed.
 * @param ninja whether there is one; else CMake takes its own default
 * @param cuda what `decideCuda` decided
 */
export async function buildAddon({ cmake, env = process.env, ninja = true, cuda = { built: false }, context = {} }) {
  // CMake's list of compiler calls is for `npm run lint` and for editors.
  const environment = { ...env, CMAKE_EXPORT_COMPILE_COMMANDS: "ON" };
  // With npm's nodedir cmake-js would take that folder's headers, not the ones of node-api-headers.
  for (const name of Object.keys(environment)) {
    if (name.toLowerCase() === "npm_config_nodedir") delete environment[name];
  }
  if (readStamp(configured) !== configuration(cuda)) rmSync(addonBuild, { recursive: true, force: true });
  const before = sources(cuda);
  rmSync(stamp, { force: true });
  const args = [createRequire(import.meta.url).resolve("cmake-js/bin/cmake-js"), "compile"];
  args.push("-d", root, "-O", addonBuild, "-B", "Release");
  if (cmake !== undefined) args.push("-c", cmake);
  if (ninja) args.push("-G", "Ninja");
  if (cuda.built) withCuda(cuda, args, environment);
  try {
    await run(process.execPath, args, { ...context, log: "addon", fresh: true, env: environment });
  } catch (error) {
    if (cuda.built && error instanceof SetupProblem) error.message += "\n  To build without CUDA: PHI3LAB_CUDA=off";
    throw error;
  } finally {
    // CMake was through when it wrote its list of calls: after a compiler's error the next build goes on from there.
    if (existsSync(join(addonBuild, "compile_commands.json"))) writeStamp(configured, configuration(cuda));
  }
  if (!existsSync(addon)) throw new SetupProblem(`The build ended well but made no ${addon}.`);
  writeStamp(configured, configuration(cuda));
  writeStamp(stamp, before);
}

export const addonStep = {
  name: "addon",
  get does() {
    const cuda = cudaDecision();
    if (cuda.built) return `the C++ addon with ${cudaText(cuda)}, by cmake-js, into build-addon`;
    // CMake's folder of the CUDA backend tells what the addon has been until now.
    const before = existsSync(join(addonBuild, "cuda")) ? ", now without CUDA (PHI3LAB_CUDA=on keeps it)" : "";
    return `the C++ addon, by cmake-js, into build-addon${before}`;
  },
  after: ["packages", "python", "cuda"],
  done: () => existsSync(addon) && readStamp(stamp) === sources(cudaDecision()),
  note() {
    const { built, version, architectures, why } = cudaDecision();
    if (built) return `the addon is built with CUDA ${version} for ${architectures.join(" ")}`;
    return why && `the addon is built for the CPU alone (${why.split("\n")[0]})`;
  },
  check: checkCompiler,
  run: (context) => buildAddon({ cmake: venvProgram("cmake"), env: venvEnvironment(), cuda: cudaDecision(), context }),
};
