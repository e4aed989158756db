/** Where everything lies in the checkout. */
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout (or the installed package). */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** The Python environment, its folder of programs, and a program in it. */
export const venv = join(root, ".venv");
const venvBin = join(venv, "bin");
export const venvProgram = (name) => join(venvBin, name);

/** What set-up writes for itself: the logs of its steps. */
export const cache = join(root, ".cache", "setup");

/** Where cmake-js builds; the addon is `Release/phi3lab.node` in it. Apart from `build/`, which is node-gyp's. */
export const addonBuild = join(root, "build-addon");
export const addon = join(addonBuild, "Release", "phi3lab.node");

/** This process's environment with .venv's programs first, as cmake-js and Jupyter are run. */
export function venvEnvironment() {
  const path = [venvBin, process.env.PATH].filter(Boolean).join(delimiter);
  const env = { ...process.env, VIRTUAL_ENV: venv, PATH: path };
  delete env.PYTHONHOME;
  return env;
}
