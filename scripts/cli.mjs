#!/usr/bin/env node
/**
 * The command of the installed package: `phi3lab build` makes the addon, `phi3lab install-kernel` tells Jupyter of the
 * kernel.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { buildAddon } from "./setup/addon.mjs";
import { decideCuda, sayCuda } from "./setup/cuda.mjs";
import { installKernelspecs } from "./setup/kernelspec.mjs";
import { addon, root } from "./setup/places.mjs";
import { hint, SetupProblem } from "./setup/problem.mjs";
import { makeSnapshot } from "./setup/snapshot.mjs";
import { checkCompiler, checkPlatform } from "./setup/tools.mjs";

const usage = `phi3lab build                      builds the native half for this machine (needs a C++ compiler and CMake; with a GPU's
                                   driver and a CUDA toolkit it is built with CUDA: PHI3LAB_CUDA=on|off|auto)
phi3lab install-kernel [--user]    makes the kernel known to this user's Jupyter
phi3lab install-kernel --prefix P  … to the Jupyter of the environment in the folder P
phi3lab --version`;

async function build() {
  checkCompiler();
  const cmake = spawnSync("cmake", ["--version"], { encoding: "utf8" });
  if (cmake.status !== 0) {
    throw new SetupProblem(
      `CMake is needed to build the addon, and it is not on PATH.\n  Install it with: ${hint({
        debian: "apt-get install -y cmake",
        fedora: "dnf install -y cmake",
        macos: "brew install cmake",
        other: "pip install cmake",
      })}`,
    );
  }
  const ninja = spawnSync("ninja", ["--version"]).status === 0;
  // Nothing is installed here: a toolkit is the machine's own.
  const say = (text) => console.log(`CUDA: ${text}`);
  const cuda = await decideCuda({ install: false, context: { say } });
  sayCuda(cuda, say);
  console.log("Building the addon; this takes a minute or two …");
  await buildAddon({ ninja, cuda });
  console.log(`Built ${addon}${cuda.built ? ", with CUDA" : ""}`);
}

/** Jupyter's own folder for what belongs to this user. */
function userData() {
  if (process.env.JUPYTER_DATA_DIR) return process.env.JUPYTER_DATA_DIR;
  if (process.platform === "darwin") return join(homedir(), "Library", "Jupyter");
  return join(process.env.XDG_DATA_HOME ?? join(homedir(), ".local", "share"), "jupyter");
}

function installKernel({ prefix, user }) {
  if (prefix !== undefined && user) throw new SetupProblem("Expected --user or --prefix but received both.");
  const data = prefix === undefined ? userData() : join(resolve(prefix), "share", "jupyter");
  const folder = join(data, "kernels");
  installKernelspecs(folder);
  makeSnapshot();
  console.log(
    `The kernel phi3lab is installed in ${join(folder, "phi3lab")}, for JavaScript in ${join(folder, "phi3lab-javascript")}`,
  );
}

async function main() {
  checkPlatform();
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      user: { type: "boolean" },
      prefix: { type: "string" },
      version: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  const [command, ...rest] = positionals;
  if (values.version) console.log(JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version);
  else if (values.help) console.log(usage);
  else if (command === "build" && rest.length === 0) await build();
  else if (command === "install-kernel" && rest.length === 0) installKernel(values);
  else throw new SetupProblem(`Expected one of these but received "${positionals.join(" ")}":\n${usage}`);
}

main().catch((error) => {
  const known = error instanceof SetupProblem || error.code?.startsWith("ERR_PARSE_ARGS");
  console.error(`phi3lab: ${known ? error.message : error.stack}`);
  process.exitCode = 1;
});
