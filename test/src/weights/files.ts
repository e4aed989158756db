/** Writes small model files, byte by byte from the formats' descriptions, so that tests can damage them at will. */
import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openWeights, WeightsError } from "../../../src/weights";

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "phi3lab-weights-"));
}

/** A Phi-3 of a few numbers: 2 layers, 2 heads of 4, 1 key-value head. */
export const tinyConfig = {
  model_type: "phi3",
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  vocab_size: 10,
  max_position_embeddings: 64,
  sliding_window: 16,
  eos_token_id: 3,
};

/** Bytes that tensors of these shapes take, of `size` bytes a number. */
export function bytesOf(shapes: Record<string, number[]>, size = 4): number {
  return size * Object.values(shapes).reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
}

/** The names and shapes that such a model has in transformers. */
export function tinyShapes(): Record<string, number[]> {
  const shapes: Record<string, number[]> = { "model.embed_tokens.weight": [10, 8] };
  for (let i = 0; i < 2; i++) {
    shapes[`model.layers.${i}.input_layernorm.weight`] = [8];
    shapes[`model.layers.${i}.self_attn.qkv_proj.weight`] = [16, 8];
    shapes[`model.layers.${i}.self_attn.o_proj.weight`] = [8, 8];
    shapes[`model.layers.${i}.post_attention_layernorm.weight`] = [8];
    shapes[`model.layers.${i}.mlp.gate_up_proj.weight`] = [24, 8];
    shapes[`model.layers.${i}.mlp.down_proj.weight`] = [8, 12];
  }
  return { ...shapes, "model.norm.weight": [8], "lm_head.weight": [10, 8] };
}

/** A safetensors header as an object, its data zeros. */
export function safetensorsHeader(shapes: Record<string, number[]>, dtype = "F32", size = 4): Record<string, unknown> {
  let offset = 0;
  const header: Record<string, unknown> = {};
  for (const [name, shape] of Object.entries(shapes)) {
    const end = offset + size * shape.reduce((product, count) => product * count, 1);
    header[name] = { dtype, shape, data_offsets: [offset, end] };
    offset = end;
  }
  return header;
}

/** A safetensors file from its header (an object, then padded as safetensors pads it; or raw text) and the length of its data. */
export function safetensors(header: unknown, dataLength: number): Buffer {
  const json = JSON.stringify(header);
  const text = Buffer.from(typeof header === "string" ? header : json.padEnd(8 * Math.ceil(json.length / 8)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, Buffer.alloc(dataLength)]);
}

/** A folder with a config.json and one safetensors file. */
export function writeModel(folder: string, config: object, file: Buffer): string {
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  writeFileSync(join(folder, "model.safetensors"), file);
  return folder;
}

export type GgufField = [key: string, type: number, value: unknown];

export interface GgufParts {
  version?: number;
  fields: GgufField[];
  /** Shape innermost first, as the file has it; `offset` into the data. */
  tensors: { name: string; shape: number[]; type: number; offset: number }[];
  dataLength: number;
  magic?: string;
  /** Of the data; default: 32, as where the file does not say. */
  alignment?: number;
}

/** The metadata of a tiny Llama. */
export const tinyFields: GgufField[] = [
  ["general.architecture", 8, "llama"],
  ["llama.block_count", 4, 1],
  ["llama.context_length", 4, 64],
  ["llama.embedding_length", 4, 8],
  ["llama.feed_forward_length", 4, 12],
  ["llama.attention.head_count", 4, 2],
  ["llama.attention.head_count_kv", 4, 1],
  ["llama.attention.layer_norm_rms_epsilon", 6, 1e-5],
  ["tokenizer.ggml.eos_token_id", 4, 2],
];

/** A tokenizer of its ten words. */
export const tinyTokenizer: GgufField[] = [
  ["tokenizer.ggml.model", 8, "llama"],
  ["tokenizer.ggml.tokens", 9, [8, ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]]],
  ["tokenizer.ggml.scores", 9, [6, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]],
];

/** A tiny Llama with tied embeddings, in F32. */
export function tinyGguf(): GgufParts {
  const shapes: [string, number[]][] = [
    ["token_embd.weight", [8, 10]],
    ["blk.0.attn_norm.weight", [8]],
    ["blk.0.attn_q.weight", [8, 8]],
    ["blk.0.attn_k.weight", [8, 4]],
    ["blk.0.attn_v.weight", [8, 4]],
    ["blk.0.attn_output.weight", [8, 8]],
    ["blk.0.ffn_norm.weight", [8]],
    ["blk.0.ffn_gate.weight", [8, 12]],
    ["blk.0.ffn_up.weight", [8, 12]],
    ["blk.0.ffn_down.weight", [12, 8]],
    ["output_norm.weight", [8]],
  ];
  let offset = 0;
  const tensors = shapes.map(([name, shape]) => {
    const tensor = { name, shape, type: 0, offset };
    offset += Math.ceil((4 * shape.reduce((product, count) => product * count, 1)) / 32) * 32;
    return tensor;
  });
  return { fields: tinyFields, tensors, dataLength: offset };
}

/** That Llama with these metadata in the place of its own of the same names, or beside them. */
export function withFields(...fields: GgufField[]): GgufParts {
  const keys = new Set(fields.map(([key]) => key));
  return { ...tinyGguf(), fields: [...tinyFields.filter(([key]) => !keys.has(key)), ...fields] };
}

/** The sentence with which a model is refused. */
export async function refusal(path: string): Promise<string> {
  const error = await openWeights(path).then(
    () => assert.fail("it loads"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof WeightsError, String(error));
  return error.message;
}

/** That a model is refused in one sentence of ours, which says all this. */
export async function rejects(path: string, ...said: (RegExp | string)[]): Promise<void> {
  const message = await refusal(path);
  for (const pattern of said) {
    if (typeof pattern === "string") assert.ok(message.includes(pattern), `${message} ⊉ ${pattern}`);
    else assert.match(message, pattern);
  }
  assert.match(message, /\.$/);
}

/** A GGUF file from its parts. */
export function gguf(parts: GgufParts): Buffer {
  const head = [
    Buffer.from(parts.magic ?? "GGUF", "latin1"),
    u32(parts.version ?? 3),
    u64(parts.tensors.length),
    u64(parts.fields.length),
  ];
  const fields = parts.fields.map(([key, type, value]) =>
    Buffer.concat([text(key), u32(type), ggufValue(type, value)]),
  );
  const tensors = parts.tensors.map(({ name, shape, type, offset }) =>
    Buffer.concat([text(name), u32(shape.length), ...shape.map(u64), u32(type), u64(offset)]),
  );
  const header = Buffer.concat([...head, ...fields, ...tensors]);
  const { alignment = 32 } = parts;
  const padding = (alignment - (header.length % alignment)) % alignment;
  return Buffer.concat([header, Buffer.alloc(padding), Buffer.alloc(parts.dataLength)]);
}

export function u32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
}

export function u64(value: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(BigInt(value));
  return buffer;
}

export function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.length), bytes]);
}

function ggufValue(type: number, value: unknown): Buffer {
  if (type === 8) return text(String(value));
  if (type === 9) {
    const [element, values] = value as [number, unknown[]];
    return Buffer.concat([u32(element), u64(values.length), ...values.map((one) => ggufValue(element, one))]);
  }
  if (type === 7) return Buffer.from([value ? 1 : 0]);
  if (type === 10) return u64(value as number);
  if (type === 2) return Buffer.from(Uint16Array.of(value as number).buffer);
  const buffer = Buffer.alloc(4);
  if (type === 6) buffer.writeFloatLE(value as number);
  else buffer.writeUInt32LE(value as number);
  return buffer;
}
