/**
 * The programs that ours is measured beside, in bench/.peers: packages of npm, Python environments, and copies of the model
 * in other types. Never dependencies: only `npm run bench -- cpu --peers` installs them. What cannot be installed is said.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { venvProgram } from "../scripts/setup/places.mjs";

const bench = dirname(fileURLToPath(import.meta.url));
const folder = join(bench, ".peers");
const packages = ["node-llama-cpp@3.22.1", "@huggingface/transformers@4.3.1"];
const kernelPackages = ["tslab@1.0.22", "deno@2.9.6"];
const requirements = ["torch==2.15.0", "transformers==5.23.0", "safetensors==0.8.0", "numpy==2.4.6"];
const environment = join(folder, "python");
// What makes ONNX weights wants an older transformers; torch it shares with the other environment.
const onnxRequirements = ["optimum-onnx==0.1.0", "transformers==4.57.6", "onnx==1.23.2", "onnxruntime==1.32.0"];
const onnxEnvironment = join(folder, "onnx");

/** Whether any were installed. */
export const havePeers = () => existsSync(join(folder, "package.json"));

const pythonOf = (place) => join(place, "bin", "python");

/** A Python with torch and transformers: the one that PHI3LAB_BENCH_PYTHON names, or the one that was installed. */
const python = () => process.env.PHI3LAB_BENCH_PYTHON || pythonOf(environment);
const havePython = () => Boolean(process.env.PHI3LAB_BENCH_PYTHON) || existsSync(join(environment, "ready"));

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
  installPackages(packages);
  if (!havePython()) installPython(environment, requirements);
  if (havePython() && !existsSync(join(onnxEnvironment, "ready")))
    installPython(onnxEnvironment, onnxRequirements, python());
}

/** Installs the kernels that ours is measured beside (180 MB). */
export const installKernels = () => installPackages(kernelPackages);

function installPackages(names) {
  mkdirSync(folder, { recursive: true });
  if (!existsSync(join(folder, "package.json"))) writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([key]) => key.toLowerCase() !== "npm_config_nodedir"),
  );
  for (const name of names) {
    if (existsSync(join(folder, "node_modules", name.replace(/@[^@]+$/, "")))) continue;
    run(name, "npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", name], { env });
  }
}

/** An environment with these packages, and with those of the Python `shared` where it has none of its own. */
function installPython(place, packages, shared) {
  if (!run("a Python environment", venvProgram("python"), ["-m", "venv", place])) return;
  if (shared) writeFileSync(join(libraryOf(pythonOf(place)), "shared.pth"), `${libraryOf(shared)}\n`);
  if (!run(packages.join(", "), pythonOf(place), ["-m", "pip", "install", "--quiet", ...packages])) return;
  writeFileSync(join(place, "ready"), "");
}

/** Where a Python keeps its packages. */
const libraryOf = (program) =>
  execFileSync(program, ["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], { encoding: "utf8" }).trim();

/**
 * Copies of the model in other types, which programs with other formats read: {gguf: {Q8_0, BF16, F32}, folder: {BF16, F32,
 * onnx}}; made at the first call (2.6 GB). Undefined where the model has no copies, with a line that says why.
 */
export function modelCopies(model) {
  const models = join(folder, "models", basename(model));
  const args = ["--require", "tsx", join(bench, "programs", "copies.ts"), model, models];
  const made = spawnSync(process.execPath, args, { cwd: dirname(bench), encoding: "utf8" });
  if (made.status !== 0) {
    console.log(`Rows of other types are left out: ${made.stderr.trim()}`);
    return undefined;
  }
  const copies = JSON.parse(made.stdout);
  return { ...copies, folder: { ...copies.folder, onnx: onnxCopy(copies.folder.F32, join(models, "onnx")) } };
}

/** GGUF files of Phi-3-mini's shape with random weights, made at the first call (2 to 4 GB each) in `place`:
 * {"phi3-mini Q4_0": path, …}. */
export function phi3MiniFiles(mixes, place = join(folder, "models", "phi3-mini")) {
  const args = ["--require", "tsx", join(bench, "programs", "phi3_mini.ts"), place, ...mixes];
  const made = spawnSync(process.execPath, args, { cwd: dirname(bench), encoding: "utf8" });
  if (made.status !== 0) throw new Error(`Files of Phi-3-mini's shape could not be made: ${made.stderr.trim()}`);
  return JSON.parse(made.stdout);
}

/** A folder's weights as ONNX; undefined where they cannot be made. */
function onnxCopy(source, path) {
  if (existsSync(path)) return path;
  if (!existsSync(join(onnxEnvironment, "ready"))) return undefined;
  console.log("making ONNX weights …");
  const args = [join(bench, "programs", "copies_onnx.py"), source, path];
  const made = spawnSync(pythonOf(onnxEnvironment), args, { encoding: "utf8" });
  if (made.status === 0) return path;
  console.log(`There are no ONNX weights: ${made.stderr.trim().split("\n").at(-1)}`);
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

/** llama.cpp on a GGUF file, on the GPU. */
export function llamaCuda(file) {
  const name = "@node-llama-cpp/linux-x64-cuda";
  if (!existsSync(join(folder, "node_modules", name)))
    return { missing: `${name} is not installed; npm install ${name} in bench/.peers brings it` };
  const { env, ...rest } = llama(file, 1);
  return { ...rest, env: { ...env, LLAMA_GPU: "cuda" } };
}

/** Other kernels: their command lines with `{connection_file}`, or why they are not there. */
export function kernelPeers() {
  const kernel = (name, program, ...args) =>
    existsSync(join(folder, "node_modules", name))
      ? { name, argv: [process.execPath, join(folder, "node_modules", name, program), ...args] }
      : { name, ...missing(name) };
  return [
    kernel("tslab", "bin/tslab", "kernel", "--config-path={connection_file}"),
    kernel("deno", "bin.cjs", "jupyter", "--kernel", "--conn", "{connection_file}"),
  ];
}

/** transformers on a folder, in a type of torch's; every thread that torch takes by itself. */
export function transformers(path, dtype) {
  if (!havePython()) return missing("Python's torch with transformers");
  return { command: python(), args: [join(bench, "programs", "transformers_cpu.py"), path, dtype], env: {} };
}

/** transformers.js on a folder of ONNX weights. */
export function transformersJs(path, dtype) {
  if (!existsSync(join(folder, "node_modules", "@huggingface", "transformers"))) return missing("transformers.js");
  if (!path) return missing("what makes ONNX weights, the only ones that transformers.js reads,");
  return { ...launch("transformers_js.mjs", [path, dtype], {}), cwd: folder };
}
