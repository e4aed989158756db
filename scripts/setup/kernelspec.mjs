/** Step: the kernelspecs of TypeScript and of JavaScript, so that JupyterLab in `.venv` lists them. Also installs them elsewhere. */
import { existsSync, mkdirSync, readdirSync, copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root, venv } from "./places.mjs";
import { fingerprint, readStamp, writeStamp } from "./stamp.mjs";

const template = join(root, "kernel", "kernelspec.json");
const images = join(root, "kernel", "kernelspec");
const kernels = join(venv, "share", "jupyter", "kernels");
const stamp = join(kernels, "phi3lab", ".phi3lab-kernelspec");
const wanted = () => fingerprint([template, images], { root, node: process.execPath });

/** Where the kernelspecs lie in a folder of kernels: one kernel, two languages. */
const specs = {
  phi3lab: (spec) => spec,
  "phi3lab-javascript": (spec) => ({
    ...spec,
    argv: [...spec.argv, "--javascript"],
    display_name: spec.display_name.replace("TypeScript", "JavaScript"),
    language: "javascript",
  }),
};

/**
 * Writes the kernelspecs into a folder of kernels. In the template `{node}` stands for this Node and `{root}` for this
 * package's folder; `{connection_file}` is Jupyter's own.
 */
export function installKernelspecs(target) {
  const fill = (value) =>
    typeof value === "string" ? value.replaceAll("{node}", process.execPath).replaceAll("{root}", root) : value;
  const spec = JSON.parse(readFileSync(template, "utf8"), (_key, value) => fill(value));
  for (const [name, change] of Object.entries(specs)) {
    const folder = join(target, name);
    mkdirSync(folder, { recursive: true });
    writeStamp(join(folder, "kernel.json"), JSON.stringify(change(spec), null, 2));
    if (existsSync(images))
      for (const image of readdirSync(images)) copyFileSync(join(images, image), join(folder, image));
  }
}

export const kernelspecStep = {
  name: "kernelspec",
  does: "the kernel phi3lab, for TypeScript and for JavaScript, known to the JupyterLab of .venv",
  after: ["python"],
  done: () =>
    Object.keys(specs).every((name) => existsSync(join(kernels, name, "kernel.json"))) && readStamp(stamp) === wanted(),
  check: () => {},
  async run() {
    installKernelspecs(kernels);
    writeStamp(stamp, wanted());
  },
};
