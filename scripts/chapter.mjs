/**
 * `npm run chapter`: set-up, then the chapter's notebook (or the one named) without a browser: its outputs here as they
 * come, the executed notebook and a page that needs no network in out/. With `--static` drawings are pictures in both.
 */
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { foreground, here, setUp } from "./command.mjs";
import { root, venvEnvironment, venvProgram } from "./setup/places.mjs";

await setUp();
const given = process.argv.slice(2);
const named = given[0]?.startsWith("--") ? undefined : given[0];
const rest = named === undefined ? given : given.slice(1);
const notebook = named ? resolve(here, named) : join(root, "notebooks", "looking_inside_transformers.ipynb");
const plotly = createRequire(import.meta.url).resolve("plotly.js-dist/plotly.js");
const args = [join(root, "scripts", "chapter.py"), notebook, "--plotly", plotly, ...rest];
process.exitCode = await foreground(venvProgram("python"), args, {
  env: { ...venvEnvironment(), PYTHONUTF8: "1", PYTHONDONTWRITEBYTECODE: "1" },
});
