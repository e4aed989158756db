/** GGUF's number formats: every one that llama.cpp has or had is run, or named as one that is not run. */
import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AutoTokenizer } from "../../../src";
import { openWeights, partsOf } from "../../../src/weights";
import { weightFormats } from "../../../src/weights/formats";
import { type GgufField, gguf, refusal, temporaryFolder, tinyFields, tinyGguf, tinyTokenizer } from "./files";

/** By ggml's numbers: gguf-py's GGMLQuantizationType and GGML_QUANT_SIZES, and what ggml.h says was removed. */
const foreign: Record<number, RegExp> = {
  4: /Q4_2 \(retired\)/,
  5: /Q4_3 \(retired\)/,
  9: /Q8_1/,
  15: /Q8_K/,
  16: /IQ2_XXS/,
  17: /IQ2_XS/,
  18: /IQ3_XXS/,
  19: /IQ1_S/,
  21: /IQ3_S/,
  22: /IQ2_S/,
  24: /I8/,
  25: /I16/,
  26: /I32/,
  27: /I64/,
  29: /IQ1_M/,
  31: /Q4_0_4_4 \(retired\)/,
  32: /Q4_0_4_8 \(retired\)/,
  33: /Q4_0_8_8 \(retired\)/,
  34: /TQ1_0/,
  35: /TQ2_0/,
  36: /IQ4_NL_4_4 \(retired\)/,
  37: /IQ4_NL_4_8 \(retired\)/,
  38: /IQ4_NL_8_8 \(retired\)/,
  39: /MXFP4/,
  40: /NVFP4/,
  41: /Q1_0/,
  42: /number 42 of ggml's \(unknown to this phi3lab\)/,
  99: /number 99 of ggml's \(unknown to this phi3lab\)/,
};

describe("the number formats of GGUF", () => {
  const folder = temporaryFolder();
  const file = join(folder, "tiny.gguf");
  after(() => rmSync(folder, { recursive: true, force: true }));
  beforeEach(() => mkdirSync(folder, { recursive: true }));

  /** A tiny Llama whose query projection is of ggml's type `number`. */
  const write = (number: number, fields: GgufField[] = [...tinyFields, ...tinyTokenizer]): string => {
    const parts = tinyGguf();
    const tensors = parts.tensors.map((one) => (one.name === "blk.0.attn_q.weight" ? { ...one, type: number } : one));
    writeFileSync(file, gguf({ ...parts, fields, tensors }));
    return file;
  };

  it("are all known: each is run here or named, and no number up to the newest is left out", () => {
    const known = [28, ...Object.values(weightFormats).map(({ ggml }) => ggml), ...Object.keys(foreign).map(Number)];
    assert.deepEqual(
      Array.from({ length: 42 }, (_, number) => number).filter((number) => !known.includes(number)),
      [],
    );
  });

  for (const [number, name] of Object.entries(foreign))
    it(`of number ${number} is named as one that does not run, with those that do, and is not called damage`, async () => {
      const message = await refusal(write(Number(number)));
      assert.match(message, name);
      assert.match(
        message,
        /which phi3lab does not run; expected only F32, F16, .*Q4_K, Q5_K, Q6_K, IQ4_XS, F64: take another/,
      );
      assert.doesNotMatch(message, /damaged/);
    });

  it("are refused after the architecture and the configuration", async () => {
    const other = tinyFields.map(([key, ...rest]): GgufField => [key.replace("llama.", "gemma."), ...rest]);
    other[0] = ["general.architecture", 8, "gemma"];
    assert.match(await refusal(write(16, other)), /architecture "gemma"/);
    assert.match(await refusal(write(16, [...tinyFields, ["llama.expert_count", 4, 8]])), /mixture of experts/);
  });

  it("leave a file's tokenizer readable, whatever its weights are", async () => {
    const tokenizer = await AutoTokenizer.from_pretrained(write(16));
    assert.equal(tokenizer.encode("a").length > 0, true);
  });

  it("are read where a tensor's rows are whole blocks, else a sentence says what they should be", async () => {
    assert.match(
      await refusal(write(12)),
      /rows of the tensor blk\.0\.attn_q\.weight have 8 numbers, no multiple of Q4_K's 256/,
    );
    const parts = tinyGguf();
    const wide = { type: 28, offset: parts.dataLength };
    const tensors = parts.tensors.map((one) => (one.name === "blk.0.attn_q.weight" ? { ...one, ...wide } : one));
    writeFileSync(file, gguf({ ...parts, tensors, dataLength: parts.dataLength + 8 * 64 }));
    const { weights } = await openWeights(file);
    const part = partsOf(weights).find(({ name }) => name === "blk.0.attn_q.weight");
    assert.deepEqual([part?.type, part?.conversion?.stored], ["F32", "F64"]);
  });
});
