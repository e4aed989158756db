/**
 * Step: whether the addon is built with CUDA, by which nvcc and for which GPUs; brings an nvcc where one is needed. The
 * decision is kept with what it was made from, so that it costs nothing until that changes.
 */
import { existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { cache, root, venv } from "./places.mjs";
import { SetupProblem } from "./problem.mjs";
import { pipInstall, python } from "./python.mjs";
import { run } from "./run.mjs";
import { fingerprint, readStamp, writeStamp } from "./stamp.mjs";
import { askDriver, askNvcc, chooseArchitectures, driverFacts, findDriver, nvccFlags, nvccPlaces } from "./toolkit.mjs";

const record = join(cache, "cuda.json");
const requirements = join(root, "requirements-cuda.txt");
const packages = join(venv, "cuda");
const stamp = join(packages, ".phi3lab-nvcc");
const packagedNvcc = join(packages, "nvidia", "cu13", "bin", "nvcc");
/** CUDA's version in requirements-cuda.txt. */
const packaged = "13.0";
/** What the sources are written for. */
const oldest = "12.4";

const asCpuOnly = "The addon is built for the CPU alone.";

/** PHI3LAB_CUDA: on, off, or auto, the default. */
function wish(env = process.env) {
  const given = env.PHI3LAB_CUDA || "auto";
  if (!["on", "off", "auto"].includes(given)) {
    throw new SetupProblem(`Expected on, off or auto for PHI3LAB_CUDA but received ${given}.`);
  }
  return given;
}

const numbers = (version) => version.split(".").map(Number);
/** Negative when version a is older than b. */
function compare(a, b) {
  const [[major, minor = 0], [otherMajor, otherMinor = 0]] = [numbers(a), numbers(b)];
  return major - otherMajor || minor - otherMinor;
}
/** Every toolkit of a driver's major version serves it: the GPUs' own code is compiled in. */
const serves = (version, driver) => driver?.cuda === undefined || numbers(version)[0] <= numbers(driver.cuda)[0];

/** Everything that the decision follows from. */
function inputs(env) {
  const places = nvccPlaces(env).map((path) => {
    const stat = statSync(path, { throwIfNoEntry: false });
    return [path, stat?.size, stat?.mtimeMs];
  });
  const variables = ["CUDACXX", "CUDAHOSTCXX", "CXX", "PHI3LAB_CUDA_ARCHITECTURES"].map((name) => env[name] ?? "");
  return fingerprint([requirements], { root, wish: wish(env), driver: driverFacts(env) ?? "", places, variables });
}

/** Whether there is anything to decide: without a driver nothing is done about CUDA, unless it is asked for. */
const open = (env) => wish(env) === "on" || (wish(env) === "auto" && findDriver(env) !== undefined);

/**
 * What was decided: `built`, and with it `nvcc`, `version`, `architectures`, `flags`. `undecided` where the step has still
 * to be done.
 */
export function cudaDecision(env = process.env) {
  if (!open(env)) return { built: false };
  const text = readStamp(record);
  const { made, ...decision } = text === undefined ? {} : JSON.parse(text);
  const fresh = made === inputs(env) && (decision.nvcc !== packagedNvcc || existsSync(packagedNvcc));
  return fresh ? decision : { built: false, undecided: true };
}

/** The decision in words. */
export function cudaText({ version, architectures, nvcc }) {
  return `CUDA ${version} (${nvcc}) for ${architectures.join(" ")}`;
}

const installable = () => process.platform === "linux" && ["x64", "arm64"].includes(process.arch);

/** Why there is no CUDA here, in sentences. */
function noToolkit(driver, found, install) {
  const old = found.filter(({ version }) => compare(version, oldest) < 0);
  const young = found.filter(({ version }) => !serves(version, driver));
  const list = (toolkits) => toolkits.map(({ version, nvcc }) => `CUDA ${version} (${nvcc})`).join(", ");
  const sentences = [];
  if (driver?.cuda) sentences.push(`The NVIDIA driver ${driver.version ?? "here"} supports CUDA ${driver.cuda}.`);
  if (old.length > 0) sentences.push(`${list(old)} is too old: ${oldest} or later is needed.`);
  if (young.length > 0) sentences.push(`${list(young)} is too new for this driver.`);
  if (!serves(packaged, driver)) {
    sentences.push(
      `The nvcc that set-up can install is CUDA ${packaged}, which needs driver 580 or later. ` +
        `Install a newer driver, or a CUDA toolkit from ${oldest} to ${numbers(driver.cuda)[0]}.x.`,
    );
  } else if (!install || !installable()) {
    sentences.push(
      `No CUDA toolkit was found by CUDACXX, CUDA_HOME, CUDA_PATH or PATH; install CUDA ${oldest} or later.`,
    );
  }
  return sentences.join(" ");
}

/** The nvcc of requirements-cuda.txt. Made under another name first: a folder that stands is whole. */
async function installNvcc(context) {
  if (readStamp(stamp) === fingerprint([requirements])) return;
  context.say(
    `there is no CUDA toolkit to take: installing nvcc ${packaged} from the Python package index into .venv (105 MB) …`,
  );
  const partial = `${packages}-unfinished`;
  rmSync(partial, { recursive: true, force: true, maxRetries: 3 });
  const options = { ...context, log: "cuda", server: "The Python package index" };
  await run(python, [...pipInstall, "--target", partial, "-r", requirements], options);
  writeStamp(join(partial, basename(stamp)), fingerprint([requirements]));
  rmSync(packages, { recursive: true, force: true, maxRetries: 3 });
  renameSync(partial, packages);
}

/** Compiles and links a program of one line, as the build will: a toolkit may lack a part, or refuse this C++ compiler. */
async function tryNvcc({ nvcc, flags, architectures }, env, context) {
  const folder = join(cache, "cuda-sample");
  mkdirSync(folder, { recursive: true });
  const source = join(folder, "sample.cu");
  writeFileSync(
    source,
    "__global__ void kernel() {}\nint main() { kernel<<<1, 1>>>(); return cudaDeviceSynchronize(); }\n",
  );
  // CMake's words "native" and "all" are none of nvcc's: its own default will do.
  const [, number, kind] = architectures[0].match(/^(\d+\w?)(?:-(real|virtual))?$/) ?? [];
  const code = number && `-gencode=arch=compute_${number},code=${kind === "virtual" ? "compute" : "sm"}_${number}`;
  const host = env.CUDAHOSTCXX ?? env.CXX;
  const compiler = host && !host.includes(" ") ? ["-ccbin", host] : [];
  const args = [
    "-std=c++17",
    ...(code ? [code] : []),
    ...compiler,
    ...flags.split(" ").filter(Boolean),
    "-o",
    join(folder, "sample"),
    source,
  ];
  await run(nvcc, args, { ...context, log: "cuda", env });
}

/**
 * Decides, and installs an nvcc where one is needed and `install` allows it. Every "no" has its `why`; with
 * PHI3LAB_CUDA=on a "no" is an error.
 */
export async function decideCuda({ env = process.env, install = true, context }) {
  const on = wish(env) === "on";
  if (!open(env)) return { built: false };
  const no = (why) => {
    if (on) throw new SetupProblem(`PHI3LAB_CUDA=on: ${why}`);
    return { built: false, why };
  };
  if (process.platform === "darwin") return no("There is no CUDA for macOS.");
  const driver = findDriver(env) === undefined ? undefined : askDriver();
  const small = driver?.gpus.length > 0 && driver.gpus.every(({ capability }) => capability < 75);
  if (small && !on) return no(`The GPU (${driver.gpus[0].name}) is older than capability 7.5, which is needed.`);
  const found = nvccPlaces(env).map(askNvcc).filter(Boolean);
  if (env.CUDACXX && found.length === 0) return no(`CUDACXX=${env.CUDACXX} does not run.`);
  const recent = found.filter(({ version }) => compare(version, oldest) >= 0);
  const serving = recent.filter(({ version }) => serves(version, driver));
  const byAge = (a, b) => compare(b.version, a.version);
  // Asked for, a build is also made for another machine than this one.
  let [toolkit] = serving.length === 0 && on ? recent.sort(byAge) : serving.sort(byAge);
  if (toolkit === undefined) {
    const packagesServe = install && installable() && !env.CUDACXX && (on || serves(packaged, driver));
    if (!packagesServe) return no(noToolkit(driver, found, install));
    await installNvcc(context);
    toolkit = askNvcc(packagedNvcc);
    if (toolkit === undefined) return no(`${packagedNvcc} does not run.`);
  }
  const named = env.PHI3LAB_CUDA_ARCHITECTURES;
  const architectures = named
    ? named.split(/[;, ]+/).filter(Boolean)
    : chooseArchitectures(toolkit, driver?.gpus ?? []);
  const decision = {
    built: true,
    nvcc: toolkit.nvcc,
    version: toolkit.version,
    architectures,
    flags: nvccFlags(toolkit.nvcc),
  };
  try {
    await tryNvcc(decision, env, context);
  } catch (error) {
    if (on || !(error instanceof SetupProblem) || context.stopped?.()) throw error;
    return no(`${cudaText(decision)} does not compile here:\n${error.message}\n`);
  }
  return decision;
}

/** Says what was decided. */
export function sayCuda(decision, say) {
  if (decision.built) say(`the addon is built with ${cudaText(decision)}`);
  else if (decision.why) say(`${decision.why} ${asCpuOnly}`);
}

export const cudaStep = {
  name: "cuda",
  does: "whether the addon is built with CUDA, and by which nvcc",
  after: ["python"],
  done: () => !cudaDecision().undecided,
  check: () => void wish(),
  async run(context) {
    const decision = await decideCuda({ context });
    sayCuda(decision, context.say);
    if (open(process.env)) writeStamp(record, JSON.stringify({ ...decision, made: inputs(process.env) }));
  },
};
