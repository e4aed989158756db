/** Pieces of GGUF headers, for inputs to begin with. */

/** Bytes of a metadata value by its type; 0: another way. */
const sizes = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];
function u32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
const u64 = (value) => Buffer.concat([u32(value), u32(0)]);
/** An entry of GGUF's metadata. */
const entry = (key, type, value) => Buffer.concat([u64(key.length), Buffer.from(key), u32(type), value]);

/** A GGUF header with more entries, at the front. */
function withEntries(head, ...entries) {
  const count = head.readUInt32LE(16) + entries.length;
  return Buffer.concat([head.subarray(0, 16), u64(count), ...entries, head.subarray(24)]);
}

const text = (value) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
const string = (key, value) => entry(key, 8, text(value));
const strings = (key, list) => entry(key, 9, Buffer.concat([u32(8), u64(list.length), ...list.map(text)]));
function floats(key, list) {
  const bytes = Buffer.alloc(4 * list.length);
  for (const [i, value] of list.entries()) bytes.writeFloatLE(value, 4 * i);
  return entry(key, 9, Buffer.concat([u32(6), u64(list.length), bytes]));
}
const integers = (key, list) => entry(key, 9, Buffer.concat([u32(5), u64(list.length), ...list.map(u32)]));
const ggml = "tokenizer.ggml";

/** A GGUF file of a tokenizer alone. */
function tokenizerFile(...entries) {
  return Buffer.concat([Buffer.from("GGUF"), u32(3), u64(0), u64(entries.length), ...entries, Buffer.alloc(64)]);
}

/** Tokenizers of every kind that GGUF files have, by llama.cpp's names. */
function ggufTokenizers() {
  const words = ["<unk>", "<s>", "</s>", "▁", "a", "b", "ab", "▁a", "Ġ", "Ġa", "1", "<|x|>", "[INST]", "<|end|>", ""];
  const types = [2, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 4, 4, 3, 5];
  const special = ["bos", "eos", "unknown", "padding"].map((name, i) => entry(`${ggml}.${name}_token_id`, 4, u32(i)));
  const common = (architecture) => [
    string("general.architecture", architecture),
    entry(`${architecture}.context_length`, 4, u32(64)),
    strings(`${ggml}.tokens`, words),
    integers(`${ggml}.token_type`, types),
    ...special,
    string("tokenizer.chat_template", "{{ messages }}"),
  ];
  const flag = (name, value) => entry(`${ggml}.${name}`, 7, Buffer.from([value]));
  const scores = floats(
    `${ggml}.scores`,
    words.map((_, i) => -i),
  );
  const merges = strings(`${ggml}.merges`, ["a b", "Ġ a"]);
  const sentencePiece = ["llama", "phi3"].flatMap((architecture) => {
    const kind = [...common(architecture), string(`${ggml}.model`, "llama")];
    return [[...kind, scores], [...kind, merges, flag("add_bos_token", 1), flag("add_space_prefix", 0)], kind];
  });
  const names = [
    "gpt-2",
    "llama-bpe",
    "qwen2",
    "tekken",
    "deepseek-llm",
    "dbrx",
    "gpt-4o",
    "smollm",
    "default",
    "nonesuch",
  ];
  const byteLevel = names.flatMap((pre) =>
    ["llama", "phi3"].map((architecture) => [
      ...common(architecture),
      string(`${ggml}.model`, "gpt2"),
      string(`${ggml}.pre`, pre),
      merges,
      flag("add_eos_token", 1),
    ]),
  );
  const odd = [
    [string(`${ggml}.model`, "bert")],
    common("llama"),
    [...common("llama"), string(`${ggml}.model`, "gpt2")],
  ];
  return [...sentencePiece, ...byteLevel, ...odd].map((entries) => tokenizerFile(...entries));
}

module.exports = { entry, ggufTokenizers, sizes, u32, u64, withEntries };
