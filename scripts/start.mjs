/** `npm start`: set-up, then JupyterLab on the chapter's notebook. Arguments after `--` go to JupyterLab. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { foreground, setUp } from "./command.mjs";
import { root, venvEnvironment, venvProgram } from "./setup/places.mjs";
import { trustNotebooks } from "./start/trust.mjs";

await setUp();
const notebook = "notebooks/looking_inside_transformers.ipynb";
const args = [
  "lab",
  `--ServerApp.root_dir=${root}`,
  // Jupyter Server drops what a cell prints past 1,000 messages or 1 MB a second; a cell here may well print more.
  "--ZMQChannelsWebsocketConnection.iopub_msg_rate_limit=1e6",
  "--ZMQChannelsWebsocketConnection.iopub_data_rate_limit=1e9",
  ...trustNotebooks(),
];
// Jupyter refuses the root user unless told; in a container there is often no other.
if (process.getuid?.() === 0) args.push("--allow-root");
if (process.env.PHI3LAB_NO_BROWSER) args.push("--no-browser");
// As the first page rather than as a file to open, so that the address printed for readers without a browser leads there.
if (existsSync(join(root, notebook))) args.push(`--LabApp.default_url=/lab/tree/${notebook}`);
args.push(...process.argv.slice(2));
const env = venvEnvironment();
// A folder of settings more, beside the reader's own: JupyterLab does not ask about its news, nor look for a newer version.
env.JUPYTER_CONFIG_PATH = [env.JUPYTER_CONFIG_PATH, join(root, "scripts", "start")].filter(Boolean).join(delimiter);
process.exitCode = await foreground(venvProgram("jupyter"), args, { env });
