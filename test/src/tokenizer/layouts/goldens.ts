/**
 * What the Rust library `tokenizers` makes of 5,000 texts by each family's tokenizer, a short hash for every fifty of them
 * in goldens.json, beside the merges of their common small vocabulary. Made anew by
 *
 *     PHI3LAB_REFERENCE_PYTHON=… npx tsx test/src/tokenizer/layouts/goldens.ts [merges]
 *
 * with a Python that has `tokenizers`; with "merges" those are learned anew too.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { layoutTexts, trainingTexts } from "./texts";

/** Of so many texts each digest is. */
export const textsADigest = 50;

/** Of the ids and texts of some texts each. */
export function digests(ids: number[][], decoded: string[][]): string {
  return Array.from({ length: Math.ceil(ids.length / textsADigest) }, (_, i) => {
    const [from, to] = [textsADigest * i, textsADigest * (i + 1)];
    const part = JSON.stringify([ids.slice(from, to), decoded.slice(from, to)]);
    return createHash("sha256").update(part).digest("hex").slice(0, 10);
  }).join(" ");
}

/** What the library says of one tokenizer.json: the ids of each text, and their text with special tokens and without. */
export function ask(python: string, tokenizer: object, texts: string[]): { ids: number[][]; decoded: string[][] } {
  return python3(python, "../reference.py", { tokenizer, texts, sequences: [] }) as ReturnType<typeof ask>;
}

function python3(python: string, script: string, input: object): unknown {
  const options = { input: JSON.stringify(input), encoding: "utf8", maxBuffer: 2 ** 28 } as const;
  return JSON.parse(execFileSync(python, [join(__dirname, script)], options));
}

/** The digests of every layout. */
export async function makeLayoutGoldens(python: string): Promise<Record<string, string>> {
  // Not before the merges are there.
  const { layouts } = require("./layouts") as typeof import("./layouts");
  const texts = layoutTexts();
  const goldens: Record<string, string> = {};
  for (const [name, { json }] of Object.entries(layouts)) {
    const { ids, decoded } = ask(python, await json(), texts);
    goldens[name] = digests(ids, decoded);
  }
  return goldens;
}

async function main(python: string): Promise<void> {
  const file = join(__dirname, "goldens.json");
  const write = (merges: unknown, goldens: object) =>
    writeFileSync(file, `${JSON.stringify({ merges, goldens }, undefined, 1)}\n`);
  if (process.argv[2] === "merges") write(python3(python, "train.py", { texts: trainingTexts(), merges: 2500 }), {});
  const { merges } = JSON.parse(readFileSync(file, "utf8")) as { merges: string };
  write(merges, await makeLayoutGoldens(python));
}

if (require.main === module) void main(process.env.PHI3LAB_REFERENCE_PYTHON ?? "python3");
