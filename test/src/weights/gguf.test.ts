/** GGUF files are opened as gguf-py reads them, and what they say wrongly is answered by sentences. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { defaultModel } from "../../../src/hub";
import { openWeights, partsOf, WeightsError } from "../../../src/weights";
import {
  gguf,
  type GgufField,
  type GgufParts,
  rejects,
  temporaryFolder,
  tinyFields,
  tinyGguf,
  withFields,
} from "./files";
import { referencePython } from "../reference";

describe("openWeights of a .gguf file", function () {
  this.timeout(60_000);
  let folder: string;
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const write = (parts: GgufParts | Buffer): string => {
    const file = join(folder, "tiny.gguf");
    writeFileSync(file, Buffer.isBuffer(parts) ? parts : gguf(parts));
    return file;
  };

  it("reads versions 2 and 3", async () => {
    for (const version of [2, 3]) {
      const { config, weights } = await openWeights(write({ ...tinyGguf(), version }));
      assert.equal(partsOf(weights).length, 11);
      assert.deepEqual(partsOf(weights).find(({ name }) => name === "blk.0.ffn_down.weight")?.shape, [8, 12]);
      assert.deepEqual(
        [config.rms_norm_eps, config.rope_parameters.rope_theta, config.tie_word_embeddings, config.vocab_size],
        [1e-5, 10_000, true, 10],
      );
    }
  });

  it("reads SmolLM2's file as gguf-py does", async function () {
    const python = referencePython(this, "gguf");
    const file = await defaultModel({ print: () => undefined });
    if (!file.endsWith(".gguf")) this.skip();
    const code = `import json, sys
from gguf import GGUFReader
r = GGUFReader(sys.argv[1])
print(json.dumps([[t.name, t.tensor_type.name, [int(n) for n in reversed(t.shape)], int(t.data_offset)] for t in r.tensors]))`;
    const expected = JSON.parse(execFileSync(python, ["-c", code, file], { encoding: "utf8", maxBuffer: 1e8 }));
    const { weights, config } = await openWeights(file);
    assert.deepEqual(
      new Map(partsOf(weights).map(({ name, type, shape, offset }) => [name, [type, shape, offset]])),
      new Map(expected.map(([name, ...facts]: [string, ...unknown[]]) => [name, facts])),
    );
    const { hidden_size, num_hidden_layers, num_key_value_heads, head_dim, eos_token_id, bos_token_id } = config;
    const facts = [
      hidden_size,
      num_hidden_layers,
      num_key_value_heads,
      head_dim,
      config.rope_parameters.rope_theta,
      eos_token_id,
      bos_token_id,
    ];
    assert.deepEqual(facts, [576, 30, 3, 64, 100_000, [2], 1]);
  });

  it("reads a Phi-3: stacked weights, sliding window, the end of a chat's turn", async () => {
    const fields = tinyFields.map(([key, ...rest]): GgufField => [key.replace("llama.", "phi3."), ...rest]);
    fields[0] = ["general.architecture", 8, "phi3"];
    fields.push(["phi3.attention.sliding_window", 4, 7], ["phi3.rope.scaling.original_context_length", 4, 64]);
    fields.push(["tokenizer.ggml.tokens", 9, [8, ["a", "b", "c", "<|end|>", "<|assistant|>"]]]);
    const parts = tinyGguf();
    parts.tensors = parts.tensors.filter(({ name }) => !/attn_[qk]\.|ffn_gate/.test(name));
    let offset = 0;
    for (const tensor of parts.tensors) {
      if (tensor.name.includes("attn_v")) Object.assign(tensor, { name: "blk.0.attn_qkv.weight", shape: [8, 16] });
      if (tensor.name.includes("ffn_up")) tensor.shape = [8, 24];
      tensor.offset = offset;
      offset += Math.ceil((4 * tensor.shape.reduce((a, b) => a * b, 1)) / 32) * 32;
    }
    const { config } = await openWeights(write({ ...parts, fields, dataLength: offset }));
    assert.equal(config.sliding_window, 7);
    assert.deepEqual(config.eos_token_id, [2, 4, 3]);
  });

  it("finds the data behind the alignment that the file names", async () => {
    for (const alignment of [8, 64, 4096]) {
      const parts = withFields(["general.alignment", 4, alignment]);
      const tensors = parts.tensors.map((tensor, i) => ({ ...tensor, offset: i * 4096 }));
      const file = gguf({ ...parts, tensors, dataLength: tensors.length * 4096, alignment });
      const start = file.length - tensors.length * 4096;
      assert.equal(start % alignment, 0);
      const { weights } = await openWeights(write(file));
      assert.deepEqual(
        partsOf(weights).map(({ name, offset }) => [name, offset]),
        tensors.map(({ name, offset }) => [name, start + offset]),
      );
    }
  });

  it("refuses with a sentence what the forward pass does not compute", async () => {
    const cases: [GgufParts, RegExp][] = [
      [
        withFields(["general.architecture", 8, "gemma"]),
        /architecture "gemma", whose .*; phi3lab runs "phi3", "llama", "qwen2", "qwen3" and "smollm3"/,
      ],
      [withFields(["general.architecture", 4, 5]), /architecture unknown/],
      [withFields(["llama.rope.dimension_count", 4, 3]), /partial_rotary_factor = 0\.75/],
      [withFields(["llama.rope.scaling.type", 8, "mrope"]), /stretched by "mrope"/],
      [withFields(["general.architecture", 8, "qwen3moe"]), /"qwen3moe", whose layers are mixtures of experts/],
      [withFields(["llama.expert_count", 4, 8]), /mixture of experts/],
      [withFields(["llama.attention.head_count_kv", 9, [4, [1, 2]]]), /head_count_kv = \[1,2\]/],
      [withFields(["llama.attention.head_count", 4, 0]), /head_count = 0/],
      [withFields(["llama.context_length", 8, "long"]), /context_length = "long"/],
      [withFields(["llama.block_count", 4, 2]), /lacks the tensor blk\.1\.attn_norm/],
    ];
    for (const [parts, pattern] of cases) await rejects(write(parts), pattern, "tiny.gguf");
  });

  it("catches every lie of a GGUF header", async () => {
    const good = tinyGguf();
    const change = (i: number, part: Partial<GgufParts["tensors"][number]>): GgufParts => ({
      ...good,
      tensors: good.tensors.map((tensor, at) => (at === i ? { ...tensor, ...part } : tensor)),
    });
    const bytes = gguf(good);
    const patched = (at: number, value: bigint) => {
      const copy = Buffer.from(bytes);
      copy.writeBigUInt64LE(value, at);
      return copy;
    };
    const lies: [GgufParts | Buffer, RegExp][] = [
      [Buffer.alloc(0), /only 0 bytes/],
      [Buffer.from("version https://git-lfs.github.com/spec/v1\n"), /git lfs pull/],
      [{ ...good, magic: "PK\x03\x04" }, /begins with "PK/],
      [{ ...good, version: 1 }, /version 1; expected version 2 or 3/],
      [{ ...good, version: 0x03000000 }, /big-endian/],
      [bytes.subarray(0, 100), /inside its header|in a file of/],
      [bytes.subarray(0, bytes.length - 40), /truncated or damaged/],
      [patched(8, 2n ** 62n), /number of tensors of/],
      [patched(16, 2n ** 40n), /metadata entries of/],
      [patched(24, 2n ** 63n), /metadata key with a length of/],
      [{ ...good, fields: [...tinyFields, ["x", 13, 0]] }, /unknown type 13/],
      [{ ...good, fields: [...tinyFields, ["llama.block_count", 4, 1]] }, /"llama\.block_count" occurs twice/],
      [{ ...good, fields: [...tinyFields, ["x", 9, [9, []]]] }, /nested type 9/],
      [withFields(["general.alignment", 4, 0]), /alignment is 0/],
      [withFields(["general.alignment", 4, 48]), /alignment is 48/],
      [change(1, { name: "token_embd.weight" }), /"token_embd\.weight" occurs twice/],
      [change(1, { shape: [] }), /0 dimensions/],
      [change(1, { shape: [1, 1, 1, 1, 1] }), /5 dimensions/],
      [change(1, { shape: [0] }), /shape \[0\]/],
      [change(0, { shape: [1000, 1000] }), /would end at byte/],
      [change(1, { type: 12 }), /no multiple of Q4_K's 256/],
      [change(1, { type: 8 }), /no multiple of Q8_0's 32/],
      [change(1, { offset: 33 }), /no multiple of 32/],
      [change(1, { offset: 0 }), /overlap/],
      [change(10, { offset: good.dataLength }), /truncated or damaged/],
    ];
    for (const [file, pattern] of lies) await rejects(write(file), pattern, "tiny.gguf");
  });

  it("survives 3,000 random damages: a model within the file's bounds, or a sentence", async () => {
    const bytes = gguf(withFields(["tokenizer.ggml.tokens", 9, [8, ["a", "b", "c"]]], ["x", 10, 7]));
    const header = bytes.length - tinyGguf().dataLength;
    let seed = 7;
    const random = (n: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return Math.floor((seed / 2 ** 32) * n);
    };
    let refused = 0;
    for (let i = 0; i < 3000; i++) {
      const copy = Buffer.from(bytes.subarray(0, i % 10 === 0 ? random(bytes.length) : bytes.length));
      for (let j = 0; j <= random(3) && copy.length > 0; j++) copy[random(Math.min(header, copy.length))] = random(256);
      const file = write(copy);
      try {
        const { weights } = await openWeights(file);
        const last = partsOf(weights).map(({ offset, shape }) => offset + 2 * shape.reduce((a, b) => a * b, 1) * 0.5);
        assert.ok(last.every((end) => end <= copy.length));
      } catch (error) {
        assert.ok(error instanceof WeightsError, (error as Error).stack);
        refused++;
      }
    }
    assert.ok(refused > 1000, `only ${refused} refused`);
  });
});
