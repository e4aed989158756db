/**
 * Makes GGUF files of Phi-3-mini's shape with random weights in FOLDER, once: prints {"phi3-mini Q4_0": PATH,
 * "phi3-mini Q4_K_M": PATH}.
 */
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { writeRandomPhi3Gguf } from "../../test/notebooks/phi3";

async function main([folder]: [string]): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const made: Record<string, string> = {};
  for (const mix of ["Q4_0", "Q4_K_M"] as const) {
    const file = join(folder, `${mix}.gguf`);
    if (!existsSync(file)) {
      await writeRandomPhi3Gguf(`${file}.part`, { mix });
      renameSync(`${file}.part`, file);
    }
    made[`phi3-mini ${mix}`] = file;
  }
  console.log(JSON.stringify(made));
}

main(process.argv.slice(2) as [string]).catch((error) => {
  console.error((error as Error).message);
  process.exit(1);
});
