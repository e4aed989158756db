/** The header of a GGUF file, without its tensors' data but with their length, to a model's weights and to a tokenizer. */
const { readdirSync, truncateSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { entry, ggufTokenizers, sizes, u32, u64, withEntries } = require("../gguf_bytes.cjs");
const { golden, isSentence, load, read, sometimes, temporary } = require("./common.cjs");

/** Bytes behind a header, which are zeros; in a file they are more than what is read at first. */
const data = 300_000;
const dataInFile = 6_000_000;
const dictionary = [
  "rope_freqs.weight",
  "rope_factors_short.weight",
  "rope_factors_long.weight",
  "llama.rope.scaling.type",
  "linear",
  "yarn",
  "llama.rope.scale_linear",
  "llama.rope.scaling.factor",
  "llama.rope.scaling.attn_factor",
  "general.alignment",
  "split.no",
  "split.count",
  "split.tensors.count",
  "general.architecture",
  "llama",
  "phi3",
  "qwen2",
  "tokenizer.ggml.eos_token_id",
];

function gguf() {
  const { parseGguf, readGguf } = load("weights/gguf.js");
  const { ggufConfig } = load("weights/gguf_config.js");
  const { runnable } = load("weights/gguf_parts.js");
  const { checkArchitecture, architectureOf } = load("weights/architecture.js");
  const { assignRoles } = load("weights/roles.js");
  const { refusal, WeightsError } = load("weights/error.js");
  const file = join(temporary(), "a.gguf");
  const throughFile = sometimes();
  const write = (input) => {
    writeFileSync(file, input);
    truncateSync(file, input.length + dataInFile);
  };
  return {
    reader: /weights\/gguf(_config|_types|_rope)?\.js$/,
    kind: "bytes",
    dictionary,
    seeds() {
      const files = ["tiny_gguf", "gguf_formats", "family"].flatMap((kind) =>
        readdirSync(join(golden, kind), { recursive: true })
          .filter((name) => name.endsWith(".gguf"))
          .map((name) => join(kind, name)),
      );
      // The header alone: its tensors' data are put behind it again.
      const heads = files.map((file) => {
        const bytes = read(file);
        const first = Math.min(...parseGguf("a.gguf", bytes).tensors.map(({ offset }) => offset));
        return bytes.subarray(0, first);
      });
      const [head] = heads;
      const empty = Buffer.concat([Buffer.from("GGUF"), u32(3), u64(0), u64(0)]);
      const at = (change) => {
        const copy = Buffer.from(head);
        change(copy);
        return copy;
      };
      return [
        ...heads,
        at((bytes) => bytes.writeUInt32BE(3, 4)),
        at((bytes) => bytes.writeUInt32LE(1, 4)),
        at((bytes) => bytes.writeUInt32LE(2 ** 31, 8)),
        at((bytes) => bytes.writeUInt32LE(70_000, 16)),
        withEntries(head, entry("general.alignment", 4, u32(64))),
        withEntries(head, entry("general.alignment", 4, u32(3))),
        withEntries(head, entry("split.count", 2, Buffer.from([2, 0])), entry("split.no", 2, Buffer.from([0, 0]))),
        withEntries(
          head,
          ...[0, 1, 3, 5, 6, 7, 10, 11, 12].map((type) =>
            entry(`a.${type}`, type, Buffer.alloc(8, 255).subarray(0, sizes[type])),
          ),
        ),
        withEntries(
          head,
          entry("a.list", 9, Buffer.concat([u32(6), u64(3), Buffer.alloc(12)])),
          entry("a.texts", 9, Buffer.concat([u32(8), u64(1), u64(2), Buffer.from("hi")])),
        ),
        // A text that goes on behind what is read at first, one that never ends, and a header that is too large.
        ...[5e6, 2 ** 31, 2 ** 28 + 9].map((length) => withEntries(empty, entry("a.long", 8, u64(length)))),
        withEntries(head, entry("a.nested", 9, Buffer.concat([u32(9), u64(1)]))),
        withEntries(
          head,
          entry("llama.rope.scaling.type", 8, Buffer.concat([u64(4), Buffer.from("yarn")])),
          entry("llama.rope.scaling.factor", 6, Buffer.from([0, 0, 128, 64])),
        ),
      ];
    },
    async run(input) {
      const written = throughFile();
      if (written) {
        write(input);
        await readGguf(file);
      }
      const gguf = parseGguf(file, input, input.length + data);
      for (const value of gguf.metadata.values()) if (value.strings) [value.strings(), value.numbers()];
      // The factors of rotary embeddings are read from it.
      if (!written && gguf.tensors.some(({ name }) => name.startsWith("rope"))) write(input);
      const model = { ...gguf, files: [file], tensors: gguf.tensors.map((tensor) => ({ ...tensor, file: 0 })) };
      const config = await ggufConfig(model);
      checkArchitecture(config, refusal(file));
      assignRoles(file, config, runnable(model), "gguf");
      architectureOf(config);
    },
    refuses: (error) => error instanceof WeightsError,
  };
}

function gguf_tokenizer() {
  const { parseGguf } = load("weights/gguf.js");
  const { ggufTokenizer } = load("tokenizer/gguf.js");
  const { PreTrainedTokenizer } = load("tokenizer/tokenizer.js");
  return {
    reader: /tokenizer\/gguf(_pre|_special)?\.js$/,
    kind: "bytes",
    heavy: true,
    largest: 4096,
    seeds: ggufTokenizers,
    run(input) {
      const tokenizer = new PreTrainedTokenizer(ggufTokenizer(parseGguf("a.gguf", input)));
      for (const text of ["a b<s>", "12 é\n"]) tokenizer.decode(tokenizer.encode(text));
    },
    refuses: isSentence,
  };
}

module.exports = { gguf, gguf_tokenizer };
