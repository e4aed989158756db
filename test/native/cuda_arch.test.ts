/** PHI3LAB_CUDA_ARCH: another GPU's kernels on this one, or an error that says what there is. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { openWeights } from "../../src/weights";
import { asCapability, needGpu, open } from "./places";

const tiny = join(__dirname, "..", "golden", "tiny", "grouped");

async function opened(arch: string): Promise<void> {
  const place = { gpu: true, dtype: "float32", env: asCapability(arch) } as const;
  await (await open(await openWeights(tiny), place)).dispose();
}

describe("PHI3LAB_CUDA_ARCH", () => {
  it("takes the kernels of any GPU, and those of a capability whose instructions the GPU has", async function () {
    needGpu(this, { real: true });
    await opened("portable");
    await opened("7.5");
  });

  it("is refused when no such capability is known, with the known ones", async function () {
    needGpu(this, { real: true });
    for (const arch of ["8.7", "86", "hopper"])
      await assert.rejects(
        opened(arch),
        (error: Error) =>
          error.message.includes("Expected one of portable, 7.5, 8.0, 8.6, 8.9, 9.0, 12.0 for PHI3LAB_CUDA_ARCH") &&
          error.message.endsWith(`but received ${arch}`),
      );
  });
});
