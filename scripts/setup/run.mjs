/** Runs the programs that a step needs: their output goes to a log, and what went wrong becomes a sentence. */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { join, relative } from "node:path";
import { cache, root } from "./places.mjs";
import { SetupProblem, recognise } from "./problem.mjs";

const running = new Set();

/** Ends what runs, for an interrupt. */
export function stopAll() {
  for (const child of running) child.kill("SIGTERM");
}

/**
 * Runs a program to its end, its output in `.cache/setup/LOG.log`.
 * @param log the log's name; the first call of a step starts it anew (`fresh`)
 * @param server the server that the program talks to, to name it when it does not answer
 * @param noise lines that say nothing about a failure
 * @param lock the descriptor of the set-up's lock, which the program inherits
 */
export async function run(command, args, { log, fresh = false, server, lock, noise, env = process.env }) {
  mkdirSync(cache, { recursive: true });
  const path = join(cache, `${log}.log`);
  const file = openSync(path, fresh ? "w" : "a");
  const start = fresh ? 0 : readFileSync(path).length;
  try {
    writeSync(file, `$ ${[command, ...args].join(" ")}\n`);
    const stdio = ["ignore", file, file, ...(lock === undefined ? [] : [lock])];
    const end = await new Promise((done) => {
      const child = spawn(command, args, { cwd: root, env, stdio });
      running.add(child);
      child.once("error", (error) => done({ error }));
      child.once("close", (code, signal) => done({ code, signal }));
      child.once("exit", () => running.delete(child));
    });
    if (end.code === 0) return;
    const output = readFileSync(path).subarray(start).toString();
    if (end.error?.code === "ENOENT") throw new SetupProblem(`${command} was not found.`);
    throw (
      recognise(`${end.error?.message ?? ""}\n${output}`, server) ?? failure(command, args, end, output, path, noise)
    );
  } finally {
    closeSync(file);
  }
}

function failure(command, args, { code, signal, error }, output, path, noise) {
  const how = error?.message ?? (signal ? `was ended by ${signal}` : `ended with ${code}`);
  const lines = output
    .trimEnd()
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("$ ") && !noise?.test(line));
  const shown = lines.length <= 30 ? lines : [...lines.slice(0, 15), "…", ...lines.slice(-15)];
  return new SetupProblem(
    [
      `This failed (${how}): ${[command, ...args].join(" ")}`,
      ...shown.map((line) => `  | ${line}`),
      `  All it said: ${relative(process.cwd(), path) || path}`,
    ].join("\n"),
  );
}
