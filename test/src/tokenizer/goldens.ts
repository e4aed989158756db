/**
 * What the Rust library `tokenizers` makes of 2,000 texts and 1,000 sequences of ids, as one short hash each in
 * goldens.json. Made anew by
 *
 *     PHI3LAB_REFERENCE_PYTHON=… npx tsx test/src/tokenizer/goldens.ts
 *
 * with a Python that has `tokenizers` and `gguf`, and with SmolLM2's package installed. reference.py does the work.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { phi3Json, randomNumbers, smollm, texts } from "./models";

export type GoldenName = "smollm2" | "phi3";

export function goldenTexts(): string[] {
  return texts(2000, 5);
}

/** Runs of ids that are mostly single bytes, so that characters are split in every way. */
export function goldenSequences(name: GoldenName): number[][] {
  const [vocabulary, firstByte] = name === "smollm2" ? [49_152, 17] : [32_011, 3];
  const random = randomNumbers(11);
  const one = () => (random(10) < 6 ? random(vocabulary) : firstByte + random(256));
  return Array.from({ length: 1000 }, () => Array.from({ length: random(30) }, one));
}

/** Of the ids of a text, and of their text with special tokens and without. */
export function digest(ids: number[], decoded: string[]): string {
  return createHash("sha256")
    .update(JSON.stringify([ids, ...decoded]))
    .digest("hex")
    .slice(0, 10);
}

/** Asks the library; `goldens.json` holds the answer. */
export async function makeGoldens(python: string): Promise<Record<GoldenName, string>> {
  const ask = (name: GoldenName, source: object): string => {
    const sequences = goldenSequences(name);
    const input = JSON.stringify({ ...source, texts: goldenTexts(), sequences });
    const output = execFileSync(python, [join(__dirname, "reference.py")], {
      input,
      encoding: "utf8",
      maxBuffer: 2 ** 28,
    });
    const { ids, decoded } = JSON.parse(output) as { ids: number[][]; decoded: string[][] };
    return [...ids, ...sequences].map((sequence, i) => digest(sequence, decoded[i] as string[])).join(" ");
  };
  return { smollm2: ask("smollm2", { gguf: await smollm() }), phi3: ask("phi3", { tokenizer: await phi3Json() }) };
}

if (require.main === module) {
  makeGoldens(process.env.PHI3LAB_REFERENCE_PYTHON ?? "python3").then((goldens) => {
    writeFileSync(join(__dirname, "goldens.json"), `${JSON.stringify(goldens, undefined, 2)}\n`);
  });
}
