/** `npm run bench -- NAME [options]`: the benchmarks beside this file; each says what it measures and prints its figures. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const folder = dirname(fileURLToPath(import.meta.url));
const [name, ...args] = process.argv.slice(2);
const file = join(folder, `${name}.mjs`);
if (
  name === undefined ||
  !/^\w+$/.test(name) ||
  ["run", "build", "random_weights"].includes(name) ||
  !existsSync(file)
) {
  console.error("Usage: npm run bench -- cpu [--peers] [--rounds N] [--json FILE]");
  console.error(
    "       npm run bench -- cuda [--model FOLDER] [--peers PYTHON] [--picture FILE.png] [--rounds N] [--json FILE]",
  );
  process.exit(2);
}
const { bench } = await import(pathToFileURL(file).href);
await bench(args);
