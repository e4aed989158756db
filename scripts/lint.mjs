/**
 * `npm run lint [-- --fix]`: types, lint and format of the TypeScript and JavaScript; the direction of includes and
 * imports; the notebooks' sums; format and warnings of the C++. All checks run, each reports; with `--fix` what can be mended without a doubt is.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { setUp } from "./command.mjs";
import { checkDirections } from "./lint/directions.mjs";
import { addonBuild, root, venvProgram } from "./setup/places.mjs";
import { list, sums } from "./start/trust.mjs";

const fix = process.argv.includes("--fix");
const node = (...parts) => [process.execPath, join(root, "node_modules", ...parts)];

/** Runs a program; resolves to what it printed when it failed, else to "". */
function run([command, ...args], cwd = root) {
  return new Promise((done) => {
    const child = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
    child.once("error", (error) => done(`${command}: ${error.message}\n`));
    child.once("close", (code) => done(code === 0 ? "" : output || `${command} ended with ${code}\n`));
  });
}

const types = () => run([...node("typescript", "bin", "tsc"), "-p", join(root, "test"), "--noEmit", "--pretty"]);

function biome() {
  const options = ["check", "--error-on-warnings", "--colors=off", ...(fix ? ["--write"] : [])];
  return run([...node("@biomejs", "biome", "bin", "biome"), ...options]);
}

/** C++ and CUDA of ours; bench/ itself may hold installed peers. */
function nativeSources() {
  const found = ["native", "cpu", "cuda", "test", "bench/cpu", "bench/cuda"].flatMap((folder) => {
    const path = join(root, folder);
    if (!existsSync(path)) return [];
    const names = readdirSync(path, { recursive: true });
    return names.filter((name) => /\.(cc|h|cu|cuh)$/.test(name)).map((name) => join(path, name));
  });
  return [...found, join(root, "bench", "session.cc")];
}

function clangFormat() {
  const sources = nativeSources();
  return run([venvProgram("clang-format"), ...(fix ? ["-i"] : ["--dry-run", "--Werror"]), ...sources]);
}

/**
 * Compiles each of our C++ files as the build does, with every common warning an error; libraries' headers are exempt. Those
 * of cuda/ are in the list where the addon is built with CUDA; what nvcc compiles is not, its warnings are the build's.
 */
async function warnings() {
  const commands = JSON.parse(readFileSync(join(addonBuild, "compile_commands.json"), "utf8"));
  const ours = commands.filter(({ file }) => /^(native|cpu|cuda)\/.*\.cc$/.test(relative(root, file)));
  const outputs = [];
  const worker = async () => {
    for (let next = ours.pop(); next !== undefined; next = ours.pop()) {
      const parts = next.command.split(" ").map((part) => {
        const library = part.startsWith("-I") && part.includes("/node_modules/");
        return library ? `-isystem${part.slice(2)}` : part;
      });
      parts.splice(parts.indexOf("-o"), 2, "-o", "/dev/null");
      outputs.push(await run([...parts, "-Wall", "-Wextra", "-Werror"], next.directory));
    }
  };
  await Promise.all([worker(), worker()]);
  return outputs.join("");
}

/** `npm start` has the committed notebooks open as trusted while they are what its list says. */
async function notebookSums() {
  const found = spawnSync("git", ["ls-files", "--", "notebooks/*.ipynb"], { cwd: root, encoding: "utf8" });
  if (found.status !== 0) return "";
  const wanted = sums(found.stdout.split("\n").filter(Boolean)).join("\n");
  if (wanted === readFileSync(list, "utf8").trimEnd()) return "";
  if (!fix) return `${relative(root, list)} is not that of the notebooks: npm run lint -- --fix writes it anew\n`;
  writeFileSync(list, `${wanted}\n`);
  return "";
}

const checks = {
  "types (tsc, strict: src, kernel, test, bench)": types,
  "lint and format (biome)": biome,
  "directions of includes and imports, tops of cpu/ and cuda/": () => checkDirections(root),
  "the notebooks' sums (sha256)": notebookSums,
  "C++ format (clang-format)": clangFormat,
  "C++ warnings (-Wall -Wextra)": warnings,
};

await setUp();
let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  const start = performance.now();
  const output = await check();
  if (output !== "") failed++;
  const took = `${((performance.now() - start) / 1000).toFixed(1)} s`;
  console.log(`lint: ${name}: ${output === "" ? "good" : "FAILED"} (${took})`);
  if (output !== "") console.log(output.trimEnd());
}
const end = failed === 0 ? "lint: all good" : `lint: ${failed} of ${Object.keys(checks).length} checks failed`;
console.log(failed > 0 && !fix ? `${end}; npm run lint -- --fix mends formatting` : end);
process.exitCode = failed === 0 ? 0 : 1;
