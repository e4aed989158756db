/**
 * The notebooks that come with the project open as trusted: JupyterLab shows what a notebook holds besides text and
 * pictures only where the notebook's content has been signed on this machine. Signed is what notebooks.sha256 names, as
 * long as it is byte for byte what was committed; a notebook that a reader brings or changes is trusted as ever, when it
 * was run or saved in JupyterLab. The signatures and their key lie in `.cache`, for the server of `npm start` alone.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root, venvEnvironment, venvProgram } from "../setup/places.mjs";
import { readStamp, writeStamp } from "../setup/stamp.mjs";

/** The sums of the committed notebooks, as the program sha256sum writes and checks them in the checkout's folder. */
export const list = join(root, "scripts", "start", "notebooks.sha256");

/** The lines of such a list for these files of a folder. */
export const sums = (names, folder = root) =>
  names.map((name) => {
    const hash = createHash("sha256").update(readFileSync(join(folder, name)));
    return `${hash.digest("hex")}  ${name}`;
  });

const nameOf = (line) => line.slice(line.indexOf("  ") + 2);

/** The lines of a list whose files are there, unchanged. */
function unchanged(path, folder) {
  const lines = readFileSync(path, "utf8").split("\n").filter(Boolean);
  return lines.filter((line) => existsSync(join(folder, nameOf(line))) && sums([nameOf(line)], folder)[0] === line);
}

/**
 * Signs the project's own notebooks and gives the arguments that tell a Jupyter server where in `place` the signatures are.
 * Where they cannot be signed a line says so, and JupyterLab asks its readers.
 */
export function trustNotebooks({ notebooks = list, folder = root, place = join(root, ".cache", "jupyter") } = {}) {
  const [database, secret, stamp] = ["signatures.db", "secret", "signed"].map((name) => join(place, name));
  const args = [`--NotebookNotary.db_file=${database}`, `--NotebookNotary.secret_file=${secret}`];
  mkdirSync(place, { recursive: true });
  const own = unchanged(notebooks, folder);
  const wanted = own.join("\n");
  if (own.length === 0 || ([database, secret].every(existsSync) && readStamp(stamp) === wanted)) return args;
  const paths = own.map((line) => join(folder, nameOf(line)));
  const options = { encoding: "utf8", env: venvEnvironment() };
  const signed = spawnSync(venvProgram("jupyter-trust"), [...args, ...paths], options);
  if (signed.status === 0) writeStamp(stamp, wanted);
  else
    console.warn(`The notebooks are not signed, so JupyterLab will not trust them:\n${signed.stderr ?? signed.error}`);
  return args;
}
