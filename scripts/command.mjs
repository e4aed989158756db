/** What the commands of package.json share: set-up first, then a program in the foreground. */
import { spawn } from "node:child_process";
import { main } from "./setup/main.mjs";
import { root } from "./setup/places.mjs";

/** Where the reader stands, which paths given to a command are meant from; npm and set-up both go elsewhere. */
export const here = process.env.INIT_CWD ?? process.cwd();

/** Runs set-up (all of it, or the steps named) and ends this process when it fails. */
export async function setUp(steps = []) {
  const code = await main(steps);
  if (code !== 0) process.exit(code);
}

/**
 * Runs a program with this terminal and gives its exit code. Signals reach it by the terminal or are passed on, and this
 * process waits for it to end.
 */
export function foreground(command, args, { env = process.env, stdio = "inherit", onMessage } = {}) {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { cwd: root, env, stdio });
    const pass = (signal) => child.kill(signal);
    const ignore = () => {};
    process.on("SIGINT", ignore);
    process.on("SIGTERM", pass);
    process.on("SIGHUP", pass);
    if (onMessage) child.on("message", onMessage);
    child.once("error", fail);
    child.once("close", (code, signal) => {
      process.off("SIGINT", ignore);
      process.off("SIGTERM", pass);
      process.off("SIGHUP", pass);
      done(code ?? (signal === "SIGINT" ? 130 : 1));
    });
  });
}
