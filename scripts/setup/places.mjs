/** Where everything lies in the checkout, on every platform. */
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout (or the installed package). */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** The Python environment, its folder of programs, and a program in it. */
export const venv = join(root, ".venv");
export const venvBin = join(venv, process.platform === "win32" ? "Scripts" : "bin");
export const venvProgram = (name) => join(venvBin, process.platform === "win32" ? `${name}.exe` : name);

/** What set-up writes for itself: the logs of its steps. */
export const cache = join(root, ".cache", "setup");

/** Where cmake-js builds; the addon is `Release/phi3lab.node` in it. Apart from `build/`, which is node-gyp's. */
export const addonBuild = join(root, "build-addon");
export const addon = join(addonBuild, "Release", "phi3lab.node");

/** This process's environment with .venv's programs first, as cmake-js and Jupyter are run. */
export function venvEnvironment() {
  const env = { ...process.env, VIRTUAL_ENV: venv };
  // Windows spells the name as it likes.
  const name = Object.keys(env).find((key) => key.toUpperCase() === "PATH") ?? "PATH";
  env[name] = [venvBin, env[name]].filter(Boolean).join(delimiter);
  delete env.PYTHONHOME;
  return env;
}
