/** What a machine has for CUDA: the driver, its GPUs, and the toolkits that could compile for them. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

function ask(command, args) {
  const { status, stdout } = spawnSync(command, args, { encoding: "utf8", timeout: 60_000 });
  return status === 0 ? stdout : undefined;
}

/** A file's text, or "" where there is none. */
function text(path, encoding = "utf8") {
  try {
    return readFileSync(path, encoding);
  } catch {
    return "";
  }
}

function entries(folder) {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/**
 * The driver's library, where the loader will find it; undefined where there is none. Only looks at files, so it may be
 * asked often. The kernel's half alone (a container that was given no GPU sees it) is no driver.
 */
export function findDriver(env = process.env) {
  if (process.platform !== "linux") return undefined;
  const named = (env.LD_LIBRARY_PATH ?? "").split(":").filter(Boolean);
  const known = text("/etc/ld.so.cache", "latin1").match(/\/[^\0]*\/libcuda\.so\.1(?=\0)/g) ?? [];
  const usual = ["/lib64", "/usr/lib64", "/lib", "/usr/lib"];
  const places = [...named.map((folder) => join(folder, "libcuda.so.1")), ...known];
  places.push(...usual.map((folder) => join(folder, "libcuda.so.1")));
  return places.find((path) => existsSync(path));
}

/** What tells one state of the machine from another without running anything: the driver's file and version, the GPUs. */
export function driverFacts(env = process.env) {
  const library = findDriver(env);
  if (library === undefined) return undefined;
  const kernel = "/proc/driver/nvidia";
  const gpus = entries(`${kernel}/gpus`).map((gpu) => text(`${kernel}/gpus/${gpu}/information`).match(/Model:.*/)?.[0]);
  return { library: realpathSync(library), size: statSync(library).size, kernel: text(`${kernel}/version`), gpus };
}

/** The CUDA version that came with a driver of this number; its last part is not needed here. */
function cudaOf(driver) {
  const major = Number.parseInt(driver, 10);
  const known = [
    [580, "13"],
    [525, "12"],
    [450, "11"],
  ];
  return known.find(([least]) => major >= least)?.[1];
}

/**
 * What the driver says, by nvidia-smi and else by the kernel's half: its version, the CUDA version that it supports
 * ("12.4", or "12"), its GPUs; each undefined, or none, where that is not known.
 */
export function askDriver() {
  const smi = ["nvidia-smi", "/usr/lib/wsl/lib/nvidia-smi"].find((command) => ask(command, ["-L"]) !== undefined);
  const head = smi === undefined ? "" : (ask(smi, []) ?? "");
  const version =
    head.match(/Driver Version\s*:\s*([\d.]+)/)?.[1] ??
    text("/proc/driver/nvidia/version").match(/Kernel Module.*?\s(\d+\.[\d.]+)/)?.[1];
  const cuda = head.match(/CUDA (?:\w+ )?Version\s*:\s*(\d+\.\d+)/)?.[1] ?? (version && cudaOf(version));
  const list = smi === undefined ? "" : ask(smi, ["--query-gpu=compute_cap,name", "--format=csv,noheader"]);
  const gpus = [...(list ?? "").matchAll(/^(\d+)\.(\d+), *(.*)$/gm)].map(([, major, minor, name]) => ({
    capability: Number(major) * 10 + Number(minor),
    name: name.trim(),
  }));
  return { version, cuda, gpus };
}

/** Where an nvcc may lie, the most likely first. One that CUDACXX names is the only one. */
export function nvccPlaces(env = process.env) {
  if (env.CUDACXX) return [env.CUDACXX];
  const homes = [env.CUDA_HOME, env.CUDA_PATH].filter(Boolean);
  const installed = entries("/usr/local").filter((name) => /^cuda(-\d+(\.\d+)?)?$/.test(name));
  const folders = [
    ...homes.map((home) => join(home, "bin")),
    ...(env.PATH ?? "").split(delimiter).filter(Boolean),
    ...installed.map((name) => join("/usr/local", name, "bin")),
  ];
  const seen = new Set();
  return folders
    .map((folder) => join(folder, "nvcc"))
    .filter((path) => existsSync(path) && !seen.has(realpathSync(path)) && seen.add(realpathSync(path)));
}

/** An nvcc's version ("13.0") and the architectures that it knows (75, 80, …); undefined when it does not run. */
export function askNvcc(nvcc) {
  const version = ask(nvcc, ["--version"])?.match(/release (\d+\.\d+)/)?.[1];
  if (version === undefined) return undefined;
  const known = [...(ask(nvcc, ["--list-gpu-arch"]) ?? "").matchAll(/compute_(\d+)/g)].map((match) => Number(match[1]));
  return { nvcc, version, known };
}

/** The release's architectures, as far as this nvcc knows them; the newest of them also as PTX, for GPUs to come. */
function releaseArchitectures(known) {
  const release = [75, 80, 86, 89, 90, 100, 120].filter((one) => known.includes(one));
  return [...release.map(real), `${release.at(-1)}-virtual`];
}

// 9.0's matrix instructions are only in 90a.
const real = (capability) => (capability === 90 ? "90a-real" : `${capability}-real`);

/** What to compile for: these GPUs, or everything where none is known. */
export function chooseArchitectures({ known }, gpus) {
  const capabilities = [...new Set(gpus.map((gpu) => gpu.capability))].filter((one) => one >= 75).sort((a, b) => a - b);
  if (capabilities.length === 0) return releaseArchitectures(known);
  const newest = Math.max(...known);
  const names = capabilities.map((one) => (known.includes(one) ? real(one) : `${newest}-virtual`));
  return [...new Set(names)];
}

/** Flags that nvcc needs beyond its own: PyPI's packages keep the runtime in lib, where their nvcc does not look. */
export function nvccFlags(nvcc) {
  const home = existsSync(nvcc) ? dirname(dirname(realpathSync(nvcc))) : dirname(dirname(nvcc));
  const outside = existsSync(join(home, "lib", "libcudart_static.a")) && !existsSync(join(home, "lib64"));
  return outside ? `-L${join(home, "lib")}` : "";
}
