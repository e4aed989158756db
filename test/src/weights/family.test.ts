/** What configurations of the whole family mean: rotary frequencies, windows, layers; see test/golden/make_family.py. */
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openWeights, readConfig } from "../../../src/weights";
import { architectureOf, checkArchitecture } from "../../../src/weights/architecture";
import { readGguf } from "../../../src/weights/gguf";
import { ggufConfig } from "../../../src/weights/gguf_config";
import {
  bytesOf,
  gguf,
  type GgufField,
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

const family = join(__dirname, "..", "..", "golden", "family");

interface Frequencies {
  config: object;
  frequencies: number[];
  long?: number[];
  factor: number;
}
const frequencies = JSON.parse(readFileSync(join(family, "frequencies.json"), "utf8")) as Record<string, Frequencies>;

describe("the family's configurations", () => {
  let folder: string;
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const read = async (config: object) => {
    writeFileSync(join(folder, "config.json"), JSON.stringify(config));
    const found = await readConfig(folder);
    checkArchitecture(found, (what) => assert.fail(what));
    return { found, architecture: architectureOf(found) };
  };

  for (const [name, { config, frequencies: theirs, long, factor }] of Object.entries(frequencies))
    it(`give transformers' rotary frequencies to the last bit but one: ${name}`, async () => {
      const { rotary } = (await read(config)).architecture;
      const alike = (mine: number[] | undefined, wanted: number[]) => {
        assert.equal(mine?.length, wanted.length);
        for (const [i, value] of wanted.entries())
          assert.ok(
            Math.abs((mine?.[i] as number) - value) <= 2 ** -23 * value,
            `pair ${i}: ${mine?.[i]}, not ${value}`,
          );
      };
      alike(rotary.frequencies, theirs);
      if (long) alike(rotary.long?.frequencies, long);
      else assert.equal(rotary.long, undefined);
      assert.ok(Math.abs(rotary.factor - factor) <= 1e-12);
    });

  it('call LongRoPE "su" or "yarn" in old files of Phi-3, with its length beside', async () => {
    const { rope_parameters, ...rest } = JSON.parse(readFileSync(join(family, "phi3_128k", "config.json"), "utf8"));
    const wanted = (await read({ ...rest, rope_parameters })).architecture;
    assert.equal(wanted.rotary.long?.from, 8);
    const { short_factor, long_factor } = rope_parameters;
    for (const type of ["su", "yarn", "longrope"]) {
      const { architecture } = await read({
        ...rest,
        rope_theta: 10000,
        rope_scaling: { type, short_factor, long_factor },
      });
      assert.deepEqual(architecture, wanted, type);
    }
    const { architecture } = await read({ ...rest, rope_parameters, original_max_position_embeddings: undefined });
    assert.equal(architecture.rotary.long?.from, 4096);
  });

  it("say in which layers a window holds, as transformers' classes take them", async () => {
    const base = { ...tinyConfig, num_hidden_layers: 4, num_key_value_heads: 2, sliding_window: 16 };
    const { sliding_window: _, ...without } = base;
    const chosen = ["full_attention", "sliding_attention", "full_attention", "sliding_attention"];
    const cases: [object, number[]][] = [
      [{ ...base, model_type: "phi3" }, [16, 16, 16, 16]],
      [{ ...base, model_type: "phi3", sliding_window: null }, [0, 0, 0, 0]],
      [{ ...without, model_type: "phi3" }, [0, 0, 0, 0]],
      [{ ...base, model_type: "phi3", sliding_window: 262144 }, [0, 0, 0, 0]],
      [{ ...base, model_type: "llama" }, [0, 0, 0, 0]],
      [{ ...base, model_type: "mistral" }, [16, 16, 16, 16]],
      [{ ...base, model_type: "mistral", sliding_window: null }, [0, 0, 0, 0]],
      [{ ...without, model_type: "mistral", max_position_embeddings: 32768 }, [4096, 4096, 4096, 4096]],
      [{ ...base, model_type: "qwen2" }, [0, 0, 0, 0]],
      [{ ...base, model_type: "qwen2", use_sliding_window: false, max_window_layers: 2 }, [0, 0, 0, 0]],
      [{ ...base, model_type: "qwen2", use_sliding_window: true, max_window_layers: 3 }, [0, 0, 0, 16]],
      [{ ...base, model_type: "qwen2", use_sliding_window: true, max_window_layers: 0 }, [16, 16, 16, 16]],
      [{ ...base, model_type: "qwen3", use_sliding_window: true, layer_types: chosen }, [0, 16, 0, 16]],
      [{ ...base, model_type: "smollm3", use_sliding_window: true }, [0, 0, 0, 16]],
    ];
    for (const [config, windows] of cases)
      assert.deepEqual((await read(config)).architecture.windows, windows, JSON.stringify(config));
  });

  it("say which layers do not rotate, and what their classes take where nothing is said", async () => {
    const { num_key_value_heads: _, ...base } = {
      ...tinyConfig,
      num_hidden_layers: 5,
      num_attention_heads: 32,
      hidden_size: 256,
    };
    const smollm3 = await read({ ...base, model_type: "smollm3" });
    assert.deepEqual(smollm3.architecture.unrotated, [3]);
    assert.deepEqual(
      (await read({ ...base, model_type: "smollm3", no_rope_layer_interval: 2 })).architecture.unrotated,
      [1, 3],
    );
    assert.deepEqual(
      (await read({ ...base, model_type: "smollm3", no_rope_layers: [1, 0, 1, 1, 0] })).architecture.unrotated,
      [1, 4],
    );
    assert.equal(smollm3.found.tie_word_embeddings, true);
    assert.deepEqual((await read({ ...base, model_type: "qwen3" })).architecture.unrotated, []);
    const facts = async (model_type: string) => {
      const { found } = await read({ ...base, model_type, max_position_embeddings: undefined });
      return [
        found.num_key_value_heads,
        found.head_dim,
        found.max_position_embeddings,
        found.rope_parameters.rope_theta,
      ];
    };
    assert.deepEqual(await facts("phi3"), [32, 8, 4096, 10_000]);
    assert.deepEqual(await facts("llama"), [32, 8, 2048, 10_000]);
    assert.deepEqual(await facts("mistral"), [8, 8, 131_072, 10_000]);
    assert.deepEqual(await facts("qwen2"), [32, 8, 32_768, 10_000]);
    assert.deepEqual(await facts("qwen3"), [32, 128, 32_768, 10_000]);
    assert.deepEqual(await facts("smollm3"), [4, 8, 32_768, 2_000_000]);
  });

  it("may hold Python's NaN and infinities, which count as nothing, but not in a string", async () => {
    const text = JSON.stringify({ ...tinyConfig, note: 'NaN "Infinity"', rms_norm_eps: 0, more: [1, 2] });
    writeFileSync(
      join(folder, "config.json"),
      text.replace('"rms_norm_eps":0', '"rms_norm_eps":NaN').replace("[1,2]", "[-Infinity,NaN,Infinity]"),
    );
    assert.equal((await readConfig(folder)).rms_norm_eps, 1e-5);
  });

  it("of Qwen2 have biases whatever they say of them, of the others only where a file has them", async () => {
    const base = { ...tinyConfig, num_key_value_heads: 2 };
    for (const more of [{}, { attention_bias: true }, { attention_bias: false }])
      assert.equal((await read({ ...base, model_type: "qwen2", ...more })).found.attention_bias, true);
    assert.equal((await read({ ...base, model_type: "llama" })).found.attention_bias, false);
    await assert.rejects(
      read({ ...base, model_type: "llama", attention_bias: true }),
      /a bias of the attention's output/,
    );
  });

  it("without a bias are not given one in silence", async () => {
    const shapes = { ...tinyShapes(), "model.layers.0.self_attn.o_proj.bias": [8] };
    writeModel(folder, tinyConfig, safetensors(safetensorsHeader(shapes), bytesOf(shapes)));
    await assert.rejects(
      openWeights(folder),
      /the bias model\.layers\.0\.self_attn\.o_proj\.bias, which Phi3's layers have not/,
    );
  });

  describe("in GGUF files", () => {
    /** A Llama's file with other fields, and with tensors of numbers behind its own. */
    const opened = (fields: GgufField[], tensors: Record<string, number[]> = {}) => {
      const parts = withFields(...fields);
      const numbers = Object.entries(tensors);
      const start = parts.dataLength;
      for (const [i, [name, values]] of numbers.entries())
        parts.tensors.push({ name, shape: [values.length], type: 0, offset: start + 32 * i });
      const file = gguf({
        ...parts,
        dataLength: start + 32 * numbers.length,
      });
      for (const [i, [, values]] of numbers.entries())
        for (const [k, value] of values.entries())
          file.writeFloatLE(value, file.length - 32 * (numbers.length - i) + 4 * k);
      const path = join(folder, "tiny.gguf");
      writeFileSync(path, file);
      return openWeights(path);
    };

    it("have divisors of frequencies as a tensor, and those that divide by 1 change nothing", async () => {
      const plain = (await opened([])).architecture.rotary;
      assert.deepEqual((await opened([], { "rope_freqs.weight": [1, 1] })).architecture.rotary, plain);
      const { rotary } = (await opened([], { "rope_freqs.weight": [1, 8] })).architecture;
      assert.deepEqual(rotary.frequencies, [plain.frequencies[0], Math.fround((plain.frequencies[1] as number) / 8)]);
      await assert.rejects(opened([], { "rope_freqs.weight": [1, 8, 3] }), /3 numbers in freq_factors; expected 2/);
      await assert.rejects(
        opened([], { "rope_factors_long.weight": [1, 8] }),
        /rope_factors_long\.weight without the other/,
      );
    });

    it("have them in whichever part of a split file they lie", async () => {
      const whole = tinyGguf();
      const split = (no: number): GgufField[] => [
        ["split.no", 2, no],
        ["split.count", 2, 2],
        ["split.tensors.count", 5, whole.tensors.length + 1],
      ];
      const first = join(folder, "tiny-00001-of-00002.gguf");
      writeFileSync(first, gguf({ ...whole, fields: [...tinyFields, ...split(0)] }));
      const second = gguf({
        fields: split(1),
        tensors: [{ name: "rope_freqs.weight", shape: [2], type: 0, offset: 0 }],
        dataLength: 32,
      });
      second.writeFloatLE(1, second.length - 32);
      second.writeFloatLE(8, second.length - 28);
      writeFileSync(join(folder, "tiny-00002-of-00002.gguf"), second);
      assert.deepEqual((await openWeights(first)).config.rope_parameters.freq_factors, [1, 8]);
    });

    it("stretch linearly by either of two keys", async () => {
      const [plain] = (await opened([])).architecture.rotary.frequencies.slice(1);
      const linear: GgufField[] = [
        ["llama.rope.scaling.type", 8, "linear"],
        ["llama.rope.scaling.factor", 6, 4],
      ];
      for (const fields of [linear, [["llama.rope.scale_linear", 6, 4] as GgufField]]) {
        const { rotary } = (await opened(fields)).architecture;
        assert.equal(rotary.frequencies[1], Math.fround((plain as number) / 4));
      }
      const none: GgufField[] = [
        ["llama.rope.scaling.type", 8, "none"],
        ["llama.rope.scaling.factor", 6, 4],
      ];
      assert.equal((await opened(none)).architecture.rotary.frequencies[1], plain);
    });

    it("name every token that ends a text, those of the chat in their vocabulary too", async () => {
      const ends = async (tokens: string[], architecture = "llama") => {
        const fields = tinyFields.map(
          ([key, ...rest]): GgufField => [key.replace("llama.", `${architecture}.`), ...rest],
        );
        fields[0] = ["general.architecture", 8, architecture];
        const path = join(folder, "ends.gguf");
        writeFileSync(path, gguf({ ...tinyGguf(), fields: [...fields, ["tokenizer.ggml.tokens", 9, [8, tokens]]] }));
        return (await ggufConfig(await readGguf(path))).eos_token_id.sort();
      };
      assert.deepEqual(await ends(["a", "b", "</s>", "d"]), [2]);
      assert.deepEqual(await ends(["<|end_of_text|>", "<|eom_id|>", "<|eot_id|>", "<|im_end|>"]), [0, 1, 2]);
      assert.deepEqual(await ends(["<|endoftext|>", "b", "<|im_end|>"]), [2]); // SmolLM2 ends where its key says
      assert.deepEqual(await ends(["<|endoftext|>", "b", "<|im_end|>"], "qwen2"), [0, 2]);
      assert.deepEqual(await ends(["<|endoftext|>", "b", "<|im_end|>"], "qwen3"), [0, 2]);
      assert.deepEqual(await ends(["<|endoftext|>", "<|end|>", "c", "<|assistant|>"], "phi3"), [0, 1, 2, 3]);
    });

    it("have the window that they name, that of Mistral 7B v0.1, or none", async () => {
      const sizes = (theta: number): GgufField[] => [
        ["llama.context_length", 4, 32768],
        ["llama.block_count", 4, 32],
        ["llama.embedding_length", 4, 4096],
        ["llama.feed_forward_length", 4, 14336],
        ["llama.attention.head_count", 4, 32],
        ["llama.attention.head_count_kv", 4, 8],
        ["llama.rope.freq_base", 6, theta],
      ];
      const window = async (fields: GgufField[]) => {
        const path = join(folder, "sizes.gguf");
        writeFileSync(path, gguf(withFields(...fields)));
        return (await ggufConfig(await readGguf(path))).sliding_window;
      };
      assert.equal(await window([]), null);
      assert.equal(await window([["llama.attention.sliding_window", 4, 7]]), 7);
      assert.equal(await window([["llama.attention.sliding_window", 4, 0]]), null);
      assert.equal(await window(sizes(10_000)), 4096);
      assert.equal(await window(sizes(1_000_000)), null);
      assert.equal(await window([...sizes(10_000), ["llama.attention.sliding_window", 4, 0]]), null);
    });
  });
});
