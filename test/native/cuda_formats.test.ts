/** What bfloat16 weights become on the GPU: float16 numbers where those hold them; beside transformers' float32. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type OpenWeights, openWeights, partsOf } from "../../src/weights";
import { readGolden } from "../golden/safetensors";
import { needGpu, open } from "./places";

const tiny = join(__dirname, "..", "golden", "tiny", "bf16");
const { prompt } = JSON.parse(readFileSync(join(tiny, "golden.json"), "utf8")) as { prompt: number[] };
const expected = readGolden(join(tiny, "taps.safetensors")).get("model.norm")?.data as Float32Array;

/** The root mean square of the difference of the prompt's hidden states from transformers', by that of theirs. */
async function error(weights: OpenWeights): Promise<number> {
  const model = await open(weights, { gpu: true, dtype: "bfloat16" });
  const { last_hidden_state } = await model.forward({ ids: Int32Array.from(prompt) });
  const found = last_hidden_state.read(0, expected.length);
  assert.equal(model.dtype, "bfloat16");
  await model.dispose();
  let [difference, size] = [0, 0];
  for (const [i, x] of expected.entries()) {
    difference += ((found[i] as number) - x) ** 2;
    size += x ** 2;
  }
  return Math.sqrt(difference / size);
}

describe("a prompt in bfloat16 on the GPU", () => {
  it("rounds keys, values and activations to 11 bits, and the weights not at all", async function () {
    needGpu(this, { real: true });
    const found = await error(await openWeights(tiny));
    assert.ok(found < 0.005, `differs by ${found}; 8 bits would make about 0.014`);
  });

  it("is as near as 8 bits are where a weight is beyond float16's range", async function () {
    needGpu(this, { real: true });
    const opened = await openWeights(tiny);
    const table = partsOf(opened.weights).find(({ name }) => name === "model.embed_tokens.weight");
    assert.ok(table && !prompt.includes(0));
    const bytes = readFileSync(opened.files[0] as string);
    bytes.writeUInt16LE(0x7e00, table.offset); // 4e37, in the row of a token that the prompt has not
    const folder = mkdtempSync(join(tmpdir(), "phi3lab-formats-"));
    const file = join(folder, "model.safetensors");
    writeFileSync(file, bytes);
    try {
      const found = await error({ ...opened, files: [file] });
      assert.ok(found < 0.03, `differs by ${found}`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
