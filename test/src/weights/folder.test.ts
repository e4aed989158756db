/** Folders of safetensors are opened as transformers reads them, and damaged ones are answered by sentences. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openWeights, partsOf } from "../../../src/weights";
import {
  bytesOf,
  rejects,
  safetensors,
  safetensorsHeader,
  temporaryFolder,
  tinyConfig,
  tinyShapes,
  writeModel,
} from "./files";
import { referencePython } from "../reference";

const shapes = tinyShapes();
const dataLength = bytesOf(shapes);

describe("openWeights of a folder", function () {
  this.timeout(60_000);
  let folder: string;
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("finds every tensor of one file where it lies", async () => {
    writeModel(folder, tinyConfig, safetensors(safetensorsHeader(shapes), dataLength));
    const { config, files, weights } = await openWeights(folder);
    assert.deepEqual(files, [join(folder, "model.safetensors")]);
    assert.deepEqual(Object.fromEntries(partsOf(weights).map(({ name, shape }) => [name, shape])), shapes);
    assert.equal(config.head_dim, 4);
    assert.deepEqual(config.eos_token_id, [3]);
    const last = partsOf(weights).find(({ name }) => name === "lm_head.weight");
    assert.equal((last?.offset ?? 0) + 320, readFileSync(join(folder, "model.safetensors")).length);
  });

  it("reads what transformers saved: the same configuration, and the same numbers at the offsets it names", async function () {
    const python = referencePython(this, "torch", "transformers");
    const code = `
import json, sys, torch
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, Phi3Config, Phi3ForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM, SmolLM3Config, SmolLM3ForCausalLM
torch.manual_seed(0)
out = {}
common = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, vocab_size=40, pad_token_id=0)
for name, C, M, more in [("phi3", Phi3Config, Phi3ForCausalLM, dict(sliding_window=7, eos_token_id=[1, 2])), ("llama", LlamaConfig, LlamaForCausalLM, dict(tie_word_embeddings=True, head_dim=8, rms_norm_eps=1e-6)), ("mistral", MistralConfig, MistralForCausalLM, {}), ("qwen2", Qwen2Config, Qwen2ForCausalLM, dict(use_sliding_window=True, max_window_layers=1)), ("qwen3", Qwen3Config, Qwen3ForCausalLM, {}), ("smollm3", SmolLM3Config, SmolLM3ForCausalLM, {}), ("shards", Phi3Config, Phi3ForCausalLM, {})]:
    c = C(**common, **more)
    m = M(c).to(torch.bfloat16 if name == "shards" else torch.float32)
    m.save_pretrained(sys.argv[1] + "/" + name, max_shard_size="4KB" if name == "shards" else "1GB")
    r = c.rope_parameters
    h = getattr(c, "head_dim", None) or c.hidden_size // c.num_attention_heads
    out[name] = dict(config=dict(model_type=c.model_type, head_dim=h, num_key_value_heads=c.num_key_value_heads, rms_norm_eps=c.rms_norm_eps, rope_parameters={k: r.get(k, v) for k, v in dict(rope_type="default", rope_theta=0, partial_rotary_factor=1).items()}, sliding_window=getattr(c, "sliding_window", None), tie_word_embeddings=c.tie_word_embeddings, max_position_embeddings=c.max_position_embeddings, vocab_size=c.vocab_size),
      sums={k: [list(v.shape), v.float().flatten()[0].item(), v.float().flatten()[-1].item()] for k, v in m.state_dict().items()})
print(json.dumps(out))`;
    const output = execFileSync(python, ["-c", code, folder], { stdio: ["ignore", "pipe", "ignore"] });
    const reference = JSON.parse(output.toString());
    for (const [name, { config, sums }] of Object.entries<Reference>(reference)) {
      const opened = await openWeights(join(folder, name));
      for (const [key, value] of Object.entries(config)) {
        assert.deepEqual(opened.config[key as keyof typeof opened.config], value, `${name}: ${key}`);
      }
      if (name === "phi3") assert.deepEqual(opened.config.eos_token_id, [1, 2]);
      if (name === "shards") assert.ok(opened.files.length > 1);
      const bytes = opened.files.map((file) => readFileSync(file));
      for (const { name: tensor, shape, type, file, offset } of partsOf(opened.weights)) {
        const count = shape.reduce((a, b) => a * b, 1);
        const number = (i: number) => {
          const buffer = bytes[file] as Buffer;
          if (type === "F32") return buffer.readFloatLE(offset + 4 * i);
          const wide = Buffer.alloc(4);
          wide.writeUInt16LE(buffer.readUInt16LE(offset + 2 * i), 2);
          return wide.readFloatLE(0);
        };
        assert.deepEqual([shape, number(0), number(count - 1)], sums[tensor], `${name}: ${tensor}`);
      }
      const tied = config.tie_word_embeddings ? 1 : 0;
      assert.equal(partsOf(opened.weights).length, Object.keys(sums).length - tied);
    }
  });

  it("merges generation_config.json's ends of text into config.json's", async () => {
    writeModel(folder, tinyConfig, safetensors(safetensorsHeader(shapes), dataLength));
    writeFileSync(join(folder, "generation_config.json"), '{"eos_token_id": [3, 7, 9]}');
    assert.deepEqual((await openWeights(folder)).config.eos_token_id, [3, 7, 9]);
  });

  it("refuses with a sentence what the forward pass does not compute", async () => {
    const file = safetensors(safetensorsHeader(shapes), dataLength);
    const cases: [object, RegExp][] = [
      [{ model_type: "gpt2" }, /type "gpt2"; phi3lab runs "phi3", "llama", "mistral", "qwen2", "qwen3" and "smollm3"/],
      [{ model_type: undefined }, /type unknown/],
      [
        { rope_scaling: { type: "longrope", long_factor: [1, 2] } },
        /stretched by "longrope", but gives no short_factor/,
      ],
      [
        { rope_scaling: { type: "su", short_factor: [1], long_factor: [1, 2] } },
        /1 numbers in short_factor; expected 2/,
      ],
      [
        { rope_scaling: { type: "su", short_factor: [1, 0], long_factor: [1, 2] } },
        /short_factor = \[1,0\]; expected a list/,
      ],
      [{ rope_parameters: { rope_type: "llama3", factor: 8 } }, /"llama3", but gives no low_freq_factor/],
      [{ num_hidden_layers: 2e9, model_type: "smollm3" }, /num_hidden_layers = 2000000000; expected .* to 4096/],
      [{ rope_parameters: { rope_type: "linear", factor: 0 } }, /numbers that give no angles: .*"factor":0/],
      [{ rope_parameters: { rope_type: "linear", factor: -2 } }, /factor = -2; expected a number from 0 on/],
      [
        { rope_scaling: { type: "mrope" } },
        /stretched by "mrope"; phi3lab computes default, dynamic, linear, llama3, yarn, longrope/,
      ],
      [
        { partial_rotary_factor: 0.75 },
        /partial_rotary_factor = 0\.75, 3 of a head's 4 numbers; expected an even number/,
      ],
      [{ rope_parameters: { partial_rotary_factor: 1.5 } }, /partial_rotary_factor = 1\.5/],
      [{ attention_bias: true }, /attention_bias/],
      [{ model_type: "gemma2" }, /"gemma2", whose scores are capped/],
      [
        { model_type: "mixtral", quantization_config: { quant_method: "gptq" } },
        /"mixtral", whose layers are mixtures of experts/,
      ],
      [{ model_type: "phimoe" }, /"phimoe", whose layers are mixtures of experts/],
      [{ model_type: "phi3small" }, /"phi3small", whose attention is block-sparse/],
      [{ model_type: "phi4flash" }, /"phi4flash", whose layers are state spaces/],
      [{ model_type: "phi4mm" }, /"phi4mm", which reads images/],
      [{ model_type: "phi3_v" }, /"phi3_v", which reads images/],
      [{ model_type: "qwen2_5_vl" }, /"qwen2_5_vl", which reads images/],
      [
        { model_type: "qwen3", use_sliding_window: true, layer_types: ["full_attention"] },
        /layer_types = \["full_attention"\]; expected a list of 2/,
      ],
      [
        { model_type: "qwen3", use_sliding_window: true, layer_types: ["full_attention", "chunked"] },
        /a layer of type "chunked"/,
      ],
      [{ model_type: "smollm3", no_rope_layers: 4 }, /no_rope_layers = 4; expected a list of 2/],
      [{ hidden_act: "gelu" }, /activation "gelu"/],
      [{ hidden_size: "8" }, /hidden_size = "8"; expected a whole number/],
      [{ num_hidden_layers: 0 }, /num_hidden_layers = 0/],
      [{ num_attention_heads: 3 }, /head_dim|multiple/],
      [{ num_key_value_heads: 3 }, /2 heads and 3 key-value heads/],
      [{ rms_norm_eps: -1 }, /rms_norm_eps = -1/],
      [{ vocab_size: 11 }, /embed_tokens\.weight as \[10, 8\]; its configuration asks for \[11, 8\]/],
      [{ num_hidden_layers: 3 }, /lacks the tensor model\.layers\.2\./],
    ];
    for (const [change, pattern] of cases) {
      writeModel(folder, { ...tinyConfig, ...change }, file);
      await rejects(folder, pattern, folder);
    }
  });

  it("says of weights from another model that they do not belong here", async () => {
    const bert = { "embeddings.word_embeddings.weight": [10, 8] };
    writeModel(folder, tinyConfig, safetensors(safetensorsHeader(bert), 320));
    await rejects(folder, /lacks the tensor model\.embed_tokens\.weight/, /do not belong/);
    writeModel(
      folder,
      tinyConfig,
      safetensors(safetensorsHeader({ ...shapes, "lm_head.bias": [10] }), dataLength + 40),
    );
    await rejects(folder, /the bias lm_head\.bias/);
  });

  it("catches every lie of a safetensors header", async () => {
    const header = safetensorsHeader(shapes);
    const norm = { dtype: "F32", shape: [8], data_offsets: [dataLength, dataLength + 32] };
    const lies: [string, Buffer, RegExp][] = [
      ["empty", Buffer.alloc(0), /has 0 bytes/],
      ["cut in the header", safetensors(header, dataLength).subarray(0, 60), /ends inside its header/],
      ["cut in the data", safetensors(header, dataLength - 1), /truncated or damaged/],
      ["more than it says", safetensors(header, dataLength + 1), /1 bytes follow/],
      ["a text file", Buffer.from("hello, this is no model\n"), /no safetensors file/],
      ["a pointer", Buffer.from("version https://git-lfs.github.com/spec/v1\noid sha256:abc\n"), /git lfs pull/],
      ["no JSON", safetensors("{nonsense", 0), /not JSON/],
      ["a list", safetensors("[]", 0), /no JSON object/],
      ["not UTF-8", Buffer.concat([safetensors("", 0).fill(3, 0, 1), Buffer.from([0x22, 0xff, 0x22])]), /UTF-8/],
      ["unknown dtype", safetensors({ a: { ...norm, dtype: "F12" } }, 32), /unknown dtype "F12"/],
      ["dtype of an object's own", safetensors({ a: { ...norm, dtype: "constructor" } }, 32), /unknown dtype/],
      ["negative shape", safetensors({ a: { ...norm, shape: [-8] } }, 32), /shape \[-8\]/],
      ["fractions", safetensors({ a: { ...norm, shape: [0.5] } }, 32), /shape \[0\.5\]/],
      ["endless shape", safetensors({ a: { ...norm, shape: [2 ** 40, 2 ** 40] } }, 32), /takes 32 bytes/],
      ["three offsets", safetensors({ a: { ...norm, data_offsets: [0, 1, 2] } }, 32), /offsets \[0,1,2\]/],
      ["backwards", safetensors({ a: { ...norm, data_offsets: [32, 0] } }, 32), /takes -32 bytes/],
      ["null", safetensors({ a: null }, 0), /nothing of use/],
      [
        "overlap",
        safetensors({ ...header, z: { ...norm, data_offsets: [0, 32] } }, dataLength),
        /where \d+ is expected/,
      ],
      [
        "hole",
        safetensors({ ...header, z: { ...norm, data_offsets: [dataLength + 4, dataLength + 36] } }, dataLength + 36),
        /where \d+ is expected/,
      ],
      ["beyond the end", safetensors({ ...header, z: norm }, dataLength), /would end at byte/],
      ["twice", safetensors(`{"a":${JSON.stringify(norm)}, "\\u0061" :${JSON.stringify(norm)}}`, 32), /has "a" twice/],
      [
        "odd address",
        safetensors(JSON.stringify(header).padEnd(8 * 300 + 1), dataLength),
        /at byte \d+, no multiple of 4/,
      ],
    ];
    for (const [what, file, pattern] of lies) {
      writeModel(folder, tinyConfig, file);
      await rejects(folder, pattern, join(folder, "model.safetensors")).catch((error: Error) => {
        error.message = `${what}: ${error.message}`;
        throw error;
      });
    }
    const length = Buffer.alloc(16);
    length.writeBigUInt64LE(2n ** 63n);
    writeModel(folder, tinyConfig, length);
    await rejects(folder, /exceed 100 MB/);
  });

  it("opens shards by their index, and names the shard that is missing or foreign", async () => {
    const names = Object.keys(shapes);
    const halves = [names.slice(0, 6), names.slice(6)].map((half) =>
      Object.fromEntries(half.map((name) => [name, shapes[name] as number[]])),
    );
    const files = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    const write = () => {
      for (const [i, half] of halves.entries())
        writeFileSync(join(folder, files[i] as string), safetensors(safetensorsHeader(half), bytesOf(half)));
    };
    const weight_map = Object.fromEntries(
      halves.flatMap((half, i) => Object.keys(half).map((name) => [name, files[i]])),
    );
    const index = join(folder, "model.safetensors.index.json");
    writeFileSync(join(folder, "config.json"), JSON.stringify(tinyConfig));
    writeFileSync(index, JSON.stringify({ weight_map }));
    write();
    const steps: number[][] = [];
    const opened = await openWeights(folder, { onFile: (done, total) => steps.push([done, total]) });
    assert.deepEqual(
      opened.files,
      files.map((file) => join(folder, file)),
    );
    assert.equal(partsOf(opened.weights).length, names.length);
    assert.deepEqual(steps, [
      [1, 2],
      [2, 2],
    ]);

    rmSync(join(folder, files[1] as string));
    await rejects(folder, /lacks model-00002-of-00002\.safetensors/, /download/);
    writeFileSync(join(folder, files[1] as string), safetensors(safetensorsHeader({ other: [8] }), 32));
    await rejects(folder, /holds the tensor "other"/, /different models/);
    write();
    const wrong = (map: unknown, pattern: RegExp) => {
      writeFileSync(index, JSON.stringify({ weight_map: map }));
      return rejects(folder, pattern, "index.json");
    };
    await wrong({ ...weight_map, more: files[0] }, /lacks the tensor "more"/);
    await wrong({ a: "../../etc/passwd" }, /"a" lies in "\.\.\/\.\./);
    await wrong({ a: "/etc/passwd" }, /"a" lies in/);
    await wrong({ a: 5 }, /"a" lies in "5"/);
    await wrong([], /no weight_map/);
    await wrong({}, /empty/);
    writeFileSync(index, '{"weight_map"');
    await rejects(folder, /no JSON object/);
  });

  it("says of a place without a model what it expected there", async () => {
    await rejects(join(folder, "nowhere"), /no model at/, "nowhere");
    await rejects(folder, /no config\.json/);
    writeFileSync(join(folder, "config.json"), JSON.stringify(tinyConfig));
    await rejects(folder, /neither model\.safetensors nor/);
    writeFileSync(join(folder, "small.gguf"), "");
    await rejects(folder, /expected the path of small\.gguf instead/);
    writeFileSync(join(folder, "config.json"), '{"model_type": "ph');
    await rejects(folder, /no JSON object/, /truncated/);
    mkdirSync(join(folder, "x.gguf"));
    await rejects(join(folder, "x.gguf"), /no config\.json/);
  });
});

interface Reference {
  config: Record<string, unknown>;
  sums: Record<string, [number[], number, number]>;
}
