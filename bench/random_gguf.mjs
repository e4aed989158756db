/**
 * Writes a GGUF file of Phi-3-mini-4k-instruct's shape with random weights and a vocabulary of no use, for timing
 * quantised weights at that size: `node bench/random_gguf.mjs FILE Q8_0|Q4_0|Q4_K_M [--layers 32]`. Q4_K_M is the mixture
 * that llama.cpp makes of this model (81 tensors in Q4_K, 32 in Q5_K, 17 in Q6_K; 2.4 GB).
 */
import { closeSync, openSync, writeSync } from "node:fs";
import { parseArgs } from "node:util";

/** ggml's number of a format, its block, and where the block's float16 scales lie, with their bits: of numbers that have a
 * standard deviation of 0.02 to 0.04 with all other bits at random. */
const formats = {
  Q4_0: { type: 2, numbers: 32, bytes: 18, scales: [[0, 0x1c00]] },
  Q8_0: { type: 8, numbers: 32, bytes: 34, scales: [[0, 0x0c00]] },
  Q4_K: {
    type: 12,
    numbers: 256,
    bytes: 144,
    scales: [
      [0, 0x0893],
      [2, 0x1449],
    ],
  },
  Q5_K: {
    type: 13,
    numbers: 256,
    bytes: 176,
    scales: [
      [0, 0x0496],
      [2, 0x1471],
    ],
  },
  Q6_K: { type: 14, numbers: 256, bytes: 210, scales: [[208, 0x00fc]] },
};
/** The formats of a file's matrices. */
const mixtures = {
  Q8_0: { embed: "Q8_0", qkv: "Q8_0", output: "Q8_0", up: "Q8_0", down: ["Q8_0", "Q8_0"], head: "Q8_0" },
  Q4_0: { embed: "Q4_0", qkv: "Q4_0", output: "Q4_0", up: "Q4_0", down: ["Q4_0", "Q4_0"], head: "Q6_K" },
  Q4_K_M: { embed: "Q4_K", qkv: "Q5_K", output: "Q4_K", up: "Q4_K", down: ["Q4_K", "Q6_K"], head: "Q6_K" },
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { layers: { type: "string", default: "32" } },
});
const [file, name] = positionals;
const layers = Number(values.layers);
const mixture = mixtures[name];
if (file === undefined || mixture === undefined || !Number.isInteger(layers) || layers < 1) {
  console.error(`Usage: node bench/random_gguf.mjs FILE ${Object.keys(mixtures).join("|")} [--layers 32]`);
  process.exit(2);
}
const [hidden, ffn, vocab, heads] = [3072, 8192, 32064, 32];

// llama.cpp gives more bits to these layers' ffn_down: the first and last eighths, and each third between.
const eighth = Math.floor(layers / 8);
const more = (i) => i < eighth || i >= layers - eighth || (i - eighth) % 3 === 2;
const tensors = [["token_embd.weight", [hidden, vocab], mixture.embed]];
for (let i = 0; i < layers; i++)
  tensors.push(
    [`blk.${i}.attn_norm.weight`, [hidden]],
    [`blk.${i}.ffn_norm.weight`, [hidden]],
    [`blk.${i}.attn_qkv.weight`, [hidden, 3 * hidden], mixture.qkv],
    [`blk.${i}.attn_output.weight`, [hidden, hidden], mixture.output],
    [`blk.${i}.ffn_up.weight`, [hidden, 2 * ffn], mixture.up],
    [`blk.${i}.ffn_down.weight`, [ffn, hidden], mixture.down[Number(more(i))]],
  );
tensors.push(["output_norm.weight", [hidden]], ["output.weight", [hidden, vocab], mixture.head]);

const count = (shape) => shape.reduce((product, n) => product * n, 1);
const size = ([, shape, format]) =>
  format === undefined ? 4 * count(shape) : (count(shape) / formats[format].numbers) * formats[format].bytes;
const padded = (bytes) => Math.ceil(bytes / 32) * 32;

/** A vocabulary that llama.cpp takes: special tokens, bytes, and words that nobody says. */
const byte = (n) => `<0x${n.toString(16).toUpperCase().padStart(2, "0")}>`;
const tokens = Array.from({ length: vocab }, (_, i) =>
  i < 3 ? ["<unk>", "<s>", "</s>"][i] : i < 259 ? byte(i - 3) : `\u2581w${i}`,
);

const numbers = { u32: 4, f32: 6, text: 8, texts: 9, f32s: 9, i32s: 9 };
const fields = [
  ["general.architecture", "text", "phi3"],
  ["general.name", "text", "random"],
  ["phi3.context_length", "u32", 4096],
  ["phi3.embedding_length", "u32", hidden],
  ["phi3.feed_forward_length", "u32", ffn],
  ["phi3.block_count", "u32", layers],
  ["phi3.attention.head_count", "u32", heads],
  ["phi3.attention.head_count_kv", "u32", heads],
  ["phi3.attention.layer_norm_rms_epsilon", "f32", 1e-5],
  ["phi3.attention.sliding_window", "u32", 2047],
  ["phi3.rope.dimension_count", "u32", hidden / heads],
  ["tokenizer.ggml.model", "text", "llama"],
  ["tokenizer.ggml.tokens", "texts", tokens],
  ["tokenizer.ggml.scores", "f32s", tokens.map((_, i) => -i)],
  ["tokenizer.ggml.token_type", "i32s", tokens.map(([first], i) => (i === 0 ? 2 : i < 3 ? 3 : first === "<" ? 6 : 1))],
];
const u32 = (n) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(n);
  return bytes;
};
const u64 = (n) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(n));
  return bytes;
};
const f32 = (x) => {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(x);
  return bytes;
};
const text = (string) => Buffer.concat([u64(Buffer.byteLength(string)), Buffer.from(string)]);
const list = (number, write) => (values) => Buffer.concat([u32(number), u64(values.length), ...values.map(write)]);
const write = { u32, f32, text, texts: list(8, text), f32s: list(6, f32), i32s: list(5, u32) };
const header = [Buffer.from("GGUF"), u32(3), u64(tensors.length), u64(fields.length)];
for (const [key, kind, value] of fields) header.push(text(key), u32(numbers[kind]), write[kind](value));
let offset = 0;
for (const tensor of tensors) {
  const [name, shape, format] = tensor;
  header.push(text(name), u32(shape.length), ...shape.map(u64), u32(formats[format]?.type ?? 0), u64(offset));
  offset += padded(size(tensor));
}

/** A tile of blocks of each format is written again and again, from another place each time. */
let state = 0x9e3779b9;
const tiles = Object.fromEntries(
  Object.entries(formats).map(([format, { bytes, scales }]) => {
    const blocks = 1 << 16;
    const tile = Buffer.alloc(blocks * bytes);
    for (let at = 0; at + 4 <= tile.length; at += 4) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      tile.writeInt32LE(state, at);
    }
    for (let i = 0; i < blocks; i++) for (const [at, bits] of scales) tile.writeUInt16LE(bits, i * bytes + at);
    return [format, tile];
  }),
);
const ones = Buffer.concat(Array.from({ length: hidden }, () => f32(1)));
const descriptor = openSync(file, "w");
const put = (bytes) => {
  for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
};
const start = Buffer.concat(header);
put(start);
put(Buffer.alloc(padded(start.length) - start.length));
let written = 0;
for (const tensor of tensors) {
  const [, , format] = tensor;
  const source = format === undefined ? ones : tiles[format];
  const block = format === undefined ? 4 : formats[format].bytes;
  const bytes = size(tensor);
  let place = format === undefined ? 0 : (written++ * 4099 * block) % source.length;
  for (let left = bytes; left > 0; place = 0) {
    const length = Math.min(left, source.length - place);
    put(source.subarray(place, place + length));
    left -= length;
  }
  put(Buffer.alloc(padded(bytes) - bytes));
}
closeSync(descriptor);
