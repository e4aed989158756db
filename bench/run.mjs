/** `npm run bench -- NAME [options]`: the benchmarks beside this file; each says what it measures and prints its figures. */
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const folder = dirname(fileURLToPath(import.meta.url));
const [name, ...args] = process.argv.slice(2);
if (!["cpu", "cuda", "insight", "kernel", "tokenizer"].includes(name)) {
  console.error("Usage: npm run bench -- cpu [--peers] [--all] [--only ROW] [--rounds N] [--json FILE]");
  console.error(
    "       npm run bench -- cuda [--model FOLDER] [--peers PYTHON] [--picture FILE.png] [--rounds N] [--json FILE]",
  );
  console.error(
    "       npm run bench -- insight [--model FILE] [--device cuda] [--only WORDS] [--rounds N] [--json FILE]",
  );
  console.error("       npm run bench -- kernel [--peers] [--cells N] [--rounds N] [--json FILE]");
  console.error("       npm run bench -- tokenizer [--peers PYTHON] [--rounds N] [--json FILE] [FOLDER …]");
  process.exit(2);
}
const { bench } = await import(pathToFileURL(join(folder, `${name}.mjs`)).href);
await bench(args);
