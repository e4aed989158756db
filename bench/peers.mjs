/**
 * The programs that ours is measured beside, in bench/.peers: packages of npm, a Python environment, and copies of the model
 * in other types. Never dependencies: only `npm run bench -- cpu --peers` installs them. What cannot be installed is said.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { venvProgram } from "../scripts/setup/places.mjs";

const bench = dirname(fileURLToPath(import.meta.url));
const folder = join(bench, ".peers");
const windows = process.platform === "win32";
const packages = ["node-llama-cpp@3.22.1", "@huggingface/transformers@4.3.1"];
const requirements = ["torch==2.15.0", "transformers==5.23.0", "safetensors==0.8.0", "numpy==2.4.6"];
const environment = join(folder, "python");

/** Whether any were installed. */
export const havePeers = () => existsSync(folder);

/** A Python with torch and transformers: the one that PHI3LAB_BENCH_PYTHON names, or the one that was installed. */
const python = () =>
  process.env.PHI3LAB_BENCH_PYTHON || join(environment, windows ? "Scripts/python.exe" : "bin/python");

function run(what, command, args, options = {}) {
  console.log(`installing ${what} into bench/.peers …`);
  const { status, error } = spawnSync(command, args, {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
    ...options,
  });
  if (status !== 0) console.log(`${what} is left out: it could not be installed${error ? ` (${error.message})` : ""}`);
  return status === 0;
}

/** Installs what is missing: about 1 GB from npm and, on Linux, 5 GB from PyPI, whose torch brings its CUDA libraries. */
export function installPeers() {
  mkdirSync(folder, { recursive: true });
  if (!existsSync(join(folder, "package.json"))) writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([key]) => key.toLowerCase() !== "npm_config_nodedir"),
  );
  for (const name of packages) {
    if (existsSync(join(folder, "node_modules", name.replace(/@[^@]+$/, "")))) continue;
    run(name, "npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", name], { env, shell: windows });
  }
  if (process.env.PHI3LAB_BENCH_PYTHON || existsSync(join(environment, "ready"))) return;
  if (!run("a Python environment", venvProgram("python"), ["-m", "venv", environment])) return;
  if (!run(requirements.join(", "), python(), ["-m", "pip", "install", "--quiet", ...requirements])) return;
  writeFileSync(join(environment, "ready"), "");
}

/**
 * Copies of the model in other types, which programs with other formats read: {gguf: {Q8_0, BF16, F32}, folder: {BF16, F32}};
 * made at the first call (1.8 GB). Undefined where the model has no copies, with a line that says why.
 */
export function modelCopies(model) {
  const args = [
    "--require",
    "tsx",
    join(bench, "programs", "copies.ts"),
    model,
    join(folder, "models", basename(model)),
  ];
  const made = spawnSync(process.execPath, args, { cwd: dirname(bench), encoding: "utf8" });
  if (made.status === 0) return JSON.parse(made.stdout);
  console.log(`Rows of other types are left out: ${made.stderr.trim()}`);
  return undefined;
}

/** How each peer is started (bench/runner.mjs), or why it is not there. */
const launch = (program, args, env) => ({
  command: process.execPath,
  args: [join(bench, "programs", program), ...args],
  env,
});
const missing = (what) => ({ missing: `${what} is not installed; --peers installs it` });

/** llama.cpp on a GGUF file. */
export function llama(file, threads) {
  if (!existsSync(join(folder, "node_modules", "node-llama-cpp"))) return missing("node-llama-cpp");
  return { ...launch("llama.mjs", [file], { THREADS: String(threads) }), cwd: folder };
}

/** transformers on a folder, in a type of torch's; every thread that torch takes by itself. */
export function transformers(path, dtype) {
  const program = python();
  if (!process.env.PHI3LAB_BENCH_PYTHON && !existsSync(join(environment, "ready")))
    return missing("Python's torch with transformers");
  return { command: program, args: [join(bench, "programs", "transformers_cpu.py"), path, dtype], env: {} };
}

/** transformers.js on the ONNX weights of the folder that PHI3LAB_BENCH_ONNX names, as the hub has them for this model. */
export function transformersJs(dtype) {
  const weights = process.env.PHI3LAB_BENCH_ONNX;
  if (!existsSync(join(folder, "node_modules", "@huggingface", "transformers"))) return missing("transformers.js");
  if (!weights)
    return {
      missing:
        "transformers.js reads ONNX weights only: name a folder with config.json, tokenizer.json and onnx/model.onnx, " +
        "onnx/model_quantized.onnx (on the hub, HuggingFaceTB/SmolLM2-135M-Instruct has them) in PHI3LAB_BENCH_ONNX",
    };
  return { ...launch("transformers_js.mjs", [weights, dtype], {}), cwd: folder };
}
