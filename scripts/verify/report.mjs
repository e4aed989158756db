/** The block that `npm run verify` prints: what was checked, where, and what came out, with no path of the reader's. */
import { basename, dirname, isAbsolute } from "node:path";

/** One thing that was checked; `result` is "same", "turns" (not the same, as it may be), "differs", "failed" or "not compared". */
export const outcome = (what, result, detail = "") => ({ what, result, detail });

/** Whether the model did all that was compared. */
export const passed = (checks) => !checks.some(({ result }) => result === "differs" || result === "failed");

/** Takes folders out of a text: the model's, the home folder's, and whatever else `folders` names. */
export function withoutPaths(text, folders) {
  const known = folders.filter((folder) => folder && isAbsolute(folder) && dirname(folder) !== folder);
  // The longest first: one may lie in another.
  return known.sort((a, b) => b.length - a.length).reduce((clean, folder) => clean.replaceAll(folder, "…"), text);
}

/** A model as the reader named it: an id of the hub stays, of a path only its last part is told. */
export const modelName = (model, local) => (local ? basename(model) : model);

const gigabytes = (bytes) => `${(bytes / 1e9).toFixed(bytes < 1e9 ? 3 : 2)} GB`;

/** Bytes as `2.39 GB (2,393,231,072)`. */
export const size = (bytes) => `${gigabytes(bytes)} (${bytes.toLocaleString("en-US")} bytes)`;

/** The block as text, from sections of [name, value] rows, the digest's lines, and the checks. */
export function block({ sections, digest, checks }) {
  const lines = [];
  for (const [title, rows] of sections) {
    lines.push(`${title}:`);
    const width = Math.max(...rows.map(([name]) => name.length));
    for (const [name, value] of rows) lines.push(`  ${name.padEnd(width)}  ${value}`);
  }
  lines.push("checks:");
  for (const { what, result, detail } of checks) {
    lines.push(`  ${result.padEnd("not compared".length)}  ${what}${detail ? `: ${detail}` : ""}`);
  }
  if (digest.length > 0) lines.push("digest:", ...digest.map((line) => `  ${line}`));
  return `\`\`\`text\n${lines.join("\n")}\n\`\`\``;
}
