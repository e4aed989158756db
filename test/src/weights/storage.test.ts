/** Checkpoints as people have them: other names, formats and files than transformers writes today, and what is refused. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AutoTokenizer } from "../../../src";
import { openWeights, partsOf, WeightsError } from "../../../src/weights";
import { bytesOf, safetensors, safetensorsHeader, temporaryFolder, tinyConfig, tinyShapes, writeModel } from "./files";

const shapes = tinyShapes();
const file = (some: Record<string, number[]>): Buffer => safetensors(safetensorsHeader(some), bytesOf(some));
const renamed = (rename: (name: string) => string): Record<string, number[]> =>
  Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [rename(name), shape]));

/** A file with these tensors as well, of any dtype. */
function withMore(more: Record<string, [dtype: string, size: number, shape: number[]]>, plain = shapes): Buffer {
  const header = safetensorsHeader(plain);
  let end = bytesOf(plain);
  for (const [name, [dtype, size, shape]] of Object.entries(more)) {
    const from = end;
    end += size * shape.reduce((a, b) => a * b, 1);
    header[name] = { dtype, shape, data_offsets: [from, end] };
  }
  return safetensors(header, end);
}

describe("checkpoints in safetensors", () => {
  let folder: string;
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const rejects = (...patterns: RegExp[]): Promise<void> =>
    assert.rejects(openWeights(folder), (error: Error) => {
      assert.ok(error instanceof WeightsError, error.stack);
      for (const pattern of patterns) assert.match(error.message, pattern);
      return true;
    });
  const names = async (): Promise<string[]> => partsOf((await openWeights(folder)).weights).map(({ name }) => name);

  it("open under the names of a stack alone, and of a model that also sees", async () => {
    const expected = Object.keys(shapes).sort();
    const namings: ((name: string) => string)[] = [
      (name) => name.replace(/^model\./, ""),
      (name) => `language_model.${name}`,
      (name) => name.replace(/^model\./, "model.language_model."),
    ];
    for (const naming of namings) {
      const more = { "vision_tower.embed_tokens.weight": [3, 3] };
      writeModel(folder, tinyConfig, file({ ...renamed(naming), ...more }));
      assert.deepEqual((await names()).sort(), expected, naming("model.norm.weight"));
    }
  });

  it("open whatever buffers of integers, masks and frequencies lie beside the weights", async () => {
    const more = withMore({
      "model.layers.0.self_attn.rotary_emb.inv_freq": ["F32", 4, [2]],
      "model.layers.0.self_attn.masked_bias": ["F32", 4, []],
      "model.layers.0.self_attn.bias": ["BOOL", 1, [1, 1, 8, 8]],
      "model.layers.1.self_attn.bias": ["U8", 1, [1, 1, 8, 8]],
      "model.embeddings.position_ids": ["I64", 8, [1, 64]],
    });
    writeModel(folder, tinyConfig, more);
    assert.deepEqual((await names()).sort(), Object.keys(shapes).sort());
  });

  it("open from one shard or several without an index, and say which shard is missing", async () => {
    writeFileSync(join(folder, "config.json"), JSON.stringify(tinyConfig));
    writeFileSync(join(folder, "model-00001-of-00001.safetensors"), file(shapes));
    assert.deepEqual((await openWeights(folder)).files, [join(folder, "model-00001-of-00001.safetensors")]);
    rmSync(join(folder, "model-00001-of-00001.safetensors"));
    const all = Object.entries(shapes);
    const halves = [all.slice(0, 6), all.slice(6)].map((half) => Object.fromEntries(half));
    const shards = halves.map((_, i) => join(folder, `model-0000${i + 1}-of-00002.safetensors`));
    for (const [i, half] of halves.entries()) writeFileSync(shards[i] as string, file(half));
    const opened = await openWeights(folder);
    assert.deepEqual(opened.files, shards);
    assert.deepEqual(
      partsOf(opened.weights).map(({ name, file: at }) => name in (halves[at] ?? {})),
      all.map(() => true),
    );
    rmSync(shards[0] as string);
    await rejects(/lacks model-00001-of-00002\.safetensors/);
  });

  it("open from model.fp16.safetensors where there is nothing else", async () => {
    writeFileSync(join(folder, "config.json"), JSON.stringify(tinyConfig));
    writeFileSync(join(folder, "model.fp16.safetensors"), file(shapes));
    assert.deepEqual((await openWeights(folder)).files, [join(folder, "model.fp16.safetensors")]);
    writeFileSync(join(folder, "model.safetensors"), file(shapes));
    assert.deepEqual((await openWeights(folder)).files, [join(folder, "model.safetensors")]);
  });

  it("are told from PyTorch's pickles, with the command that converts these", async () => {
    for (const name of ["pytorch_model.bin", "pytorch_model-00001-of-00002.bin"]) {
      writeFileSync(join(folder, "config.json"), JSON.stringify(tinyConfig));
      writeFileSync(join(folder, name), "");
      await rejects(/pytorch_model\.bin, which is never read/, /from transformers import .*save_pretrained/);
      rmSync(join(folder, name));
    }
  });

  it("are refused by the name of the library that packed their weights", async () => {
    const configurations: [object, RegExp][] = [
      [{ quant_method: "gptq", bits: 4 }, /quantised by GPTQ, which phi3lab does not run; take .* GGUF/],
      [{ quant_method: "awq" }, /quantised by AWQ/],
      [{ quant_method: "bitsandbytes", load_in_4bit: true }, /quantised by bitsandbytes/],
      [{ quant_method: "quanto" }, /quantised by "quanto"/],
      [{}, /quantised by an unknown method/],
      [{ quant_method: "compressed-tensors", format: "pack-quantized" }, /compressed-tensors as "pack-quantized"/],
      [{ quant_method: "fp8", weight_block_size: [0, 128] }, /weight_block_size = \[0,128\]/],
    ];
    for (const [quantization_config, pattern] of configurations) {
      writeModel(folder, { ...tinyConfig, quantization_config }, file(shapes));
      await rejects(pattern, /config\.json/);
    }
    const base = "model.layers.0.mlp.down_proj";
    const tensors: [Parameters<typeof withMore>[0], RegExp][] = [
      [{ [`${base}.qweight`]: ["I32", 4, [1]], [`${base}.g_idx`]: ["I32", 4, [1]] }, /quantised by GPTQ,/],
      [{ [`${base}.qzeros`]: ["I32", 4, [1]] }, /quantised by GPTQ or AWQ,/],
      [{ [`${base}.weight.absmax`]: ["F32", 4, [1]] }, /quantised by bitsandbytes,/],
      [{ [`${base}.weight.quant_state.bitsandbytes__nf4`]: ["U8", 1, [4]] }, /quantised by bitsandbytes,/],
      [{ [`${base}.SCB`]: ["F32", 4, [1]] }, /quantised by bitsandbytes,/],
    ];
    for (const [more, pattern] of tensors) {
      writeModel(folder, tinyConfig, withMore(more));
      await rejects(pattern, /model\.safetensors holds the tensor/);
    }
  });

  it("are refused where a weight that is needed has numbers that nobody computes with", async () => {
    const norm = "model.norm.weight";
    const { [norm]: _, ...rest } = shapes;
    writeModel(folder, tinyConfig, withMore({ [norm]: ["I64", 8, [8]] }, rest));
    await rejects(/"model\.norm\.weight" as I64; expected F32, F16, BF16, F64 or F8_E4M3/);
    writeModel(folder, tinyConfig, withMore({ [norm]: ["F8_E5M2", 1, [8]] }, rest));
    await rejects(/as F8_E5M2/);
    const scale: Record<string, [string, number, number[]]> = { [norm]: ["F8_E4M3", 1, [8]] };
    writeModel(folder, tinyConfig, withMore({ ...scale, [`${norm}_scale`]: ["F32", 4, [3]] }, rest));
    await rejects(/"model\.norm\.weight_scale" as \[3\] beside \[8\]; expected a scale/);
    writeModel(folder, tinyConfig, withMore({ ...scale, [`${norm}_scale`]: ["I32", 4, [1]] }, rest));
    await rejects(/"model\.norm\.weight_scale" as I32/);
  });

  it("are refused for their architecture first, then for their configuration, then for their format", async () => {
    const quantization_config = { quant_method: "gptq" };
    const wrong = { hidden_act: "gelu", quantization_config };
    writeModel(folder, { ...tinyConfig, ...wrong, model_type: "gemma" }, file(shapes));
    await rejects(/type "gemma"/);
    writeModel(folder, { ...tinyConfig, ...wrong }, file(shapes));
    await rejects(/activation "gelu"/);
    writeModel(folder, { ...tinyConfig, quantization_config }, file(shapes));
    await rejects(/GPTQ/);
  });

  it("give their tokenizer where their weights cannot be run, or are not there", async () => {
    const words = { type: "BPE", vocab: { a: 0, b: 1 }, merges: [] };
    mkdirSync(folder, { recursive: true });
    const config = { ...tinyConfig, model_type: "gemma", quantization_config: { quant_method: "gptq" } };
    writeFileSync(join(folder, "config.json"), JSON.stringify(config));
    writeFileSync(join(folder, "tokenizer.json"), JSON.stringify({ model: words, added_tokens: [] }));
    for (const damaged of [undefined, "no model"]) {
      if (damaged !== undefined) writeFileSync(join(folder, "model.safetensors"), damaged);
      const tokenizer = await AutoTokenizer.from_pretrained(folder);
      assert.deepEqual(tokenizer.encode("b"), [1]);
    }
    assert.ok(readFileSync(join(folder, "model.safetensors")).length > 0);
  });
});
