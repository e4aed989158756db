/** Step: the C++ addon, by cmake-js with the CMake and Ninja of `.venv`. */
import { existsSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { addon, addonBuild, root, venvEnvironment, venvProgram } from "./places.mjs";
import { SetupProblem } from "./problem.mjs";
import { run } from "./run.mjs";
import { fingerprint, readStamp, writeStamp } from "./stamp.mjs";
import { checkCompiler } from "./tools.mjs";

const stamp = join(addonBuild, ".phi3lab-addon");
// CMake's folder remembers these, and must be made anew when one changes.
const configured = join(addonBuild, ".phi3lab-configured");

const configuration = () =>
  fingerprint([join(root, "CMakeLists.txt")], {
    root,
    platform: `${process.platform}-${process.arch}`,
    compiler: [process.env.CXX, process.env.CC, process.env.CXXFLAGS, process.env.CFLAGS, process.env.LDFLAGS],
  });

/** Every device's sources: a backend that is not built on this machine costs a build when it changes, no more. */
const sources = () =>
  fingerprint(
    ["native", "cpu", "cuda", "CMakeLists.txt"].map((name) => join(root, name)),
    { configuration: configuration() },
  );

/**
 * Builds the addon anew where its sources changed. Visual Studio's own generator finds its compiler; Ninja would need
 * Visual Studio's command prompt.
 */
export async function buildAddon({ cmake, env = process.env, ninja = process.platform !== "win32", context = {} }) {
  // CMake's list of compiler calls is for `npm run lint` and for editors.
  const environment = { ...env, CMAKE_EXPORT_COMPILE_COMMANDS: "ON" };
  // With npm's nodedir cmake-js would take that folder's headers, not the ones of node-api-headers.
  for (const name of Object.keys(environment)) {
    if (name.toLowerCase() === "npm_config_nodedir") delete environment[name];
  }
  if (readStamp(configured) !== configuration()) rmSync(addonBuild, { recursive: true, force: true });
  const before = sources();
  rmSync(stamp, { force: true });
  const args = [createRequire(import.meta.url).resolve("cmake-js/bin/cmake-js"), "compile"];
  args.push("-d", root, "-O", addonBuild, "-B", "Release");
  if (cmake !== undefined) args.push("-c", cmake);
  if (ninja) args.push("-G", "Ninja");
  await run(process.execPath, args, { ...context, log: "addon", fresh: true, env: environment });
  if (!existsSync(addon)) throw new SetupProblem(`The build ended well but made no ${addon}.`);
  writeStamp(configured, configuration());
  writeStamp(stamp, before);
}

export const addonStep = {
  name: "addon",
  does: "the C++ addon, by cmake-js, into build-addon",
  after: ["packages", "python"],
  done: () => existsSync(addon) && readStamp(stamp) === sources(),
  check: checkCompiler,
  run: (context) => buildAddon({ cmake: venvProgram("cmake"), env: venvEnvironment(), context }),
};
