/**
 * Writes a model folder of Phi-3-mini-4k-instruct's shape with random bfloat16 weights (7.6 GB in two shards), for trying
 * and timing that shape where the real weights are not at hand; with other sizes, a small model with its vocabulary:
 * `node bench/random_weights.mjs FOLDER [--layers 32] [--hidden 3072] [--ffn 8192] [--heads 32]`.
 */
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    layers: { type: "string", default: "32" },
    hidden: { type: "string", default: "3072" },
    ffn: { type: "string", default: "8192" },
    heads: { type: "string", default: "32" },
  },
});
const [folder] = positionals;
const [layers, hidden, ffn, heads] = ["layers", "hidden", "ffn", "heads"].map((name) => Number(values[name]));
if (folder === undefined || ![layers, hidden, ffn, heads, hidden / heads].every((n) => Number.isInteger(n) && n > 0)) {
  console.error(
    "Usage: node bench/random_weights.mjs FOLDER [--layers 32] [--hidden 3072] [--ffn 8192] [--heads 32]; heads divide hidden",
  );
  process.exit(2);
}
const vocab = 32064;

const config = {
  architectures: ["Phi3ForCausalLM"],
  model_type: "phi3",
  hidden_size: hidden,
  intermediate_size: ffn,
  num_hidden_layers: layers,
  num_attention_heads: heads,
  num_key_value_heads: heads,
  vocab_size: vocab,
  max_position_embeddings: 4096,
  original_max_position_embeddings: 4096,
  sliding_window: 2047,
  rope_theta: 10000.0,
  rope_scaling: null,
  rms_norm_eps: 1e-5,
  hidden_act: "silu",
  bos_token_id: 1,
  eos_token_id: 32000,
  pad_token_id: 32000,
  tie_word_embeddings: false,
  torch_dtype: "bfloat16",
};

/** Random bfloat16 numbers, uniform in ±scale: one tile, cut at another place for each weight. */
const tile = new Uint16Array(1 << 24);
let state = 0x9e3779b9;
for (let i = 0; i < tile.length; i++) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  // Sign and mantissa at random, exponents from 2⁻⁹ to 2⁻⁶: standard deviation about 0.01.
  tile[i] = ((state >>> 16) & 0x807f) | ((118 + (state & 3)) << 7);
}
const ones = new Uint16Array(hidden).fill(0x3f80);

const matrix = (name, rows, cols) => ({ name, shape: [rows, cols] });
const norm = (name) => ({ name, shape: [hidden] });
const shards = [[matrix("model.embed_tokens.weight", vocab, hidden)], []];
for (let i = 0; i < layers; i++) {
  const base = `model.layers.${i}`;
  shards[i < layers * 0.65 ? 0 : 1].push(
    norm(`${base}.input_layernorm.weight`),
    matrix(`${base}.self_attn.qkv_proj.weight`, 3 * hidden, hidden),
    matrix(`${base}.self_attn.o_proj.weight`, hidden, hidden),
    norm(`${base}.post_attention_layernorm.weight`),
    matrix(`${base}.mlp.gate_up_proj.weight`, 2 * ffn, hidden),
    matrix(`${base}.mlp.down_proj.weight`, hidden, ffn),
  );
}
shards[1].push(norm("model.norm.weight"), matrix("lm_head.weight", vocab, hidden));

mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "config.json"), `${JSON.stringify(config, null, 2)}\n`);
writeFileSync(
  join(folder, "generation_config.json"),
  `${JSON.stringify({ bos_token_id: 1, eos_token_id: [32000, 32001, 32007], pad_token_id: 32000 })}\n`,
);
const index = { metadata: { total_size: 0 }, weight_map: {} };
let weight = 0;
for (const [s, tensors] of shards.entries()) {
  const file = `model-0000${s + 1}-of-00002.safetensors`;
  const header = { __metadata__: { format: "pt" } };
  let offset = 0;
  for (const { name, shape } of tensors) {
    const bytes = 2 * shape.reduce((a, b) => a * b, 1);
    header[name] = { dtype: "BF16", shape, data_offsets: [offset, offset + bytes] };
    offset += bytes;
    index.weight_map[name] = file;
    index.metadata.total_size += bytes;
  }
  const json = Buffer.from(JSON.stringify(header));
  const padding = Buffer.alloc((8 - (json.length % 8)) % 8, " ");
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length + padding.length));
  const descriptor = openSync(join(folder, file), "w");
  for (const part of [length, json, padding]) writeSync(descriptor, part);
  for (const { shape } of tensors) {
    const source = shape.length === 1 ? ones : tile;
    let left = shape.reduce((a, b) => a * b, 1);
    let start = shape.length === 1 ? 0 : (weight++ * 1_000_003) % (tile.length >> 1);
    while (left > 0) {
      const count = Math.min(left, source.length - start);
      const bytes = Buffer.from(source.buffer, 2 * start, 2 * count);
      for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
      left -= count;
      start = 0;
    }
  }
  closeSync(descriptor);
}
writeFileSync(join(folder, "model.safetensors.index.json"), `${JSON.stringify(index, null, 2)}\n`);
