/** Damaged models, made from the tiny ones: what a broken disk, a broken download or a liar could hand over. */
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** One damaged model. */
export interface Damaged {
  name: string;
  /** A folder or a .gguf file. */
  path: string;
  /** The numbers are damaged, not the structure: it may load, and then its output may be NaN. */
  loads: boolean;
}

/** Numbers that are the same at every run. */
function numbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

type Header = Record<string, { dtype: string; shape: number[]; data_offsets: number[] }>;

/** Writes `count` damaged models under `folder`, from the safetensors models in `tiny` and the GGUF file. */
export function damagedModels(tiny: string, gguf: string | undefined, folder: string, count = 200): Damaged[] {
  const random = numbers(7);
  const sources = readdirSync(tiny);
  const kinds = [...safetensorsDamages, ...configDamages, ...(gguf === undefined ? [] : ggufDamages)];
  return Array.from({ length: count }, (_, i) => {
    const kind = kinds[i % kinds.length] as Damage;
    const target = join(folder, `${String(i).padStart(3, "0")}-${kind.name}`);
    if (kind.of === "gguf") {
      // The header with its tensors' names, and the first of their numbers.
      const head = Buffer.from(readFileSync(gguf as string).subarray(0, 4_000_000));
      writeFileSync(`${target}.gguf`, kind.change(head, random));
      return { name: kind.name, path: `${target}.gguf`, loads: false };
    }
    const source = join(tiny, sources[random(sources.length)] as string);
    mkdirSync(target, { recursive: true });
    cpSync(source, target, { recursive: true });
    const file = join(target, kind.of === "config" ? "config.json" : weightFile(target, random));
    writeFileSync(file, kind.change(readFileSync(file), random));
    return { name: kind.name, path: target, loads: kind.loads ?? false };
  });
}

const weightFile = (folder: string, random: (below: number) => number): string => {
  const files = readdirSync(folder).filter((name) => name.startsWith("model") && name.endsWith(".safetensors"));
  return files[random(files.length)] as string;
};

interface Damage {
  name: string;
  of: "safetensors" | "config" | "gguf";
  loads?: boolean;
  change(bytes: Buffer, random: (below: number) => number): Buffer | string;
}

/** A safetensors file with another header, its numbers as they were. */
function withHeader(bytes: Buffer, change: (header: Header, names: string[]) => unknown): Buffer {
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, 8 + length)) as Header;
  const names = Object.keys(header).filter((name) => name !== "__metadata__");
  const made = change(header, names) ?? header;
  const json = Buffer.from(typeof made === "string" ? made : JSON.stringify(made));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([size, json, bytes.subarray(8 + length)]);
}

const header = (
  name: string,
  change: (entry: Header[string], random: (below: number) => number, header: Header, key: string) => unknown,
): Damage => ({
  name,
  of: "safetensors",
  change: (bytes, random) =>
    withHeader(bytes, (all, names) => {
      const key = names[random(names.length)] as string;
      change(all[key] as Header[string], random, all, key);
    }),
});

const safetensorsDamages: Damage[] = [
  { name: "empty", of: "safetensors", change: () => Buffer.alloc(0) },
  { name: "seven-bytes", of: "safetensors", change: (bytes) => bytes.subarray(0, 7) },
  { name: "truncated", of: "safetensors", change: (bytes, random) => bytes.subarray(0, 9 + random(bytes.length - 9)) },
  { name: "one-byte-short", of: "safetensors", change: (bytes) => bytes.subarray(0, -1) },
  {
    name: "header-length",
    of: "safetensors",
    change: (bytes, random) => {
      const lies = [0n, 1n, 2n ** 63n, 2n ** 64n - 1n, BigInt(bytes.length), BigInt(bytes.length * 2), 1n << 40n];
      bytes.writeBigUInt64LE(lies[random(lies.length)] as bigint, 0);
      return bytes;
    },
  },
  { name: "not-json", of: "safetensors", change: (bytes) => withHeader(bytes, () => "{ 'no': json }") },
  { name: "json-array", of: "safetensors", change: (bytes) => withHeader(bytes, () => "[1, 2, 3]") },
  { name: "json-null", of: "safetensors", change: (bytes) => withHeader(bytes, () => "null") },
  { name: "another-file", of: "safetensors", change: () => "<!doctype html><title>404</title>".repeat(50) },
  header("negative-offset", (entry) => {
    entry.data_offsets[0] = -8;
  }),
  header("offset-beyond", (entry) => {
    entry.data_offsets = entry.data_offsets.map((offset) => offset + 2 ** 40);
  }),
  header("offset-not-whole", (entry) => {
    entry.data_offsets[1] = (entry.data_offsets[1] as number) + 0.5;
  }),
  header("offset-huge", (entry) => {
    entry.data_offsets[1] = 1e300;
  }),
  header("overlap", (entry) => {
    const size = (entry.data_offsets[1] as number) - (entry.data_offsets[0] as number);
    entry.data_offsets = [0, size];
  }),
  header("huge-shape", (entry) => {
    entry.shape = [2 ** 31, 2 ** 31];
  }),
  header("negative-shape", (entry) => {
    entry.shape = entry.shape.map((dim) => -dim);
  }),
  header("transposed", (entry) => {
    entry.shape = [...entry.shape, 1].reverse();
  }),
  header("unknown-type", (entry) => {
    entry.dtype = "F99";
  }),
  header("integers", (entry) => {
    entry.dtype = "I32";
  }),
  header("missing", (_entry, _random, all, key) => {
    delete all[key];
  }),
  header("renamed", (entry, _random, all, key) => {
    delete all[key];
    all[`${key}.other`] = entry;
  }),
  {
    name: "numbers",
    of: "safetensors",
    loads: true,
    change: (bytes, random) => {
      const start = 8 + Number(bytes.readBigUInt64LE(0));
      for (let i = 0; i < 400; i++) bytes[start + random(bytes.length - start)] = random(256);
      return bytes;
    },
  },
  {
    name: "nan",
    of: "safetensors",
    loads: true,
    change: (bytes) => {
      const start = 8 + Number(bytes.readBigUInt64LE(0));
      return bytes.fill(0xff, start);
    },
  },
];

const config = (
  name: string,
  change: (config: Record<string, unknown>, random: (below: number) => number) => void,
): Damage => ({
  name,
  of: "config",
  change: (bytes, random) => {
    const parsed = JSON.parse(bytes.toString()) as Record<string, unknown>;
    change(parsed, random);
    return JSON.stringify(parsed);
  },
});

const configDamages: Damage[] = [
  { name: "config-not-json", of: "config", change: () => "hidden_size = 48" },
  { name: "config-empty", of: "config", change: () => "" },
  config("config-heads", (it) => {
    it.num_attention_heads = 3;
  }),
  config("config-no-heads", (it) => {
    it.num_attention_heads = 0;
  }),
  config("config-kv-heads", (it) => {
    it.num_key_value_heads = 3;
  }),
  config("config-vocabulary", (it) => {
    it.vocab_size = 1e9;
  }),
  config("config-hidden", (it, random) => {
    it.hidden_size = [0, -48, 47, 1e12, "48", null][random(6)];
  }),
  config("config-layers", (it, random) => {
    it.num_hidden_layers = [0, -1, 4, 1e9, 2.5][random(5)];
  }),
  config("config-context", (it, random) => {
    it.max_position_embeddings = [0, -5, 1e18, "many"][random(4)];
  }),
  config("config-eps", (it, random) => {
    it.rms_norm_eps = ["small", -1, 0][random(3)];
  }),
  config("config-architecture", (it) => {
    it.model_type = "gpt2";
    it.architectures = ["GPT2LMHeadModel"];
  }),
];

const gguf = (name: string, change: (bytes: Buffer, random: (below: number) => number) => Buffer): Damage => ({
  name,
  of: "gguf",
  change,
});

const ggufDamages: Damage[] = [
  gguf("gguf-head-alone", (bytes) => bytes),
  gguf("gguf-truncated", (bytes, random) => bytes.subarray(0, 24 + random(bytes.length - 24))),
  gguf("gguf-magic", (bytes) => Buffer.concat([Buffer.from("GGML"), bytes.subarray(4)])),
  gguf("gguf-version", (bytes, random) => {
    bytes.writeUInt32LE([0, 1, 4, 0xffffffff][random(4)] as number, 4);
    return bytes;
  }),
  gguf("gguf-tensor-count", (bytes, random) => {
    bytes.writeBigUInt64LE([0n, 1n, 2n ** 32n, 2n ** 64n - 1n][random(4)] as bigint, 8);
    return bytes;
  }),
  gguf("gguf-metadata-count", (bytes, random) => {
    bytes.writeBigUInt64LE([0n, 2n, 2n ** 40n, 2n ** 64n - 1n][random(4)] as bigint, 16);
    return bytes;
  }),
  gguf("gguf-key-length", (bytes) => {
    bytes.writeBigUInt64LE(2n ** 50n, 24);
    return bytes;
  }),
  gguf("gguf-random-bytes", (bytes, random) => {
    for (let i = 0; i < 60; i++) bytes[24 + random(2000)] = random(256);
    return bytes;
  }),
];
