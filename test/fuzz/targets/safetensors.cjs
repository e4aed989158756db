/** The header of a safetensors file: it is all of an input, and the file's data are as long as it says. */
const { readdirSync, truncateSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { golden, load, models, read, sometimes, temporary } = require("./common.cjs");

const weightsOf = (model) => readdirSync(join(golden, model)).filter((name) => /^model.*\.safetensors$/.test(name));
const headerOf = (bytes) => bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE()));

function safetensors() {
  const { parseSafetensors, readSafetensors } = load("weights/safetensors.js");
  const file = join(temporary(), "a.safetensors");
  const { Checkpoint } = load("weights/checkpoint.js");
  const { assignRoles } = load("weights/roles.js");
  const { readConfig, WeightsError } = load("weights/index.js");
  const throughFile = sometimes();
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
      const plain = models.flatMap((model) => weightsOf(model).map((name) => headerOf(read(model, name))));
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
        Buffer.from(
          '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[],"data_offsets":[8,9]}}',
        ),
      ];
    },
    run(input) {
      if (throughFile()) return fromFile(input);
      return parse(input);
    },
    refuses: (error) => error instanceof WeightsError,
  };

  function dataOf(input) {
    const ends = [...input.toString("latin1").matchAll(/"data_offsets":\[\d+,(\d+)\]/g)].map((match) =>
      Number(match[1]),
    );
    return Math.min(Math.max(0, ...ends), 2 ** 40);
  }
  async function fromFile(input) {
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(input.length));
    // Now and then the file itself is what is odd.
    const whole = input.length % 5 === 0 ? input : Buffer.concat([length, input]);
    writeFileSync(file, whole);
    const data = dataOf(input);
    if (data < 1e6) truncateSync(file, whole.length + data);
    await readSafetensors(file);
    await parse(input);
  }
  async function parse(input) {
    const tensors = parseSafetensors("a.safetensors", input, 8 + input.length + dataOf(input));
    const checkpoint = new Checkpoint(
      "a.safetensors",
      tensors.map((one) => ({ ...one, file: 0 })),
      { block: [128, 128] },
    );
    let refused;
    for (const config of configs)
      try {
        checkpoint.read(assignRoles("a.safetensors", await config, checkpoint.parts, "transformers"));
        return;
      } catch (error) {
        if (!(error instanceof WeightsError)) throw error;
        refused = error;
      }
    throw refused;
  }
}

module.exports = { safetensors };
