/** Models with Phi-3-mini's vocabulary and tokenizer and random weights, of any size, for running the chapter on. */
import { execFileSync } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";
import { join, resolve } from "node:path";
import { phi3Fields, randomNumbers, writePhi3Tokenizer } from "../src/tokenizer/models";
import { type GgufField, gguf } from "../src/weights/files";

/** `--hidden 64` and the like; without any it is Phi-3-mini itself, 7.6 GB. */
export type Sizes = Partial<Record<"layers" | "hidden" | "ffn" | "heads", number>>;

/** Writes such a model into `folder`. */
export async function writeRandomPhi3(folder: string, sizes: Sizes = {}): Promise<void> {
  const script = join(resolve(__dirname, "../.."), "bench", "random_weights.mjs");
  const options = Object.entries(sizes).map(([name, size]) => `--${name}=${size}`);
  execFileSync(process.execPath, [script, folder, ...options]);
  await writePhi3Tokenizer(folder);
}

/** A format of a GGUF file: its number, and weights of it at random with a standard deviation of 0.02 to 0.04. */
interface Format {
  type: number;
  /** Weights of a block, and its bytes. */
  weights: number;
  block: number;
  /** Where the block's float16 scales lie, and their bits. */
  scales: [at: number, bits: number][];
}
const Q4_0: Format = { type: 2, weights: 32, block: 18, scales: [[0, 0x1c80]] };
const Q4_K: Format = {
  type: 12,
  weights: 256,
  block: 144,
  scales: [
    [0, 0x0893],
    [2, 0x1449],
  ],
};
const Q5_K: Format = {
  type: 13,
  weights: 256,
  block: 176,
  scales: [
    [0, 0x0496],
    [2, 0x1471],
  ],
};
const Q6_K: Format = { type: 14, weights: 256, block: 210, scales: [[208, 0x00fc]] };
const Q5_0: Format = { type: 6, weights: 32, block: 22, scales: [[0, 0x1ac0]] };
const Q8_0: Format = { type: 8, weights: 32, block: 34, scales: [[0, 0x0c00]] };
const IQ4_XS: Format = { type: 23, weights: 256, block: 136, scales: [[0, 0x0182]] };

/** All of one format but the head, to which llama.cpp gives six bits where the others have fewer. */
const pure = (fileType: number, format: Format, head = Q6_K) => ({
  fileType,
  most: format,
  qkv: format,
  down: (_layer: number, _layers: number) => format,
  head,
});

/** Blocks of this format, other ones at each call. */
function blocks({ block, scales }: Format, count: number, random: (n: number) => number): Buffer {
  const bytes = Buffer.alloc(count * block);
  for (let at = 0; at + 4 <= bytes.length; at += 4) bytes.writeUInt32LE(random(2 ** 32), at);
  for (let i = 0; i < count; i++) for (const [at, bits] of scales) bytes.writeUInt16LE(bits, i * block + at);
  return bytes;
}

/** The formats of a mix, by general.file_type's number: of most matrices, of qkv, of layers' ffn_down, of the head. */
const mixes = {
  // Microsoft's Phi-3-mini-4k-instruct-q4.gguf: 65 tensors F32, 81 Q4_K, 32 Q5_K, 17 Q6_K. llama.cpp gives Q6_K to the
  // ffn_down of the first and last eighths of the layers, and of each third between.
  Q4_K_M: {
    fileType: 15,
    most: Q4_K,
    qkv: Q5_K,
    down: (i: number, layers: number) => {
      const eighth = Math.floor(layers / 8);
      return i < eighth || i >= layers - eighth || (i - eighth) % 3 === 2 ? Q6_K : Q4_K;
    },
    head: Q6_K,
  },
  Q4_0: pure(2, Q4_0),
  Q5_0: pure(8, Q5_0),
  Q8_0: pure(7, Q8_0, Q8_0),
  Q5_K: pure(17, Q5_K),
  Q6_K: pure(18, Q6_K),
  IQ4_XS: pure(30, IQ4_XS),
};

/** A mix of formats that llama.cpp makes, or its file of one. */
export type Mix = keyof typeof mixes;

/** The fields of Phi-3's tokenizer, filled up to the rows of the embeddings as llama.cpp's conversion does. */
async function tokenizerFields(rows: number): Promise<GgufField[]> {
  const fillers: Record<string, (i: number) => unknown> = {
    tokens: (i) => `[PAD${i}]`,
    scores: () => -1000,
    token_type: () => 5, // unused
  };
  const fields = (await phi3Fields()).filter(([key]) => key.startsWith("tokenizer."));
  return fields.map(([key, type, value]) => {
    const fill = fillers[key.split(".")[2] as string];
    if (!fill) return [key, type, value];
    const [of, values] = value as [number, unknown[]];
    const missing = Array.from({ length: rows - values.length }, (_, i) => fill(values.length + i));
    return [key, type, [of, [...values, ...missing]]];
  });
}

/**
 * Writes a GGUF file of Phi-3-mini's shape with Phi-3's tokenizer and random weights, in the formats that llama.cpp's Q4_K_M
 * has (2.4 GB with all layers) or in one (Q4_0: 2.2 GB, Q8_0: 4.1 GB).
 */
export async function writeRandomPhi3Gguf(
  file: string,
  { layers = 32, mix = "Q4_K_M" }: { layers?: number; mix?: Mix } = {},
): Promise<void> {
  const [hidden, ffn, vocab] = [3072, 8192, 32064];
  const { fileType, most, qkv, down, head } = mixes[mix];
  const parts: [name: string, shape: number[], format: Format | undefined][] = [
    ["token_embd.weight", [hidden, vocab], most],
  ];
  for (let i = 0; i < layers; i++)
    parts.push(
      [`blk.${i}.attn_norm.weight`, [hidden], undefined],
      [`blk.${i}.ffn_norm.weight`, [hidden], undefined],
      [`blk.${i}.attn_qkv.weight`, [hidden, 3 * hidden], qkv],
      [`blk.${i}.attn_output.weight`, [hidden, hidden], most],
      [`blk.${i}.ffn_up.weight`, [hidden, 2 * ffn], most],
      [`blk.${i}.ffn_down.weight`, [ffn, hidden], down(i, layers)],
    );
  parts.push(["output_norm.weight", [hidden], undefined], ["output.weight", [hidden, vocab], head]);
  const size = (shape: number[], format: Format | undefined) => {
    const count = shape.reduce((product, n) => product * n, 1);
    return format ? (count / format.weights) * format.block : 4 * count;
  };
  let offset = 0;
  const tensors = parts.map(([name, shape, format]) => {
    const tensor = { name, shape, type: format?.type ?? 0, offset };
    offset += Math.ceil(size(shape, format) / 32) * 32;
    return tensor;
  });
  const fields: GgufField[] = [
    ["general.architecture", 8, "phi3"],
    ["general.name", 8, "Phi3"],
    ["phi3.context_length", 4, 4096],
    ["phi3.embedding_length", 4, hidden],
    ["phi3.feed_forward_length", 4, ffn],
    ["phi3.block_count", 4, layers],
    ["phi3.attention.head_count", 4, 32],
    ["phi3.attention.head_count_kv", 4, 32],
    ["phi3.attention.layer_norm_rms_epsilon", 6, 1e-5],
    ["phi3.rope.dimension_count", 4, 96],
    ["general.file_type", 4, fileType],
    ...(await tokenizerFields(vocab)),
  ];
  const random = randomNumbers(3);
  // A tile of blocks of each format is written again and again, from another place each time.
  const formats = new Set(parts.flatMap(([, , format]) => format ?? []));
  const tile = new Map(Array.from(formats, (format) => [format, blocks(format, 16_384, random)]));
  const descriptor = openSync(file, "w");
  const write = (bytes: Buffer) => {
    for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
  };
  try {
    write(gguf({ fields, tensors, dataLength: 0 }));
    for (const [, shape, format] of parts) {
      const bytes = size(shape, format);
      const source = format && (tile.get(format) as Buffer);
      if (!source) {
        write(Buffer.from(new Float32Array(bytes / 4).fill(1).buffer));
        continue;
      }
      for (let left = bytes, start = random(8192) * format.block; left > 0; start = 0) {
        const piece = source.subarray(start, start + left);
        write(piece);
        left -= piece.length;
      }
      write(Buffer.alloc((32 - (bytes % 32)) % 32));
    }
  } finally {
    closeSync(descriptor);
  }
}
