/**
 * Makes copies of a Llama model's GGUF file in other types, once: FILE FOLDER. GGUF files for llama.cpp (and for us, Q8_0), a
 * folder as Hugging Face lays it out for transformers (and for us, safetensors). Prints their paths as JSON:
 * {"gguf": {"Q8_0", "BF16", "F32"}, "folder": {"BF16", "F32"}}.
 */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { ModelConfig } from "../../src/native";
import { readGgufTokenizer } from "../../src/tokenizer/gguf";
import { readGguf } from "../../src/weights/gguf";
import { ggufConfig } from "../../src/weights/gguf_config";
import { ARRAY, type Gguf, type GgufTensor, STRING, valueSizes } from "../../src/weights/gguf_types";
import { dequantise, rounding } from "../../test/native/smollm2";

type Type = "F32" | "BF16" | "Q8_0";

const ggmlTypes: Record<Type, number> = { F32: 0, Q8_0: 8, BF16: 30 };
const bytesOf = (type: Type, count: number): number =>
  type === "Q8_0" ? (count / 32) * 34 : type === "F32" ? 4 * count : 2 * count;
const sizeOf = ({ shape }: GgufTensor): number => shape.reduce((product, size) => product * size, 1);
const align = (bytes: number, unit: number): number => Math.ceil(bytes / unit) * unit;

/** The numbers of a tensor as float32. */
function numbersOf(file: Buffer, tensor: GgufTensor): Float32Array {
  const numbers = new Float32Array(sizeOf(tensor));
  let n = 0;
  dequantise(file, tensor.format, tensor.offset, numbers.length, (x) => {
    numbers[n++] = x;
  });
  return numbers;
}

function encode(numbers: Float32Array, type: Type): Uint8Array {
  if (type === "F32") return new Uint8Array(numbers.buffer);
  if (type === "BF16") return new Uint8Array(Uint16Array.from(numbers, rounding.BF16).buffer);
  const bytes = Buffer.alloc(bytesOf(type, numbers.length));
  for (let block = 0; block < numbers.length / 32; block++) {
    const part = numbers.subarray(32 * block, 32 * block + 32);
    const scale = part.reduce((most, x) => Math.max(most, Math.abs(x)), 0) / 127;
    bytes.writeUInt16LE(rounding.F16(scale), 34 * block);
    for (const [i, x] of part.entries()) bytes.writeInt8(scale === 0 ? 0 : Math.round(x / scale), 34 * block + 2 + i);
  }
  return bytes;
}

/** Writes to a file of another name first, so that what lies under `path` is whole. */
function writeWhole(path: string, parts: Iterable<Uint8Array>): void {
  const descriptor = openSync(`${path}.part`, "w");
  for (const part of parts) for (let done = 0; done < part.length; ) done += writeSync(descriptor, part, done);
  closeSync(descriptor);
  renameSync(`${path}.part`, path);
}

/** Where a GGUF file's metadata ends and its table of tensors begins. */
function metadataEnd(bytes: Buffer): number {
  let at = 24;
  const long = (): number => {
    at += 8;
    return Number(bytes.readBigUInt64LE(at - 8));
  };
  const skip = (type: number): void => {
    if (type === STRING) {
      const length = long();
      at += length;
    } else if (type === ARRAY) {
      const element = bytes.readUInt32LE(at);
      at += 4;
      for (let left = long(); left > 0; left--) skip(element);
    } else at += valueSizes[type] as number;
  };
  for (let left = Number(bytes.readBigUInt64LE(16)); left > 0; left--) {
    skip(STRING);
    at += 4;
    skip(bytes.readUInt32LE(at - 4));
  }
  return at;
}

/** The same metadata, the same tensors by the same names; vectors stay float32, as llama.cpp wants them. */
function* ggufCopy(file: Buffer, gguf: Gguf, type: Type): Generator<Uint8Array> {
  const unit = Number(gguf.metadata.get("general.alignment") ?? 32);
  const typeOf = (tensor: GgufTensor): Type => (tensor.shape.length === 1 ? "F32" : type);
  const head = [file.subarray(0, metadataEnd(file))];
  let offset = 0;
  for (const tensor of gguf.tensors) {
    const name = Buffer.from(tensor.name);
    const entry = Buffer.alloc(8 + name.length + 4 + 8 * tensor.shape.length + 4 + 8);
    entry.writeBigUInt64LE(BigInt(name.length));
    name.copy(entry, 8);
    let at = entry.writeUInt32LE(tensor.shape.length, 8 + name.length);
    for (const size of [...tensor.shape].reverse()) at = entry.writeBigUInt64LE(BigInt(size), at);
    at = entry.writeUInt32LE(ggmlTypes[typeOf(tensor)], at);
    entry.writeBigUInt64LE(BigInt(offset), at);
    head.push(entry);
    offset += align(bytesOf(typeOf(tensor), sizeOf(tensor)), unit);
  }
  const length = head.reduce((sum, part) => sum + part.length, 0);
  yield* head;
  yield Buffer.alloc(align(length, unit) - length);
  for (const tensor of gguf.tensors) {
    const bytes = encode(numbersOf(file, tensor), typeOf(tensor));
    yield bytes;
    yield Buffer.alloc(align(bytes.length, unit) - bytes.length);
  }
}

const names: Record<string, string> = {
  token_embd: "model.embed_tokens",
  output_norm: "model.norm",
  output: "lm_head",
  attn_norm: "input_layernorm",
  attn_q: "self_attn.q_proj",
  attn_k: "self_attn.k_proj",
  attn_v: "self_attn.v_proj",
  attn_output: "self_attn.o_proj",
  ffn_norm: "post_attention_layernorm",
  ffn_gate: "mlp.gate_proj",
  ffn_up: "mlp.up_proj",
  ffn_down: "mlp.down_proj",
};

/** `blk.3.attn_q.weight` is `model.layers.3.self_attn.q_proj.weight`. */
function folderName(name: string): string {
  const [, layer, part = ""] = /^(?:blk\.(\d+)\.)?(\w+)\.weight$/.exec(name) ?? [];
  const known = names[part];
  if (known === undefined) throw new Error(`Expected the tensors of a Llama model but found ${name}`);
  return `${layer === undefined ? "" : `model.layers.${layer}.`}${known}.weight`;
}

/** Rows that rotate together stand side by side in GGUF, half a head apart in transformers. */
function unpaired(numbers: Float32Array, heads: number, head_dim: number): Float32Array {
  const cols = numbers.length / (heads * head_dim);
  const out = new Float32Array(numbers.length);
  for (let row = 0; row < heads * head_dim; row++) {
    const [head, within] = [Math.floor(row / head_dim), row % head_dim];
    const to = head * head_dim + (within % 2) * (head_dim / 2) + (within >> 1);
    out.set(numbers.subarray(row * cols, (row + 1) * cols), to * cols);
  }
  return out;
}

function* safetensorsCopy(file: Buffer, { tensors }: Gguf, config: ModelConfig, type: Type): Generator<Uint8Array> {
  const header: Record<string, object> = { __metadata__: { format: "pt" } };
  let offset = 0;
  for (const tensor of tensors) {
    const end = offset + bytesOf(type, sizeOf(tensor));
    header[folderName(tensor.name)] = { dtype: type, shape: tensor.shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.alloc(align(json.length, 8), " ");
  json.copy(padded);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  yield length;
  yield padded;
  const heads: Record<string, number> = { attn_q: config.num_attention_heads, attn_k: config.num_key_value_heads };
  for (const tensor of tensors) {
    const rotated = heads[tensor.name.split(".")[2] ?? ""];
    const numbers = numbersOf(file, tensor);
    yield encode(rotated === undefined ? numbers : unpaired(numbers, rotated, config.head_dim), type);
  }
}

function configJson(config: ModelConfig, type: Type): object {
  const { sliding_window: _, ...rest } = config;
  return {
    ...rest,
    architectures: ["LlamaForCausalLM"],
    rope_theta: config.rope_parameters.rope_theta,
    torch_dtype: type === "BF16" ? "bfloat16" : "float32",
  };
}

async function main([path, folder]: [string, string]): Promise<void> {
  const gguf = await readGguf(path);
  const config = await ggufConfig(gguf);
  const file = readFileSync(path);
  const made = { gguf: {} as Record<string, string>, folder: {} as Record<string, string> };
  mkdirSync(folder, { recursive: true });
  for (const type of ["Q8_0", "BF16", "F32"] as const) {
    const copy = join(folder, `${type}.gguf`);
    if (!existsSync(copy)) writeWhole(copy, ggufCopy(file, gguf, type));
    made.gguf[type] = copy;
  }
  for (const type of ["BF16", "F32"] as const) {
    const copy = join(folder, type);
    if (!existsSync(copy)) {
      const part = `${copy}.part`;
      rmSync(part, { recursive: true, force: true });
      mkdirSync(part);
      const { json } = await readGgufTokenizer(path);
      writeFileSync(join(part, "tokenizer.json"), JSON.stringify({ version: "1.0", ...json }));
      writeFileSync(join(part, "config.json"), JSON.stringify(configJson(config, type), null, 2));
      writeWhole(join(part, "model.safetensors"), safetensorsCopy(file, gguf, config, type));
      renameSync(part, copy);
    }
    made.folder[type] = copy;
  }
  console.log(JSON.stringify(made));
}

main(process.argv.slice(2) as [string, string]).catch((error) => {
  console.error((error as Error).message);
  process.exit(1);
});
