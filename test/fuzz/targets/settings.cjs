/** JSON beside the weights: an index of shards, a configuration. */
const { writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { load, models, read, sometimes, temporary } = require("./common.cjs");

function index() {
  const { parseIndex, readIndex, WeightsError } = load("weights/index.js");
  const { jsonObject, readJson } = load("weights/json.js");
  const file = join(temporary(), "index.json");
  const throughFile = sometimes();
  let inputs = 0;
  const fromFile = async (input) => {
    writeFileSync(file, input);
    await readIndex(file);
    await readJson(file);
  };
  return {
    reader: /weights\/json\.js$/,
    kind: "json",
    largest: 8192,
    seeds: () => [
      read("tiny", "sharded", "model.safetensors.index.json"),
      Buffer.from('{"metadata":{"total_size":NaN},"weight_map":{"a":"b/c.safetensors"}}'),
      Buffer.from('{"weight_map":{"a\\"":"b.safetensors"},"x":[Infinity,{"y":-Infinity}]}'),
    ],
    run(input) {
      if (throughFile()) return fromFile(input);
      const text = input.toString();
      // As a long one is looked through first.
      if (inputs++ % 4096 === 3) jsonObject(file, text.padEnd(4_000_100));
      parseIndex(file, text);
      return undefined;
    },
    refuses: (error) => error instanceof WeightsError,
  };
}

const compressed = { quant_method: "compressed-tensors", format: "float-quantized" };
/** What configurations say of weights that somebody quantised. */
const quantised = [
  { quant_method: "fp8", weight_block_size: [128, 128] },
  { quant_method: "fbgemm_fp8", weight_block_size: [0, "a"] },
  { quant_method: "gptq", bits: 4 },
  { ...compressed, sparsity_config: { format: "dense" }, transform_config: {} },
  { ...compressed, sparsity_config: { format: "sparse-24-bitmask" } },
  { ...compressed, transform_config: { a: 1 } },
  { quant_method: "compressed-tensors" },
  {},
];

function config() {
  const { configOf, readConfig } = load("weights/config.js");
  const folder = temporary();
  const { jsonObject } = load("weights/json.js");
  const { checkArchitecture, architectureOf } = load("weights/architecture.js");
  const { readQuantisation } = load("weights/quantised.js");
  const { refusal, WeightsError } = load("weights/error.js");
  const throughFile = sometimes();
  const fromFile = async (input) => {
    writeFileSync(join(folder, "config.json"), input);
    await readConfig(folder);
  };
  return {
    reader: /weights\/(config|fields|rope|architecture|quantised)\.js$/,
    kind: "json",
    largest: 8192,
    seeds: () => [
      ...models.map((model) => read(model, "config.json")),
      ...quantised.map((quantization_config) => {
        const json = JSON.parse(read(models[0], "config.json"));
        return Buffer.from(JSON.stringify({ ...json, quantization_config, generation: { eos_token_id: [1, 2] } }));
      }),
    ],
    run(input) {
      if (throughFile()) return fromFile(input);
      const json = jsonObject("config.json", input.toString());
      const { config, fields } = configOf("config.json", json, json.generation ?? json);
      checkArchitecture(config, refusal("config.json"));
      readQuantisation(fields);
      architectureOf(config);
      return undefined;
    },
    refuses: (error) => error instanceof WeightsError,
  };
}

module.exports = { config, index };
