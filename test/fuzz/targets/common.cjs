/** What the targets share: where the library and its test files lie, a folder of their own, which errors are sentences. */
const { mkdtempSync, readdirSync, readFileSync, rmSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join, resolve } = require("node:path");

const root = resolve(__dirname, "../../..");
const golden = join(root, "test", "golden");
const load = (name) => require(join(root, "dist", "src", name));
const read = (...parts) => readFileSync(join(golden, ...parts));

/** Folders of models in safetensors, all tiny. */
const models = ["tiny", "family"].flatMap((kind) =>
  readdirSync(join(golden, kind), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && readdirSync(join(golden, kind, entry.name)).includes("config.json"))
    .map((entry) => join(kind, entry.name)),
);

/** Says whether an input goes through the disk, too, which costs more: the first of all, then one in 256. */
function sometimes() {
  let inputs = 0;
  return () => inputs++ < 100 || inputs % 256 === 0;
}

/** A folder that goes with the process. */
function temporary() {
  const folder = mkdtempSync(join(tmpdir(), "phi3lab-fuzz-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Whether an error is a sentence of ours, and none by which JavaScript says that a program is wrong. */
const isSentence = (error) =>
  !["TypeError", "RangeError", "SyntaxError", "ReferenceError", "URIError", "EvalError"].includes(error.name) ||
  error.message.startsWith("Expected ");

module.exports = { golden, isSentence, load, models, read, root, sometimes, temporary };
