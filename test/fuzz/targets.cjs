/**
 * What is fuzzed: by format the reader's files, valid inputs to begin with, how inputs are changed, and what is done with
 * one. A target may refuse an input with a sentence; whatever else it throws, and whatever lasts, is a finding.
 */
const { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join, resolve } = require("node:path");

const { entry, sizes, u32, u64, withEntries } = require("./gguf_bytes.cjs");
const { templates, tokenizers } = require("./texts.cjs");

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

/** Whether an error is a sentence of ours, and none by which JavaScript says that a program is wrong. */
const isSentence = (error) =>
  !["TypeError", "RangeError", "SyntaxError", "ReferenceError", "InternalError"].includes(error.name) ||
  error.message.startsWith("Expected ");

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
    // Their configurations, of which an input's own is one.
    const configs = ["grouped", "fp8_block", "fp8_channel", "f64", "llama"].map((name) =>
      readConfig(join(golden, "tiny", name)),
    );
    const renamed = (header, rename) =>
      Buffer.from(
        JSON.stringify(
          Object.fromEntries(Object.entries(JSON.parse(header)).map(([name, value]) => [rename(name), value])),
        ),
      );
    return {
      reader: /weights\/(safetensors|members|checkpoint)\.js$/,
      kind: "json",
      seeds() {
        const plain = models.flatMap((model) => weightsOf(model).map((name) => safetensorsHeader(read(model, name))));
        const [first] = plain;
        const note = JSON.stringify({ format: "pt", note: '\\"x'.repeat(8000) });
        return [
          ...plain,
          renamed(first, (name) => name.replace(/^model\./, "")),
          renamed(first, (name) =>
            name.replace(/^model\./, "language_model.model.").replace(/^lm_head/, "language_model.lm_head"),
          ),
          renamed(first, (name) => name.replace(/proj\.weight$/, "proj.qweight")),
          renamed(first, (name) => name.replace(/^lm_head\.weight$/, "model.layers.0.self_attn.attn.bias")),
          Buffer.from(`{"__metadata__":${note}, ${first.toString().trim().slice(1)}`),
          Buffer.from(`{"__metadata__":[${note}]}`),
        ];
      },
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
        let refused;
        for (const config of configs)
          try {
            return checkpoint.read(assignRoles("a.safetensors", await config, checkpoint.parts, "transformers"));
          } catch (error) {
            if (!this.refuses(error)) throw error;
            refused = error;
          }
        throw refused;
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
        const heads = files.map((file) => {
          const bytes = read(file);
          const first = Math.min(...parseGguf("a.gguf", bytes).tensors.map(({ offset }) => offset));
          return bytes.subarray(0, first);
        });
        const [head] = heads;
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
          withEntries(head, entry("a.nested", 9, Buffer.concat([u32(9), u64(1)]))),
          withEntries(
            head,
            entry("llama.rope.scaling.type", 8, Buffer.concat([u64(4), Buffer.from("yarn")])),
            entry("llama.rope.scaling.factor", 6, Buffer.from([0, 0, 128, 64])),
          ),
        ];
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
        if (inputs % 2000 === 3) jsonObject(file, input.toString().padEnd(4_000_100));
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
      refuses: isSentence,
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
      refuses: isSentence,
    };
  },
};

module.exports = { makers, root };
