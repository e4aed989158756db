/** Damaged models, made from the tiny ones: what a broken disk, a broken download or a liar could hand over. */
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** One damaged model. */
export interface Damaged {
  name: string;
  /** A folder or a .gguf file. */
  path: string;
  /** What the error says; undefined: the numbers are damaged, not the structure, so it loads, and gives what it gives. */
  says: RegExp | undefined;
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
      return { name: kind.name, path: `${target}.gguf`, says: kind.says };
    }
    const source = join(tiny, sources[random(sources.length)] as string);
    mkdirSync(target, { recursive: true });
    cpSync(source, target, { recursive: true });
    const file = join(target, kind.of === "config" ? "config.json" : weightFile(target, random));
    writeFileSync(file, kind.change(readFileSync(file), random));
    return { name: kind.name, path: target, says: kind.says };
  });
}

const weightFile = (folder: string, random: (below: number) => number): string => {
  const files = readdirSync(folder).filter((name) => name.startsWith("model") && name.endsWith(".safetensors"));
  return files[random(files.length)] as string;
};

interface Damage {
  name: string;
  of: "safetensors" | "config" | "gguf";
  says: RegExp | undefined;
  change(bytes: Buffer, random: (below: number) => number): Buffer | string;
}

/** A safetensors file with another header, its numbers as they were. */
function withHeader(bytes: Buffer, change: (header: Header, names: string[]) => unknown): Buffer {
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, 8 + length)) as Header;
  const names = Object.keys(header).filter((name) => name !== "__metadata__");
  const made = change(header, names) ?? header;
  const text = typeof made === "string" ? made : JSON.stringify(made);
  const json = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8)); // as safetensors does, so that numbers stay aligned
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([size, json, bytes.subarray(8 + length)]);
}

const header = (
  name: string,
  says: RegExp,
  change: (entry: Header[string], random: (below: number) => number, header: Header, key: string) => unknown,
): Damage => ({
  name,
  of: "safetensors",
  says,
  change: (bytes, random) =>
    withHeader(bytes, (all, names) => {
      // Buffers that nobody needs may be as they like.
      const weights = names.filter((one) => one.endsWith(".weight"));
      const key = weights[random(weights.length)] as string;
      change(all[key] as Header[string], random, all, key);
    }),
});

const safetensorsDamages: Damage[] = [
  { name: "empty", of: "safetensors", says: /it has 0 bytes/, change: () => Buffer.alloc(0) },
  { name: "seven-bytes", of: "safetensors", says: /it has 7 bytes/, change: (bytes) => bytes.subarray(0, 7) },
  {
    name: "truncated",
    of: "safetensors",
    says: /truncated or damaged|its header is not JSON|its header would exceed/,
    change: (bytes, random) => bytes.subarray(0, 9 + random(bytes.length - 9)),
  },
  {
    name: "one-byte-short",
    of: "safetensors",
    says: /would end at byte \d+: the file is truncated/,
    change: (bytes) => bytes.subarray(0, -1),
  },
  {
    name: "header-length",
    of: "safetensors",
    says: /its header (would exceed|is not JSON)/,
    change: (bytes, random) => {
      const lies = [0n, 1n, 2n ** 63n, 2n ** 64n - 1n, BigInt(bytes.length), BigInt(bytes.length * 2), 1n << 40n];
      bytes.writeBigUInt64LE(lies[random(lies.length)] as bigint, 0);
      return bytes;
    },
  },
  {
    name: "not-json",
    of: "safetensors",
    says: /its header is not JSON/,
    change: (bytes) => withHeader(bytes, () => "{ 'no': json }"),
  },
  {
    name: "json-array",
    of: "safetensors",
    says: /its header is no JSON object/,
    change: (bytes) => withHeader(bytes, () => "[1, 2, 3]"),
  },
  {
    name: "json-null",
    of: "safetensors",
    says: /its header is no JSON object/,
    change: (bytes) => withHeader(bytes, () => "null"),
  },
  {
    name: "another-file",
    of: "safetensors",
    says: /is no safetensors file/,
    change: () => "<!doctype html><title>404</title>".repeat(50),
  },
  header("negative-offset", /has the offsets \[-8,/, (entry) => {
    entry.data_offsets[0] = -8;
  }),
  header("offset-beyond", /begins at \d+ where \d+ is expected|would end at byte \d{13}/, (entry) => {
    entry.data_offsets = entry.data_offsets.map((offset) => offset + 2 ** 40);
  }),
  header("offset-not-whole", /has the offsets \[\d+,\d+\.5\]/, (entry) => {
    entry.data_offsets[1] = (entry.data_offsets[1] as number) + 0.5;
  }),
  header("offset-huge", /has the offsets \[\d+,1e\+300\]/, (entry) => {
    entry.data_offsets[1] = 1e300;
  }),
  header("overlap", /begins at 0 where \d+ is expected|lacks the tensor|takes \d+ bytes/, (entry) => {
    const size = (entry.data_offsets[1] as number) - (entry.data_offsets[0] as number);
    entry.data_offsets = [0, size];
  }),
  header("huge-shape", /takes \d+ bytes where .* \[2147483648, 2147483648\] make/, (entry) => {
    entry.shape = [2 ** 31, 2 ** 31];
  }),
  header("negative-shape", /has the shape \[-/, (entry) => {
    entry.shape = entry.shape.map((dim) => -dim);
  }),
  header("transposed", /as \[1, .*its configuration asks for/, (entry) => {
    entry.shape = [...entry.shape, 1].reverse();
  }),
  header("unknown-type", /has the unknown dtype "F99"/, (entry) => {
    entry.dtype = "F99";
  }),
  header("integers", /as I32; expected F32, F16, BF16|takes \d+ bytes where I32/, (entry) => {
    entry.dtype = "I32";
  }),
  header(
    "missing",
    /begins at \d+ where \d+ is expected|lacks the tensor|has \d+ bytes/,
    (_entry, _random, all, key) => {
      delete all[key];
    },
  ),
  header("renamed", /lacks the tensor|the files belong to different models/, (entry, _random, all, key) => {
    delete all[key];
    all[`${key}.other`] = entry;
  }),
  {
    name: "numbers",
    of: "safetensors",
    says: undefined,
    change: (bytes, random) => {
      const start = 8 + Number(bytes.readBigUInt64LE(0));
      for (let i = 0; i < 400; i++) bytes[start + random(bytes.length - start)] = random(256);
      return bytes;
    },
  },
  {
    name: "nan",
    of: "safetensors",
    says: undefined,
    change: (bytes) => {
      const start = 8 + Number(bytes.readBigUInt64LE(0));
      return bytes.fill(0xff, start);
    },
  },
];

const config = (
  name: string,
  says: RegExp,
  change: (config: Record<string, unknown>, random: (below: number) => number) => void,
): Damage => ({
  name,
  of: "config",
  says,
  change: (bytes, random) => {
    const parsed = JSON.parse(bytes.toString()) as Record<string, unknown>;
    change(parsed, random);
    return JSON.stringify(parsed);
  },
});

const configDamages: Damage[] = [
  {
    name: "config-not-json",
    of: "config",
    says: /config\.json holds no JSON object/,
    change: () => "hidden_size = 48",
  },
  { name: "config-empty", of: "config", says: /config\.json holds no JSON object/, change: () => "" },
  config("config-heads", /3 heads and \d key-value heads; expected a multiple/, (it) => {
    it.num_attention_heads = 3;
  }),
  config("config-no-heads", /num_attention_heads = 0/, (it) => {
    it.num_attention_heads = 0;
  }),
  config("config-kv-heads", /3 key-value heads; expected a multiple/, (it) => {
    it.num_key_value_heads = 3;
  }),
  config("config-vocabulary", /asks for \[1000000000, /, (it) => {
    it.vocab_size = 1e9;
  }),
  config("config-hidden", /hidden_size = |head_dim = |its configuration asks for/, (it, random) => {
    it.hidden_size = [0, -48, 47, 1e12, "48", null][random(6)];
  }),
  config("config-layers", /num_hidden_layers = |lacks the tensor model\.layers\.3\./, (it, random) => {
    it.num_hidden_layers = [0, -1, 4, 1e9, 2.5][random(5)];
  }),
  config("config-context", /max_position_embeddings = /, (it, random) => {
    it.max_position_embeddings = [0, -5, 1e18, "many"][random(4)];
  }),
  config("config-eps", /rms_norm_eps = /, (it, random) => {
    it.rms_norm_eps = ["small", -1, 0][random(3)];
  }),
  config("config-architecture", /a model of type "gpt2"/, (it) => {
    it.model_type = "gpt2";
    it.architectures = ["GPT2LMHeadModel"];
  }),
];

const gguf = (
  name: string,
  says: RegExp,
  change: (bytes: Buffer, random: (below: number) => number) => Buffer,
): Damage => ({
  name,
  of: "gguf",
  says,
  change,
});

const ggufDamages: Damage[] = [
  gguf("gguf-head-alone", /claims the tensor .* in a file of 4000000 bytes/, (bytes) => bytes),
  gguf("gguf-truncated", /ends inside its header|claims the tensor .* in a file of/, (bytes, random) =>
    bytes.subarray(0, 24 + random(bytes.length - 24)),
  ),
  gguf("gguf-magic", /begins with "GGML", not "GGUF"/, (bytes) =>
    Buffer.concat([Buffer.from("GGML"), bytes.subarray(4)]),
  ),
  gguf("gguf-version", /is GGUF version \d+; expected version 2 or 3/, (bytes, random) => {
    bytes.writeUInt32LE([0, 1, 4, 0xffffffff][random(4)] as number, 4);
    return bytes;
  }),
  gguf("gguf-tensor-count", /a number of tensors of|holds no tensor/, (bytes, random) => {
    bytes.writeBigUInt64LE([0n, 1n, 2n ** 32n, 2n ** 64n - 1n][random(4)] as bigint, 8);
    return bytes;
  }),
  gguf("gguf-metadata-count", /a number of metadata entries of|has \d+ dimensions|holds no/, (bytes, random) => {
    bytes.writeBigUInt64LE([0n, 2n, 2n ** 40n, 2n ** 64n - 1n][random(4)] as bigint, 16);
    return bytes;
  }),
  gguf("gguf-key-length", /a metadata key with a length of 1125899906842624/, (bytes) => {
    bytes.writeBigUInt64LE(2n ** 50n, 24);
    return bytes;
  }),
  gguf("gguf-random-bytes", /is damaged: |ends inside its header/, (bytes, random) => {
    for (let i = 0; i < 60; i++) bytes[24 + random(2000)] = random(256);
    return bytes;
  }),
];
