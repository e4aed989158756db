/** Step: the kernelspec `phi3lab`, so that JupyterLab in `.venv` lists the kernel. Also installs it elsewhere. */
import { existsSync, mkdirSync, readdirSync, copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root, venv } from "./places.mjs";
import { fingerprint, readStamp, writeStamp } from "./stamp.mjs";

const template = join(root, "kernel", "kernelspec.json");
const images = join(root, "kernel", "kernelspec");
const folder = join(venv, "share", "jupyter", "kernels", "phi3lab");
const stamp = join(folder, ".phi3lab-kernelspec");
const wanted = () => fingerprint([template, images], { root, node: process.execPath });

/**
 * Writes the kernelspec into a folder. In the template `{node}` stands for this Node and `{root}` for this package's
 * folder; `{connection_file}` is Jupyter's own.
 */
export function installKernelspec(target) {
  mkdirSync(target, { recursive: true });
  const fill = (value) =>
    typeof value === "string" ? value.replaceAll("{node}", process.execPath).replaceAll("{root}", root) : value;
  const spec = JSON.parse(readFileSync(template, "utf8"), (_key, value) => fill(value));
  writeStamp(join(target, "kernel.json"), JSON.stringify(spec, null, 2));
  if (existsSync(images)) for (const name of readdirSync(images)) copyFileSync(join(images, name), join(target, name));
}

export const kernelspecStep = {
  name: "kernelspec",
  does: "the kernel phi3lab, known to the JupyterLab of .venv",
  after: ["python"],
  done: () => existsSync(join(folder, "kernel.json")) && readStamp(stamp) === wanted(),
  check: () => {},
  async run() {
    installKernelspec(folder);
    writeStamp(stamp, wanted());
  },
};
