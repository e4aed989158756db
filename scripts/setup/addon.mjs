/** Step: the C++ addon, by cmake-js with the CMake and Ninja of `.venv`. */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { addon, addonBuild, root, venvEnvironment, venvProgram } from "./places.mjs";
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

/** Arguments for cmake-js; Visual Studio's own generator finds its compiler, Ninja would need its command prompt. */
export function cmakeJsArguments({ cmake, rebuild, ninja = process.platform !== "win32" }) {
  return [
    join(root, "node_modules", "cmake-js", "bin", "cmake-js"),
    rebuild ? "rebuild" : "compile",
    ...["-d", root, "-O", addonBuild, "-B", "Release"],
    ...(cmake === undefined ? [] : ["-c", cmake]),
    ...(ninja ? ["-G", "Ninja"] : []),
  ];
}

export const addonStep = {
  name: "addon",
  does: "the C++ addon, by cmake-js, into build-addon",
  after: ["packages", "python"],
  done: () => existsSync(addon) && readStamp(stamp) === sources(),
  check: () => checkCompiler(),
  async run(context) {
    const env = venvEnvironment();
    // With npm's nodedir cmake-js would take that folder's headers, not the ones in package-lock.json.
    for (const name of Object.keys(env)) if (name.toLowerCase() === "npm_config_nodedir") delete env[name];
    const before = sources();
    const again = readStamp(configured) !== configuration();
    if (again) rmSync(addonBuild, { recursive: true, force: true });
    const args = cmakeJsArguments({ cmake: venvProgram("cmake"), rebuild: false });
    await run(process.execPath, args, { ...context, log: "addon", fresh: true, env });
    writeStamp(configured, configuration());
    writeStamp(stamp, before);
  },
};
