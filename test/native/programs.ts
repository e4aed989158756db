/**
 * The C++ test programs: built with .venv's CMake, linked with the libraries of the addon's build, run, their lines
 * read. A machine that has programs but nothing to build with names their folder in PHI3LAB_TEST_PROGRAMS.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";

const root = join(__dirname, "..", "..");
const executable = (name: string): string => (process.platform === "win32" ? `${name}.exe` : name);

/**
 * The path of the program `name` of the folder `source`, built where its sources changed.
 *
 * @param gpu Whether it uses the CUDA backend where the addon is built with it.
 * @throws {Error} with the compiler's words.
 */
export async function program(source: string, name: string, { gpu = false } = {}): Promise<string> {
  const given = process.env.PHI3LAB_TEST_PROGRAMS;
  if (given !== undefined) {
    const path = join(given, executable(name));
    assert.ok(existsSync(path), `PHI3LAB_TEST_PROGRAMS=${given} holds no ${executable(name)}`);
    return path;
  }
  const { addonBuild, venvProgram } = await import("../../scripts/setup/places.mjs");
  const { cudaDecision } = await import("../../scripts/setup/cuda.mjs");
  const cuda = cudaDecision() as { built: boolean; nvcc: string; architectures: string[]; flags: string };
  const withCuda = gpu && cuda.built;
  const folder = join(root, "build", `${source.replace(/[\\/]/g, "-")}${withCuda ? "-cuda" : ""}`);
  const ninja = process.platform === "win32" ? [] : ["-G", "Ninja", `-DCMAKE_MAKE_PROGRAM=${venvProgram("ninja")}`];
  const env = { ...process.env };
  const options = [`-DPHI3LAB_BUILD=${addonBuild}`];
  if (withCuda) {
    options.push("-DPHI3LAB_CUDA=ON", `-DPHI3LAB_CUDA_ARCHITECTURES=${cuda.architectures.join(";")}`);
    env.CUDACXX = cuda.nvcc;
    env.CUDAFLAGS = [cuda.flags, env.CUDAFLAGS].filter(Boolean).join(" ");
  }
  for (const args of [
    ["-S", join(root, source), "-B", folder, ...ninja, ...options],
    ["--build", folder, "--target", name, "--config", "Release"],
  ]) {
    const made = spawnSync(venvProgram("cmake"), args, { encoding: "utf8", env });
    if (made.status === 0) continue;
    // CMake would remember what it found half of.
    if (args[0] === "-S") rmSync(folder, { recursive: true, force: true });
    throw new Error(`${name} does not build:\n${made.stdout}${made.stderr}${made.error ?? ""}`);
  }
  const path = [join(folder, "Release"), folder].map((place) => join(place, executable(name))).find(existsSync);
  assert.ok(path, `the build made no ${executable(name)}`);
  return path;
}

/** Runs a program whose lines begin with "ok" or "not ok"; fails with the latter, or when it ended before its last. */
export async function expectOk(path: string, args: string[], last: RegExp, env: NodeJS.ProcessEnv = {}): Promise<void> {
  const child = spawn(path, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  const code = await new Promise<number | null>((done, fail) => child.once("close", done).once("error", fail));
  const lines = output.trimEnd().split("\n");
  const failed = lines.filter((line) => line.startsWith("not ok"));
  // The first line names the seed that repeats the run.
  assert.ok(failed.length === 0, `${[lines[0], ...failed.slice(0, 40)].join("\n")}\n${failed.length} failed`);
  assert.ok(code === 0 && last.test(lines.at(-1) ?? ""), `ended with ${code}:\n${lines.slice(-10).join("\n")}`);
}
