/** LongRoPE through the library: batches, caches and generation across the original context's end, as transformers. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { AutoModelForCausalLM, type Phi3ForCausalLM } from "../../src/model";
import { readGolden } from "../golden/safetensors";

const folder = join(__dirname, "..", "golden", "family", "phi3_128k");
/** The longest text that takes the short factors. */
const original = 8;

interface Rows {
  input_ids: number[][];
  attention_mask: number[][];
  tokens: number[][];
}
const { prompt, short, tokens, batch } = JSON.parse(readFileSync(join(folder, "golden.json"), "utf8")) as {
  prompt: number[];
  short: number;
  tokens: number[];
  batch: { generate: Rows[]; logits: number[][] };
};
const taps = readGolden(join(folder, "taps.safetensors"));

describe("a model with LongRoPE", () => {
  let model: Phi3ForCausalLM;
  before(async () => {
    model = await AutoModelForCausalLM.from_pretrained(folder, { device: "cpu" });
  });
  after(() => model.dispose());

  const near = (mine: ArrayLike<number>, theirs: ArrayLike<number>): void => {
    const most = Array.from(theirs).reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    assert.equal(mine.length, theirs.length);
    for (let i = 0; i < theirs.length; i++)
      assert.ok(Math.abs((mine[i] as number) - (theirs[i] as number)) <= 1e-5 * most, `number ${i}`);
  };
  /** The last position's of a text so long. */
  const logits = (length: number): Float32Array => {
    const { data, shape } = taps.get(`${length}/logits`) as { data: Float32Array; shape: number[] };
    return data.slice(-(shape[1] as number));
  };

  it("takes the longest row's factors for every row of a batch", async () => {
    const [{ input_ids, attention_mask }] = batch.generate as [Rows];
    const output = await model(input_ids, { attention_mask });
    for (const [r, theirs] of batch.logits.entries()) near(output.logits.slice(r, -1).data as Float32Array, theirs);
  });

  it("generates a batch's rows as transformers does, from rows on either side of the switch and across it", async () => {
    for (const { input_ids, attention_mask, tokens: theirs } of batch.generate)
      for (const more of [{}, { use_cache: false }, { output_scores: true }] as const) {
        const options = { attention_mask, max_new_tokens: 8, eos_token_id: [], pad_token_id: 0, ...more };
        const given = await model.generate({ input_ids, ...options, return_dict_in_generate: true });
        const width = (input_ids[0] as number[]).length;
        for (const [r, row] of theirs.entries())
          assert.deepEqual(
            Array.from(given.sequences.slice(r, [width, width + row.length]).data as BigInt64Array, Number),
            row,
            JSON.stringify(more),
          );
      }
  });

  it("computes a cached text anew where a call crosses the original context, and where it comes back", async () => {
    const { past_key_values } = await model(prompt.slice(0, short), { use_cache: true });
    const longer = await model(prompt.slice(short), { past_key_values });
    near(longer.logits.slice(0, -1).data as Float32Array, logits(prompt.length));
    assert.equal(past_key_values?.get_seq_length(), prompt.length);
    past_key_values?.crop(short - 1);
    const shorter = await model(prompt.slice(short - 1, short), { past_key_values });
    near(shorter.logits.slice(0, -1).data as Float32Array, logits(short));
    past_key_values?.dispose();
  });

  it("continues a given cache across the original context's end as without one", async () => {
    assert.ok(short < original && short + tokens.length > original);
    const { past_key_values } = await model(prompt.slice(0, 3), { use_cache: true });
    const options = { max_new_tokens: tokens.length, eos_token_id: [], past_key_values };
    const ids = await model.generate(prompt.slice(0, short), options);
    assert.deepEqual(Array.from(ids.data as BigInt64Array, Number).slice(short), tokens);
    past_key_values?.dispose();
  });
});
