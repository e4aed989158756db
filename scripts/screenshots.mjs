/** `npm run screenshots [-- NAME …]`: set-up, then pictures of every drawing in every front end; see test/jupyterlab/screenshots. */
import { join } from "node:path";
import { foreground, setUp } from "./command.mjs";
import { root, venvEnvironment } from "./setup/places.mjs";

await setUp();
const program = join(root, "test", "jupyterlab", "screenshots", "main.ts");
const args = ["--import", "tsx", program, ...process.argv.slice(2)];
process.exitCode = await foreground(process.execPath, args, { env: venvEnvironment() });
