/** The chapter on a GGUF file of Phi-3-mini's shape, in Q4_K_M's mix of formats, with Phi-3's tokenizer in the file. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needGpu } from "../native/places";
import { writeRandomPhi3Gguf } from "./phi3";
import { ChapterRun, checkChapter, checkOnCuda, startKernel } from "./run";

/** Runs the chapter on such a file of so many layers. */
async function runChapter(layers: number, change?: (source: string) => string, env: NodeJS.ProcessEnv = {}) {
  const folder = mkdtempSync(join(tmpdir(), "phi3lab-gguf-"));
  try {
    const file = join(folder, "phi3-q4_k_m.gguf");
    await writeRandomPhi3Gguf(file, { layers });
    const kernel = await startKernel(file, env);
    try {
      return await ChapterRun.of(kernel, change);
    } finally {
      await kernel.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe("the chapter on a GGUF file of Phi-3-mini's shape in Q4_K_M's formats", function () {
  this.timeout(600_000);

  it("runs from the first cell to the last on the CPU, with 4 layers and 4 tokens where the chapter times 100", async () => {
    const shorter = (source: string) => source.replaceAll("max_new_tokens: 100", "max_new_tokens: 4");
    checkChapter(await runChapter(4, shorter, { CUDA_VISIBLE_DEVICES: "" }), 3072);
  });

  it("runs unchanged on the GPU, with all 32 layers", async function () {
    needGpu(this, { real: true });
    const run = await runChapter(32);
    checkChapter(run, 3072);
    checkOnCuda(run, "float32"); // what is computed in there where weights are quantised
  });
});
