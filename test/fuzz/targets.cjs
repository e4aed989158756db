/**
 * What is fuzzed: by format the reader's files, valid inputs to begin with, how inputs are changed, and what is done with
 * one. A target may refuse an input with a sentence; whatever else it throws, and whatever lasts, is a finding.
 */
const { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join, resolve } = require("node:path");

const root = resolve(__dirname, "../..");
const dist = join(root, "dist", "src");
const golden = join(root, "test", "golden");
const load = (name) => require(join(dist, name));
const read = (...parts) => readFileSync(join(golden, ...parts));

/** Folders of models in safetensors, all tiny. */
const models = ["tiny", "family"].flatMap((kind) =>
  readdirSync(join(golden, kind), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && readdirSync(join(golden, kind, entry.name)).includes("config.json"))
    .map((entry) => join(kind, entry.name)),
);
const weightsOf = (model) => readdirSync(join(golden, model)).filter((name) => /^model.*\.safetensors$/.test(name));

/** The header of a safetensors file: it is all of an input, and the file's data are as long as it says. */
function safetensorsHeader(bytes) {
  return bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE()));
}

/** Whether an input is read from the disk, too, which costs more: the first of all, then some. */
let inputs = 0;
const throughFile = (input) => inputs++ < 100 || input.length % 61 === 0;

/** A GGUF file without its numbers but with their length: as many zeros as a header can speak of. */
const withData = (head, data) => Buffer.concat([head, Buffer.alloc(data)]);

/** A folder that goes with the process. */
function temporary() {
  const folder = mkdtempSync(join(tmpdir(), "phi3lab-fuzz-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const base = {
  version: "1.0",
  added_tokens: [
    { id: 0, content: "<unk>", special: true },
    { id: 1, content: "<s>", special: true },
    { id: 2, content: "</s>", special: true },
    { id: 40, content: "<|x|>", special: false, lstrip: true, rstrip: true, single_word: true, normalized: true },
  ],
};
const letters = Object.fromEntries(
  ["<unk>", "<s>", "</s>", "▁", "a", "b", "ab", "Ġ", "Ġa", "1"].map((text, i) => [text, i]),
);
const bpe = { type: "BPE", vocab: letters, merges: ["a b", "Ġ a"], unk_token: "<unk>", byte_fallback: false };
const tokenizers = [
  { ...base, model: bpe, normalizer: null, pre_tokenizer: null, post_processor: null, decoder: { type: "Fuse" } },
  {
    ...base,
    model: { ...bpe, merges: [["a", "b"]], byte_fallback: true, fuse_unk: true },
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "Prepend", prepend: "▁" },
        { type: "Replace", pattern: { String: " " }, content: "▁" },
        { type: "NFC" },
        { type: "Lowercase" },
      ],
    },
    pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split: true },
    post_processor: {
      type: "TemplateProcessing",
      single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
      pair: [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 1 } }],
      special_tokens: { "<s>": { id: "<s>", ids: [1], tokens: ["<s>"] } },
    },
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        { type: "Strip", content: " ", start: 1, stop: 0 },
      ],
    },
  },
  {
    ...base,
    model: bpe,
    normalizer: { type: "NFKC" },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        {
          type: "Split",
          pattern: { Regex: "\\p{N}{1,3}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+" },
          behavior: "Isolated",
          invert: false,
        },
        { type: "Digits", individual_digits: true },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: { type: "ByteLevel", add_prefix_space: true, trim_offsets: false, use_regex: true },
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
  },
  {
    ...base,
    model: {
      type: "Unigram",
      vocab: [
        ["<unk>", 0],
        ["<s>", 0],
        ["</s>", 0],
        ["▁", -1],
        ["a", -2],
        ["ab", -1.5],
      ],
      unk_id: 0,
    },
    pre_tokenizer: { type: "Whitespace" },
  },
  {
    ...base,
    model: {
      type: "WordPiece",
      vocab: { "[UNK]": 0, a: 1, "##b": 2 },
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
    },
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
  },
  {
    ...base,
    model: { type: "WordLevel", vocab: { "<unk>": 0, a: 1 }, unk_token: "<unk>" },
    pre_tokenizer: { type: "WhitespaceSplit" },
  },
];

const templates = [
  "{% for message in messages %}{{'<|' + message['role'] + '|>' + '\\n' + message['content'] + '<|end|>\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}",
  "{%- set ns = namespace(a=0) -%}{% for m in messages if m.role != 'system' %}{% set ns.a = ns.a + loop.index0 %}{{ m.content | trim | upper }}{% else %}none{% endfor %}{{ ns.a }}",
  "{% macro f(x, y=1) %}{{ x ~ y }}{% endmacro %}{{ f(messages[0].content[:2], y=[1,2]|length) }}{{ messages | tojson }}{{ raise_exception('no') if messages|length > 9 }}",
  "{{ bos_token }}{% if not loop is defined and messages[0]['role'] in ['user','x'] %}{{ messages[-1].content.split(' ')|join(',') }}{% elif true %}{{ {'a': 1}.items()|list }}{% endif %}",
];

/** Errors by which JavaScript says that a program is wrong, whatever a reader makes of its input. */
const internal =
  /Cannot (?:read|set|convert|mix|destructure|access)|is not (?:a function|iterable|an object|a constructor|defined)|undefined|Maximum call stack|Invalid (?:array|string|typed array) length|Invalid array|out of memory|regular expression too large|\[object Object\]/i;

/**
 * The targets; each is made once, behind the counters.
 *
 * @returns {{ reader: RegExp, kind: "bytes" | "json", heavy?: boolean, seeds: () => Buffer[], run: (input: Buffer) => unknown, refuses: (error: Error) => boolean }}
 */
const makers = {
  safetensors() {
    const { parseSafetensors, readSafetensors } = load("weights/safetensors.js");
    const file = join(temporary(), "a.safetensors");
    const { Checkpoint } = load("weights/checkpoint.js");
    const { assignRoles } = load("weights/roles.js");
    const { readConfig, WeightsError } = load("weights/index.js");
    const config = readConfig(join(golden, "tiny", "grouped"));
    return {
      reader: /weights\/(safetensors|members|checkpoint)\.js$/,
      kind: "json",
      seeds: () => models.flatMap((model) => weightsOf(model).map((name) => safetensorsHeader(read(model, name)))),
      async run(input) {
        const ends = [...input.toString("latin1").matchAll(/"data_offsets":\[\d+,(\d+)\]/g)].map((match) =>
          Number(match[1]),
        );
        const data = Math.min(Math.max(0, ...ends), 2 ** 40);
        if (throughFile(input)) {
          const length = Buffer.alloc(8);
          length.writeBigUInt64LE(BigInt(input.length));
          // Now and then the file itself is what is odd.
          const whole = input.length % 5 === 0 ? input : Buffer.concat([length, input]);
          writeFileSync(file, whole);
          if (data < 1e6) truncateSync(file, whole.length + data);
          await readSafetensors(file);
        }
        const tensors = parseSafetensors("a.safetensors", input, 8 + input.length + data);
        const checkpoint = new Checkpoint(
          "a.safetensors",
          tensors.map((one) => ({ ...one, file: 0 })),
          { block: [128, 128] },
        );
        checkpoint.read(assignRoles("a.safetensors", await config, checkpoint.parts, "transformers"));
      },
      refuses: (error) => error instanceof WeightsError,
    };
  },
  gguf() {
    const { parseGguf, readGguf } = load("weights/gguf.js");
    const { ggufConfig } = load("weights/gguf_config.js");
    const { runnable } = load("weights/gguf_parts.js");
    const { checkArchitecture, architectureOf } = load("weights/architecture.js");
    const { assignRoles } = load("weights/roles.js");
    const { refusal, WeightsError } = load("weights/error.js");
    const file = join(temporary(), "a.gguf");
    const data = 300_000;
    return {
      reader: /weights\/gguf(_config|_types)?\.js$/,
      kind: "bytes",
      seeds() {
        const files = ["tiny_gguf", "gguf_formats", "family"].flatMap((kind) =>
          readdirSync(join(golden, kind), { recursive: true })
            .filter((name) => name.endsWith(".gguf"))
            .map((name) => join(kind, name)),
        );
        // The header alone: its tensors' data are put behind it again.
        return files.map((file) => {
          const bytes = read(file);
          const first = Math.min(...parseGguf("a.gguf", bytes).tensors.map(({ offset }) => offset));
          return bytes.subarray(0, first);
        });
      },
      async run(input) {
        if (throughFile(input)) {
          writeFileSync(file, input);
          truncateSync(file, input.length + data);
          await readGguf(file);
        }
        const gguf = parseGguf(file, withData(input, data));
        for (const value of gguf.metadata.values()) if (value.strings) [value.strings(), value.numbers()];
        // The factors of rotary embeddings are read from it.
        if (gguf.tensors.some(({ name }) => name.startsWith("rope"))) {
          writeFileSync(file, input);
          truncateSync(file, input.length + data);
        }
        const model = { ...gguf, files: [file], tensors: gguf.tensors.map((tensor) => ({ ...tensor, file: 0 })) };
        const config = await ggufConfig(model);
        checkArchitecture(config, refusal(file));
        assignRoles(file, config, runnable(model), "gguf");
        architectureOf(config);
      },
      refuses: (error) => error instanceof WeightsError,
    };
  },
  index() {
    const { parseIndex, readIndex, WeightsError } = load("weights/index.js");
    const { jsonObject, readJson } = load("weights/json.js");
    const file = join(temporary(), "index.json");
    return {
      reader: /weights\/json\.js$/,
      kind: "json",
      seeds: () => [
        read("tiny", "sharded", "model.safetensors.index.json"),
        Buffer.from('{"metadata":{"total_size":NaN},"weight_map":{"a":"b/c.safetensors"}}'),
        Buffer.from('{"weight_map":{"a\\"":"b.safetensors"},"x":[Infinity,{"y":-Infinity}]}'),
      ],
      async run(input) {
        if (throughFile(input)) {
          writeFileSync(file, input);
          await readIndex(file);
          await readJson(file);
        }
        // As a long one is looked through first.
        if (input.length % 97 === 0) jsonObject(file, input.toString().padEnd(4_000_100));
        parseIndex(file, input.toString());
      },
      refuses: (error) => error instanceof WeightsError,
    };
  },
  config() {
    const { configOf, readConfig } = load("weights/config.js");
    const folder = temporary();
    const { jsonObject } = load("weights/json.js");
    const { checkArchitecture, architectureOf } = load("weights/architecture.js");
    const { readQuantisation } = load("weights/quantised.js");
    const { refusal, WeightsError } = load("weights/error.js");
    return {
      reader: /weights\/(config|fields|rope|architecture)\.js$/,
      kind: "json",
      seeds: () => models.map((model) => read(model, "config.json")),
      async run(input) {
        if (throughFile(input)) {
          writeFileSync(join(folder, "config.json"), input);
          await readConfig(folder);
        }
        const json = jsonObject("config.json", input.toString());
        const { config, fields } = configOf("config.json", json, json.generation ?? json);
        checkArchitecture(config, refusal("config.json"));
        readQuantisation(fields);
        architectureOf(config);
      },
      refuses: (error) => error instanceof WeightsError,
    };
  },
  tokenizer() {
    const { AutoTokenizer } = load("index.js");
    const folder = temporary();
    return {
      reader: /src\/tokenizer\/(load|tokenizer|special|repair)\.js$/,
      kind: "json",
      heavy: true,
      seeds: () => tokenizers.map((tokenizer) => Buffer.from(JSON.stringify(tokenizer))),
      async run(input) {
        writeFileSync(join(folder, "tokenizer.json"), input);
        writeFileSync(
          join(folder, "tokenizer_config.json"),
          input.subarray(0, input.length % 3 === 0 ? input.length : 0),
        );
        if (input.length % 3 !== 0) rmSync(join(folder, "tokenizer_config.json"));
        const tokenizer = await AutoTokenizer.from_pretrained(folder);
        for (const text of ["", "a ab <|x|> 1b", "</s>é\u0000 \n"]) tokenizer.decode(tokenizer.encode(text));
      },
      refuses: (error) => !internal.test(error.message),
    };
  },
  template() {
    const { AutoTokenizer } = load("index.js");
    const folder = temporary();
    writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(tokenizers[0]));
    const made = AutoTokenizer.from_pretrained(folder);
    const messages = [
      { role: "system", content: "be" },
      { role: "user", content: "Hi there" },
      { role: "assistant", content: "" },
    ];
    return {
      reader: /src\/tokenizer\/chat\.js$/,
      kind: "bytes",
      heavy: true,
      seeds: () => templates.map((template) => Buffer.from(template)),
      run: async (input) =>
        (await made).apply_chat_template(messages, {
          tokenize: false,
          chat_template: input.toString(),
          add_generation_prompt: true,
        }),
      refuses: (error) => !internal.test(error.message),
    };
  },
};

module.exports = { makers, root };
