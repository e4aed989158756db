/**
 * Makes GGUF files of Phi-3-mini's shape with random weights, once: FOLDER MIX…, each MIX one of test/notebooks/phi3.ts.
 * Prints {"phi3-mini MIX": PATH, …}.
 */
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { type Mix, writeRandomPhi3Gguf } from "../../test/notebooks/phi3";

async function main([folder, ...mixes]: [string, ...Mix[]]): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const made: Record<string, string> = {};
  for (const mix of mixes) {
    const file = join(folder, `${mix}.gguf`);
    if (!existsSync(file)) {
      await writeRandomPhi3Gguf(`${file}.part`, { mix });
      renameSync(`${file}.part`, file);
    }
    made[`phi3-mini ${mix}`] = file;
  }
  console.log(JSON.stringify(made));
}

main(process.argv.slice(2) as [string, ...Mix[]]).catch((error) => {
  console.error((error as Error).message);
  process.exit(1);
});
