/**
 * The C++ test programs: built with .venv's CMake, linked with the libraries of the addon's build, run, their lines
 * read. A machine that has programs but nothing to build with names their folder in PHI3LAB_TEST_PROGRAMS.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";

/**
 * The path of the program `name` of the folder `source`, built where its sources changed.
 *
 * @param gpu Whether it uses the CUDA backend where the addon is built with it.
 * @throws {Error} with the compiler's words.
 */
export async function program(source: string, name: string, { gpu = false } = {}): Promise<string> {
  const { buildProgram, withCuda } = await import("../../scripts/program.mjs");
  const given = process.env.PHI3LAB_TEST_PROGRAMS;
  const cuda = gpu && given === undefined && withCuda();
  const build = `build/${source.replaceAll("/", "-")}${cuda ? "-cuda" : ""}`;
  return buildProgram({ source, target: name, build, cuda, given });
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
