/** What a model's files say wrongly is refused by name, at the exact bounds; what they may say is read. */
import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openWeights, partsOf } from "../../../src/weights";
import {
  bytesOf,
  gguf,
  type GgufField,
  type GgufParts,
  refusal,
  safetensors,
  safetensorsHeader,
  temporaryFolder,
  tinyConfig,
  tinyFields,
  tinyGguf,
  tinyShapes,
  withFields,
  writeModel,
} from "./files";

const shapes = tinyShapes();
const weights = safetensors(safetensorsHeader(shapes), bytesOf(shapes));

describe("a model's files", function () {
  this.timeout(30_000);
  let folder: string;
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const withConfig = (change: object) => writeModel(folder, { ...tinyConfig, ...change }, weights);
  const writeFields = (...fields: GgufField[]): string => {
    return write(withFields(...fields));
  };
  const write = (parts: GgufParts): string => {
    const file = join(folder, "tiny.gguf");
    writeFileSync(file, gguf(parts));
    return file;
  };

  describe("config.json", () => {
    it("is refused where a number is none, or beyond what there can be, with what was expected", async () => {
      const cases: [object, RegExp][] = [
        [{ hidden_size: null }, /has hidden_size = nothing; expected a whole number from 1 on\.$/],
        [{ intermediate_size: 2 ** 31 }, /intermediate_size = 2147483648; expected a whole number from 1 on\.$/],
        [{ intermediate_size: 1.5 }, /intermediate_size = 1\.5; expected a whole number/],
        [{ num_hidden_layers: 4097 }, /num_hidden_layers = 4097; expected a whole number from 1 to 4096\.$/],
        [{ num_hidden_layers: 4096 }, /lacks the tensor model\.layers\.2\./],
        [{ rms_norm_eps: 0 }, /rms_norm_eps = 0; expected a number above 0\.$/],
        [{ rms_norm_eps: "1e-5" }, /rms_norm_eps = "1e-5"; expected a number above 0\.$/],
        [{ quantization_config: 5 }, /quantization_config = 5; expected an object\.$/],
        [{ quantization_config: [1] }, /quantization_config = \[1\]; expected an object\.$/],
        [{ model_type: "llama", mlp_bias: true }, /asks for mlp_bias; phi3lab's MLPs have no biases/],
        [{ hidden_size: 6, num_attention_heads: 2 }, /heads of 3 numbers; expected an even number/],
        [{ model_type: "" }, /type unknown/],
      ];
      for (const [change, pattern] of cases) assert.match(await refusal(withConfig(change)), pattern);
    });

    it("may say the same with null, with another name of an activation, and with more than one end of text", async () => {
      for (const hidden_act of ["silu", "swish"]) {
        const path = withConfig({ hidden_act, num_key_value_heads: 1, quantization_config: null });
        assert.equal((await openWeights(path)).config.num_key_value_heads, 1);
      }
      const { config } = await openWeights(
        withConfig({ eos_token_id: [0, 4, -1, 1.5, "x"], bos_token_id: 0, pad_token_id: 6 }),
      );
      assert.deepEqual([config.eos_token_id, config.bos_token_id, config.pad_token_id], [[0, 4], 0, 6]);
      writeFileSync(join(folder, "generation_config.json"), '{"bos_token_id": 5, "pad_token_id": 7}');
      const merged = (await openWeights(folder)).config;
      assert.deepEqual([merged.bos_token_id, merged.pad_token_id], [5, 6]);
      const bare = (await openWeights(withConfig({ bos_token_id: null }))).config;
      assert.deepEqual([bare.bos_token_id, bare.pad_token_id], [5, 7]);
      rmSync(join(folder, "generation_config.json"));
      const none = (await openWeights(withConfig({ bos_token_id: null }))).config;
      assert.deepEqual([none.bos_token_id, none.pad_token_id], [null, null]);
    });

    it("is refused where it names a way to quantise that is not read, and read where it says none", async () => {
      const instead = "which phi3lab does not run; take the model's plain safetensors, or a GGUF file of it.";
      const cases: [object, string][] = [
        [{ quant_method: "hqq" }, `describes weights quantised by HQQ, ${instead}`],
        [{ quant_method: "mine" }, `describes weights quantised by "mine", ${instead}`],
        [{}, `describes weights quantised by an unknown method, ${instead}`],
        [{ quant_method: 5 }, `describes weights quantised by an unknown method, ${instead}`],
        [{ quant_method: "compressed-tensors" }, `compressed-tensors as "none", ${instead}`],
        [{ quant_method: "compressed-tensors", format: "pack-quantized" }, `as "pack-quantized", ${instead}`],
        [
          { quant_method: "compressed-tensors", format: "float-quantized", sparsity_config: { format: "24" } },
          `describes sparse weights, as "24", ${instead}`,
        ],
        [
          { quant_method: "compressed-tensors", format: "float-quantized", transform_config: { a: 1 } },
          `describes weights that compressed-tensors transformed, ${instead}`,
        ],
        ...[5, [128], [128, 0], [128, 128, 1], [128, "x"], [1.5, 1]].map((weight_block_size): [object, string] => [
          { quant_method: "fp8", weight_block_size },
          `weight_block_size = ${JSON.stringify(weight_block_size)}; expected two whole numbers from 1 on.`,
        ]),
      ];
      for (const [quantization_config, sentence] of cases) {
        const found = await refusal(withConfig({ quantization_config }));
        assert.ok(found.endsWith(sentence), `${found} ⊉ ${sentence}`);
      }
      const read = [
        { quant_method: "fp8" },
        { quant_method: "fp8", weight_block_size: null },
        { quant_method: "fp8", weight_block_size: [1, 1] },
        { quant_method: "fbgemm_fp8" },
        { quant_method: "compressed-tensors", format: "naive-quantized", transform_config: {} },
        { quant_method: "compressed-tensors", format: "float-quantized", sparsity_config: { format: "dense" } },
        { quant_method: "compressed-tensors", format: "float-quantized", sparsity_config: null },
      ];
      for (const quantization_config of read) await openWeights(withConfig({ quantization_config }));
    });
  });

  describe("safetensors", () => {
    /** A matrix of 8-bit floats, (16, 8), with scales of this shape and type beside it. */
    const withScales = (shape: number[], dtype = "F32", block = [8, 4]): string => {
      const header = safetensorsHeader(shapes) as Record<string, { dtype: string; data_offsets: number[] }>;
      const name = "model.layers.0.self_attn.qkv_proj.weight";
      const start = bytesOf(shapes);
      const length = (dtype === "F32" ? 4 : 2) * shape.reduce((a, b) => a * b, 1);
      const matrix = { dtype: "F8_E4M3", shape: [16, 8], data_offsets: [start, start + 128] };
      const scales = { dtype, shape, data_offsets: [start + 128, start + 128 + length] };
      const offsets = header[name]?.data_offsets as number[];
      const filler = { dtype: "F32", shape: [16, 8], data_offsets: offsets };
      const all = {
        ...header,
        [name]: matrix,
        "model.layers.0.rotary_emb.inv_freq": filler,
        [`${name}_scale`]: scales,
      };
      const quantization_config = { quant_method: "fp8", weight_block_size: block };
      return writeModel(folder, { ...tinyConfig, quantization_config }, safetensors(all, start + 128 + length));
    };

    it("in 8-bit floats have one scale, one a row, or one a block, the last of which may be cut", async () => {
      const blockOf = async (path: string) =>
        partsOf((await openWeights(path)).weights).find(({ conversion }) => conversion)?.conversion?.scales?.block;
      assert.deepEqual(await blockOf(withScales([])), [16, 8]);
      assert.deepEqual(await blockOf(withScales([1])), [16, 8]);
      assert.deepEqual(await blockOf(withScales([16, 1])), [1, 8]);
      assert.deepEqual(await blockOf(withScales([2, 2])), [8, 4]);
      assert.deepEqual(await blockOf(withScales([3, 2], "F32", [7, 5])), [7, 5]);
    });

    it("whose scales are of another shape or type are refused with both", async () => {
      const name = /"model\.layers\.0\.self_attn\.qkv_proj\.weight_scale"/;
      for (const shape of [
        [3, 2],
        [2, 3],
        [2, 2, 1],
      ]) {
        const found = await refusal(withScales(shape));
        assert.match(found, name);
        assert.ok(
          found.endsWith(
            `as [${shape.join(", ")}] beside [16, 8]; expected a scale in all, a row, or a block of 8 × 4.`,
          ),
          found,
        );
      }
      assert.match(await refusal(withScales([1], "I16")), /weight_scale" as I16; expected F32, BF16 or F16\.$/);
    });

    it("by an index that is none, or says a thing twice, or names no file, are refused with what it says", async () => {
      const index = join(folder, "model.safetensors.index.json");
      writeFileSync(join(folder, "config.json"), JSON.stringify(tinyConfig));
      const say = async (text: string) => {
        writeFileSync(index, text);
        return refusal(folder);
      };
      for (const text of ["{}", '{"weight_map": null}', '{"weight_map": "x"}', '{"weight_map": [1]}'])
        assert.match(await say(text), /is damaged: it has no weight_map; download it again\.$/);
      assert.match(
        await say('{"weight_map": {"a": "x", "a": "y"}}'),
        /is damaged: it has "a" twice; download it again/,
      );
      assert.match(await say('{"weight_map": {"a": ""}}'), /it says that "a" lies in ""; download/);
      assert.match(await say('{"weight_map": {"a": "x\\\\y"}}'), /it says that "a" lies in/);
      assert.match(
        await say('{"weight_map": {"a": "y.safetensors", "b": "x.safetensors"}}'),
        /lacks x\.safetensors, y\.safetensors, which .*index\.json names: download the model again/,
      );
    });

    it("given alone, or a place that is neither folder nor file, are told what to give", async () => {
      writeModel(folder, tinyConfig, weights);
      assert.match(
        await refusal(join(folder, "model.safetensors")),
        /is one file of a model; give the folder that also holds its config\.json\.$/,
      );
      assert.match(await refusal("/dev/null"), /^\/dev\/null is neither a folder nor a file\.$/);
    });

    it("with a long name in them are refused by its first hundred letters", async () => {
      writeFileSync(join(folder, "config.json"), JSON.stringify(tinyConfig));
      for (const [length, shown] of [
        [100, `"${"x".repeat(100)}"`],
        [101, `"${"x".repeat(100)}…"`],
      ] as const) {
        const map = JSON.stringify({ weight_map: { ["x".repeat(length)]: "/y" } });
        writeFileSync(join(folder, "model.safetensors.index.json"), map);
        const found = await refusal(folder);
        assert.ok(found.includes(`it says that ${shown} lies in "/y"`), found);
      }
    });
  });

  describe("a .gguf file", () => {
    it("is refused where its alignment is none, and read from 8 to 2 ** 20", async () => {
      for (const [type, value, shown] of [
        [4, 4, "4"],
        [4, 2 ** 21, "2097152"],
        [8, "32", "32"],
        [6, 8.5, "8\\.5"],
      ] as const)
        assert.match(
          await refusal(writeFields(["general.alignment", type, value])),
          new RegExp(`general\\.alignment is ${shown}, no power of two from 8 on`),
        );
      const large = 2 ** 20;
      const parts = tinyGguf();
      const fields: GgufField[] = [...tinyFields, ["general.alignment", 4, large]];
      const tensors = parts.tensors.map((tensor, i) => ({ ...tensor, offset: i * large }));
      await openWeights(write({ fields, tensors, dataLength: tensors.length * large, alignment: large }));
    });

    it("is refused where a part of it is missing or says what cannot be", async () => {
      const parts = tinyGguf();
      const without = {
        ...parts,
        tensors: parts.tensors.map((one) => ({ ...one, name: one.name.replace("token_", "") })),
      };
      assert.match(await refusal(write(without)), /holds no tensor "token_embd\.weight": it is no complete model\.$/);
      const cases: [GgufField[], RegExp][] = [
        [[["llama.attention.value_length", 4, 6]], /has keys of 4 and values of 6 numbers a head\.$/],
        [[["llama.attention.head_count_kv", 9, [4, [1, 2, 3, 4, 5]]]], /head_count_kv = \[1,2,3,4\]/],
        [[["llama.context_length", 10, 2 ** 40]], /context_length = 1099511627776; expected a whole number/],
        [[["llama.rope.freq_base", 6, 0]], /freq_base = 0; expected a number above 0/],
        [[["bad\u00e9", 4, 1]], /metadata key.* is no plain text/],
        [[["x".repeat(256), 4, 1]], /is no plain text/],
      ];
      for (const [fields, pattern] of cases) assert.match(await refusal(writeFields(...fields)), pattern);
    });

    it("tells its special ids, a list of equal numbers as one, and stretched embeddings with all their numbers", async () => {
      const { config } = await openWeights(
        writeFields(
          ["tokenizer.ggml.bos_token_id", 4, 0],
          ["tokenizer.ggml.padding_token_id", 4, 9],
          ["tokenizer.ggml.eot_token_id", 4, 5],
          ["tokenizer.ggml.eom_token_id", 4, 2],
          ["llama.attention.head_count_kv", 9, [4, [1, 1, 1]]],
          ["llama.attention.layer_norm_rms_epsilon", 6, 1.2345678e-5],
          ["llama.rope.freq_base", 6, 500_000],
          ["llama.rope.scaling.type", 8, "yarn"],
          ["llama.rope.scaling.factor", 6, 4],
          ["llama.rope.scaling.original_context_length", 4, 16],
          ["llama.rope.scaling.yarn_beta_fast", 6, 16],
          ["llama.rope.scaling.yarn_beta_slow", 6, 2],
        ),
      );
      assert.deepEqual([config.bos_token_id, config.pad_token_id, config.eos_token_id], [0, 9, [2, 5]]);
      assert.deepEqual([config.num_key_value_heads, config.rms_norm_eps], [1, 1.2345678e-5]);
      assert.deepEqual(config.rope_parameters, {
        ...{ rope_type: "yarn", rope_theta: 500_000, partial_rotary_factor: 1, factor: 4 },
        ...{ original_max_position_embeddings: 16, beta_fast: 16, beta_slow: 2 },
      });
      const none = (await openWeights(writeFields(["tokenizer.ggml.bos_token_id", 6, 1.5]))).config;
      assert.deepEqual([none.bos_token_id, none.pad_token_id], [null, null]);
    });

    it("stretches embeddings linearly by either of the two names for it", async () => {
      const rope = async (...fields: GgufField[]) => (await openWeights(writeFields(...fields))).config.rope_parameters;
      const plain = { rope_theta: 10_000, partial_rotary_factor: 1 };
      const linear = { ...plain, rope_type: "linear", factor: 4 };
      assert.deepEqual(await rope(["llama.rope.scale_linear", 6, 4]), linear);
      assert.deepEqual(
        await rope(["llama.rope.scaling.type", 8, "linear"], ["llama.rope.scaling.factor", 6, 4]),
        linear,
      );
      assert.deepEqual(await rope(["llama.rope.scaling.type", 8, "none"], ["llama.rope.scaling.factor", 6, 4]), {
        ...plain,
        rope_type: "default",
      });
    });

    it("that has only one of LongRoPE's two lists is damaged, and one of another type is named", async () => {
      const parts = tinyGguf();
      const add = (name: string, type: number): string => {
        const tensor = { name, shape: [2], type, offset: parts.dataLength };
        return write({ ...parts, tensors: [...parts.tensors, tensor], dataLength: parts.dataLength + 32 });
      };
      for (const which of ["short", "long"])
        assert.match(
          await refusal(add(`rope_factors_${which}.weight`, 0)),
          new RegExp(`holds rope_factors_${which}\\.weight without the other one: it is damaged`),
        );
      assert.match(await refusal(add("rope_freqs.weight", 1)), /holds rope_freqs\.weight as F16; expected F32\.$/);
    });
  });

  it("in a folder that holds none of it are named", async () => {
    mkdirSync(join(folder, "empty"));
    assert.match(await refusal(join(folder, "empty")), /no config\.json/);
  });
});
