/** The tokenizers of the model families give what the Rust library gives, from tokenizer.json and from a GGUF file. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { AutoTokenizer, type PreTrainedTokenizer } from "../../../src/tokenizer";
import { referencePython } from "../reference";
import { gguf, type GgufField } from "../weights/files";
import { ask, digests, makeLayoutGoldens, textsADigest } from "./layouts/goldens";
import stored from "./layouts/goldens.json";
import { ggufFields, type Layout, layouts } from "./layouts/layouts";
import { layoutTexts } from "./layouts/texts";
import { phi3Gguf } from "./models";

const goldens: Record<string, string> = stored.goldens;

async function load(write: (folder: string) => string): Promise<PreTrainedTokenizer> {
  const folder = mkdtempSync(join(tmpdir(), "phi3lab-layout-"));
  try {
    return await AutoTokenizer.from_pretrained(write(folder));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const fromJson = async ({ json: read, config }: Pick<Layout, "json" | "config">) => {
  const json = await read();
  return load((folder) => {
    writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(json));
    if (config) writeFileSync(join(folder, "tokenizer_config.json"), JSON.stringify(config));
    return folder;
  });
};

const fromGguf = (fields: GgufField[]) =>
  load((folder) => {
    const file = join(folder, "model.gguf");
    writeFileSync(file, gguf({ fields, tensors: [], dataLength: 0 }));
    return file;
  });

/** Replaces fields, or leaves out those given as undefined. */
function changed(
  fields: GgufField[],
  changes: Record<string, [type: number, value: unknown] | undefined>,
): GgufField[] {
  const kept = fields.filter(([key]) => !(key in changes));
  const more = Object.entries(changes).flatMap(([key, field]) => (field ? [[key, ...field] as GgufField] : []));
  return [...kept, ...more];
}

describe("tokenizers of the model families", function () {
  this.timeout(120_000);
  const texts = layoutTexts();

  async function compare(tokenizer: PreTrainedTokenizer, name: string): Promise<void> {
    const ids = texts.map((text) => tokenizer.encode(text));
    const decoded = ids.map((row) =>
      [false, true].map((skip_special_tokens) => tokenizer.decode(row, { skip_special_tokens })),
    );
    const expected = (goldens[name] as string).split(" ");
    const differing = digests(ids, decoded)
      .split(" ")
      .findIndex((digest, i) => digest !== expected[i]);
    if (differing < 0) return;
    const python = process.env.PHI3LAB_REFERENCE_PYTHON;
    if (python === undefined)
      assert.fail(`one of the texts from ${textsADigest * differing} on; PHI3LAB_REFERENCE_PYTHON tells`);
    const reference = ask(python, await (layouts[name] as Layout).json(), texts);
    for (const [i, text] of texts.entries()) {
      assert.deepEqual([ids[i], decoded[i]], [reference.ids[i], reference.decoded[i]], JSON.stringify(text));
    }
    assert.fail("the goldens are not what the library says");
  }

  for (const [name, layout] of Object.entries(layouts)) {
    it(`${name}: 5,000 texts are the Rust library's ids, from tokenizer.json`, async () => {
      await compare(await fromJson(layout), name);
    });
    if (!layout.gguf) continue;
    it(`${name}: 5,000 texts are the Rust library's ids, from a GGUF file`, async () => {
      await compare(await fromGguf(await ggufFields(layout)), name);
    });
  }

  it("the goldens are what that library says today", async function () {
    assert.deepEqual(await makeLayoutGoldens(referencePython(this, "tokenizers")), goldens);
  });

  const fieldsOf = (name: string) => ggufFields(layouts[name] as Layout);

  it("a GGUF file without a pre-tokenizer's name, or with the name default, is cut as its model's own", async () => {
    for (const pre of [undefined, [8, "default"]] as ([number, unknown] | undefined)[]) {
      const without = async (name: string) => fromGguf(changed(await fieldsOf(name), { "tokenizer.ggml.pre": pre }));
      await compare(await without("Llama 3"), "Llama 3");
      await compare(await without("Qwen2, Qwen2.5 and Qwen3"), "Qwen2, Qwen2.5 and Qwen3");
      await compare(await without("GPT-2"), "GPT-2");
    }
  });

  it("every name that llama.cpp has for these models is known, and another is named in the sentence that refuses it", async () => {
    const named = async (pre: string) => fromGguf(changed(await fieldsOf("GPT-2"), { "tokenizer.ggml.pre": [8, pre] }));
    const numbers = async (pre: string) => (await named(pre)).tokenize("it'ſ 1234 IT'S camelCase\n\nx");
    const same: string[][] = [
      ["gpt-2", "mellum", "a.x-4.0", "trillion", "default"],
      ["smollm", "starcoder", "refact", "command-r", "minerva-7b"],
      ["llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral", "midm-2.0", "smaug-bpe"],
      ["qwen2", "deepseek-r1-qwen", "megrez", "kormo", "f2llmv2"],
      ["dbrx"],
      ["tekken"],
      ["gpt-4o"],
      ["deepseek-llm"],
      ["deepseek-coder"],
      ["seed-coder"],
    ];
    for (const [first, ...others] of same) {
      const expected = await numbers(first as string);
      for (const name of others) assert.deepEqual(await numbers(name), expected, name);
    }
    await assert.rejects(named("kimi-k2"), /wants the pre-tokenizer "kimi-k2"; phi3lab knows gpt-2, /);
    await assert.rejects(named("constructor"), /wants the pre-tokenizer "constructor"/);
  });

  it("a GGUF file's add_bos_token and add_eos_token rule, and a silent one does as its model's tokenizer", async () => {
    const ids = async (name: string, bos?: boolean, eos?: boolean) => {
      const flag = (value?: boolean): [number, unknown] | undefined => (value === undefined ? undefined : [7, value]);
      const changes = { "tokenizer.ggml.add_bos_token": flag(bos), "tokenizer.ggml.add_eos_token": flag(eos) };
      const tokenizer = await fromGguf(changed(await fieldsOf(name), changes));
      const { bos_token_id, eos_token_id } = tokenizer;
      return tokenizer.encode("x").map((id) => (id === bos_token_id ? "bos" : id === eos_token_id ? "eos" : "x"));
    };
    for (const name of ["Llama 3", "Mistral Nemo", "Llama 2, TinyLlama and Mistral 7B"]) {
      assert.deepEqual(await ids(name), ["bos", "x"], name);
      assert.deepEqual(await ids(name, false), ["x"], name);
      assert.deepEqual(await ids(name, undefined, true), ["bos", "x", "eos"], name);
    }
    for (const name of ["Phi-4", "Phi-4-mini", "Qwen2, Qwen2.5 and Qwen3", "SmolLM2", "SmolLM3"]) {
      assert.deepEqual(await ids(name), ["x"], name);
      assert.deepEqual(await ids(name, true, true), ["bos", "x", "eos"], name);
    }
    const phi3 = await fromGguf(
      changed(await fieldsOf("Llama 2, TinyLlama and Mistral 7B"), { "general.architecture": [8, "phi3"] }),
    );
    assert.deepEqual(phi3.encode("The capital of France is"), [450, 7483, 310, 3444, 338]);
  });

  it("a GGUF file's add_space_prefix says whether SentencePiece text begins with a space", async () => {
    const fields = await fieldsOf("Llama 2, TinyLlama and Mistral 7B");
    const tokens = async (prefix: boolean) =>
      (await fromGguf(changed(fields, { "tokenizer.ggml.add_space_prefix": [7, prefix] }))).tokenize("Hello world");
    assert.deepEqual(await tokens(true), ["▁Hello", "▁world"]);
    assert.deepEqual(await tokens(false), ["Hello", "▁world"]);
  });

  it("a GGUF file's own merges are taken where a SentencePiece vocabulary has them", async () => {
    const fields = await fieldsOf("Llama 2, TinyLlama and Mistral 7B");
    const merges: [number, unknown] = [9, [8, ["H e", "l l", "▁ He"]]];
    const tokenizer = await fromGguf(
      changed(fields, { "tokenizer.ggml.merges": merges, "tokenizer.ggml.scores": undefined }),
    );
    assert.deepEqual(tokenizer.tokenize("Hello"), ["▁He", "ll", "o"]);
  });

  it("tokens that end a text are special in a GGUF file of any type, as is Phi-3's <|…|>, and <think> is shown", async () => {
    const userDefined = (fields: GgufField[]): GgufField[] => {
      const types = fields.find(([key]) => key === "tokenizer.ggml.token_type") as GgufField;
      const all = (types[2] as [number, number[]])[1].map((type) => (type === 3 ? 4 : type));
      return changed(fields, { "tokenizer.ggml.token_type": [9, [5, all]] });
    };
    const shown = async (fields: GgufField[], text: string) => {
      const tokenizer = await fromGguf(userDefined(fields));
      return tokenizer.decode(tokenizer.encode(text), { skip_special_tokens: true });
    };
    assert.equal(await shown(await fieldsOf("Llama 3"), "a<|eot_id|>b<|end_of_text|>"), "ab");
    assert.equal(await shown(await fieldsOf("Phi-4-mini"), "a<|tool_call|>b<|end|>"), "a<|tool_call|>b");
    assert.equal(await shown(await fieldsOf("SmolLM3"), "<think>a</think>b<|im_end|>"), "<think>a</think>b");
  });

  it("a Phi-3 GGUF file with user-defined <|user|> and <|end|>, as Microsoft's, answers and splits as one with control tokens", async () => {
    const [control, userDefined] = await Promise.all([3, 4].map((type) => phi3Gguf(type)));
    const [one, other] = await Promise.all(
      [control, userDefined].map((file) => AutoTokenizer.from_pretrained(file as string)),
    );
    for (const file of [control, userDefined]) rmSync(dirname(file as string), { recursive: true });
    assert.deepEqual(other?.all_special_tokens, one?.all_special_tokens);
    const ids = other?.encode("<|user|>\nHi<|end|>\n<|assistant|>") as number[];
    assert.deepEqual(ids, one?.encode("<|user|>\nHi<|end|>\n<|assistant|>"));
    assert.equal(other?.decode(ids, { skip_special_tokens: true }), "Hi");
  });

  it("text of byte-pair tokenizers keeps its spaces whatever a configuration or a caller asks, as transformers keeps them", async () => {
    const tokenizer = await fromJson(layouts["Llama 3"] as Layout);
    const ids = tokenizer.encode("a != b , c 's", { add_special_tokens: false });
    assert.equal(tokenizer.decode(ids), "a != b , c 's");
    assert.equal(tokenizer.decode(ids, { clean_up_tokenization_spaces: true }), "a != b , c 's");
    const stream = tokenizer.stream({ clean_up_tokenization_spaces: true });
    assert.equal(stream.push(ids) + stream.end(), "a != b , c 's");
  });

  it("text of word pieces is cleaned up where the configuration asks, unless the caller does not want it", async () => {
    const vocab = { "[UNK]": 0, a: 1, "!": 2, "=": 3, b: 4 };
    const json = {
      added_tokens: [],
      pre_tokenizer: { type: "BertPreTokenizer" },
      decoder: { type: "WordPiece", prefix: "##", cleanup: false },
      model: { type: "WordPiece", unk_token: "[UNK]", continuing_subword_prefix: "##", vocab },
    };
    const tokenizer = await fromJson({ json: async () => json, config: { clean_up_tokenization_spaces: true } });
    assert.equal(tokenizer.decode([1, 2, 4]), "a! b");
    assert.equal(tokenizer.decode([1, 2, 4], { clean_up_tokenization_spaces: false }), "a ! b");
  });

  it("add_bos_token or add_eos_token alone leaves the other as tokenizer.json has it", async () => {
    const { json } = layouts["Llama 3"] as Layout;
    const named = { bos_token: "<|begin_of_text|>", eos_token: "<|eot_id|>" };
    const tokens = async (flags: object) =>
      (await fromJson({ json, config: { ...named, ...flags } })).encode("x").length;
    assert.equal(await tokens({}), 2);
    assert.equal(await tokens({ add_eos_token: false }), 2);
    assert.equal(await tokens({ add_eos_token: true }), 3);
    assert.equal(await tokens({ add_bos_token: false }), 1);
    assert.equal(await tokens({ add_bos_token: null, add_eos_token: true }), 3);
  });
});
