/** `node scripts/logo.mjs`: writes the kernel's logo in the sizes that Jupyter asks for, after a change of its SVG. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Resvg } from "@resvg/resvg-js";
import { root } from "./setup/places.mjs";

const folder = join(root, "kernel", "kernelspec");
const svg = readFileSync(join(folder, "logo-svg.svg"), "utf8");
for (const size of [32, 64]) {
  const picture = new Resvg(svg, { fitTo: { mode: "width", value: size } }).render();
  writeFileSync(join(folder, `logo-${size}x${size}.png`), picture.asPng());
}
