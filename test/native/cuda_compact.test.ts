/** Quantised weights on the GPU: about as large as in their file, whatever the dtype. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { gpuBytes } from "../../src/model/device_choice";
import { openWeights, partsOf } from "../../src/weights";
import { needGpu, open } from "./places";

const goldens = join(__dirname, "..", "golden");

describe("a quantised file on the GPU", () => {
  for (const dtype of ["float32", "bfloat16", "float16"] as const)
    it(`takes the bytes that device: "auto" counts with, in ${dtype}`, async function () {
      needGpu(this, { real: true });
      for (const path of [
        "tiny_gguf/Q8_0",
        "tiny_gguf/Q4_1",
        "tiny_gguf/Q6_K",
        "gguf_formats/Q4_K_M",
        "tiny_gguf/F16",
      ]) {
        const opened = await openWeights(join(goldens, `${path}.gguf`));
        const model = await open(opened, { gpu: true, dtype });
        const { weights } = model.memory();
        await model.dispose();
        // Norms are float32 always; planes begin on 256 bytes.
        const norms = partsOf(opened.weights).filter(({ shape }) => shape.length === 1);
        const counted = gpuBytes(partsOf(opened.weights), dtype) + gpuBytes(norms, "float32") - gpuBytes(norms, dtype);
        const most = counted + 4 * 256 * partsOf(opened.weights).length;
        assert.ok(weights >= counted && weights <= most, `${path}: ${weights} bytes, ${counted} counted`);
      }
    });
});
