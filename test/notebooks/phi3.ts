/** Models with Phi-3-mini's vocabulary and tokenizer and random weights, of any size, for running the chapter on. */
import { execFileSync } from "node:child_process";
import { join, resolve } from "node:path";
import { writePhi3Tokenizer } from "../src/tokenizer/models";

/** `--hidden 64` and the like; without any it is Phi-3-mini itself, 7.6 GB. */
export type Sizes = Partial<Record<"layers" | "hidden" | "ffn" | "heads", number>>;

/** Writes such a model into `folder`. */
export async function writeRandomPhi3(folder: string, sizes: Sizes = {}): Promise<void> {
  const script = join(resolve(__dirname, "../.."), "bench", "random_weights.mjs");
  const options = Object.entries(sizes).map(([name, size]) => `--${name}=${size}`);
  execFileSync(process.execPath, [script, folder, ...options]);
  await writePhi3Tokenizer(folder);
}
