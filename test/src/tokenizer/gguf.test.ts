/** What a GGUF file's metadata says of its tokenizer, field by field, on vocabularies of a few letters. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AutoTokenizer, type PreTrainedTokenizer } from "../../../src/tokenizer";
import { WeightsError } from "../../../src/weights";
import { type GgufField, gguf } from "../weights/files";

type Fields = Record<string, [type: number, value: unknown] | undefined>;
const strings = (...all: string[]): [number, unknown] => [9, [8, all]];
const numbers = (type: number, all: number[]): [number, unknown] => [9, [type, all]];
const text = (value: string): [number, unknown] => [8, value];
const id = (value: number): [number, unknown] => [4, value];
const yes: [number, unknown] = [7, true];
const no: [number, unknown] = [7, false];
const [normal, unknown, control, userDefined, byte] = [1, 2, 3, 4, 6];

async function load(fields: Fields): Promise<PreTrainedTokenizer> {
  const folder = mkdtempSync(join(tmpdir(), "phi3lab-gguf-"));
  try {
    const all = Object.entries(fields).flatMap(([key, field]): GgufField[] => {
      const name = /^(general|llama|phi3)\./.test(key)
        ? key
        : `tokenizer.${key.startsWith("chat") ? "" : "ggml."}${key}`;
      return field ? [[name, ...field]] : [];
    });
    writeFileSync(join(folder, "model.gguf"), gguf({ fields: all, tensors: [], dataLength: 0 }));
    return await AutoTokenizer.from_pretrained(join(folder, "model.gguf"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The file is refused with a WeightsError, in a sentence that names it. */
const refuses = (fields: Fields, pattern: RegExp) =>
  assert.rejects(load(fields), (error: Error) => {
    assert.ok(error instanceof WeightsError, String(error.stack));
    assert.match(error.message, /^\/.+model\.gguf .+\.$/);
    assert.match(error.message, pattern);
    return true;
  });

const letters = ["a", "b", "c", "Ġ", "1", "2", "'", "s", "S", "Ċ"];
const byteTokens = [
  ...letters,
  "ab",
  "abc",
  "Ġa",
  "12",
  "'s",
  "'a",
  "bc",
  "<|bos|>",
  "<|eos|>",
  "<think>",
  "<|eot_id|>",
];
const at = (token: string) => byteTokens.indexOf(token);
/** A byte-level vocabulary; the last four of its tokens are control, control, user-defined and normal. */
const bytes: Fields = {
  "general.architecture": text("llama"),
  "llama.context_length": id(64),
  model: text("gpt2"),
  pre: text("gpt-2"),
  tokens: strings(...byteTokens),
  token_type: numbers(5, [...Array(17).fill(normal), control, control, userDefined, normal]),
  merges: strings("a b", "ab c", "Ġ a", "1 2", "' s", "' a"),
  bos_token_id: id(at("<|bos|>")),
  eos_token_id: id(at("<|eos|>")),
};

const pieces = ["<unk>", "<s>", "</s>", "<0x7A>", "▁", "a", "b", "c", "▁a", "ab", "▁ab", "bc", "<|x|>"];
/** A SentencePiece vocabulary. The best score is of "ab", then "▁a", "bc", "▁ab". */
const spm: Fields = {
  "general.architecture": text("llama"),
  model: text("llama"),
  tokens: strings(...pieces),
  token_type: numbers(5, [unknown, control, control, byte, ...Array(8).fill(normal), userDefined]),
  scores: numbers(6, [0, 0, 0, 0, -9, -9, -9, -9, -2, -1, -4, -3, 0]),
  bos_token_id: id(1),
  eos_token_id: id(2),
};

describe("a GGUF file's tokenizer", () => {
  it("has the special tokens, the limit and the chat template that the file names", async () => {
    const named = { unknown_token_id: id(0), padding_token_id: id(19), chat_template: text("{{ messages }}") };
    const tokenizer = await load({ ...bytes, ...named });
    assert.deepEqual(tokenizer.special_tokens_map, {
      bos_token: "<|bos|>",
      eos_token: "<|eos|>",
      unk_token: "a",
      pad_token: "<think>",
    });
    assert.deepEqual([tokenizer.model_max_length, tokenizer.chat_template], [64, "{{ messages }}"]);
    assert.match(tokenizer.name_or_path, /model\.gguf$/);
    assert.equal(tokenizer.vocab_size, byteTokens.length);
  });

  it("has none of these where the file names none, or what is none", async () => {
    const silent: Fields = { ...bytes, bos_token_id: undefined, eos_token_id: id(99), unknown_token_id: text("a") };
    for (const length of [undefined, id(0), text("64")]) {
      const tokenizer = await load({ ...silent, "llama.context_length": length });
      assert.deepEqual(tokenizer.special_tokens_map, {});
      assert.deepEqual([tokenizer.model_max_length, tokenizer.chat_template], [Infinity, undefined]);
      assert.deepEqual(tokenizer.encode("a"), [at("a")]);
    }
  });

  it("of another kind, or none, is refused by what it has", async () => {
    await refuses(
      { ...bytes, model: text("bert") },
      /has a tokenizer of the kind "bert"; phi3lab knows "gpt2" and "llama"/,
    );
    await refuses({ ...bytes, model: undefined }, /has a tokenizer of the kind unknown; phi3lab/);
    for (const tokens of [undefined, strings(), text("a")])
      await refuses({ ...bytes, tokens }, /has no tokenizer: expected strings in tokenizer\.ggml\.tokens/);
    await refuses({ ...bytes, token_type: numbers(5, [1, 1]) }, /has 21 tokens and 2 token types/);
    for (const merges of [undefined, text("a b")])
      await refuses({ ...bytes, merges }, /without merges: expected strings in tokenizer\.ggml\.merges/);
    for (const scores of [undefined, numbers(6, [0, 0]), text("0")])
      await refuses({ ...spm, scores }, /without a score for each token in tokenizer\.ggml\.scores/);
    await refuses(
      { ...bytes, add_bos_token: yes, bos_token_id: id(99) },
      /names token 99 as bos_token_id; its .* 21 tokens/,
    );
    await refuses(
      { ...spm, add_eos_token: yes, eos_token_id: id(13) },
      /names token 13 as eos_token_id; its .* 13 tokens/,
    );
    const unheard = /wants the pre-tokenizer "unheard-of"; phi3lab knows gpt-2, .+, gpt-4o, default\.$/;
    await refuses({ ...bytes, pre: text("unheard-of") }, unheard);
  });

  it("merges the letters of a word in the order of its merges", async () => {
    const tokenizer = await load(bytes);
    assert.deepEqual(tokenizer.tokenize("abc ab bc a"), ["abc", "Ġ", "ab", "Ġ", "b", "c", "Ġa"]);
    const other = await load({ ...bytes, merges: strings("Ġ a", "a b", "b c") });
    assert.deepEqual(other.tokenize("abc ab bc"), ["ab", "c", "Ġa", "b", "Ġ", "bc"]);
    assert.equal(tokenizer.decode(tokenizer.encode("abc ab\n")), "abc ab\n");
  });

  it("takes a word that is a token whole, before any merge, where its kind does", async () => {
    assert.deepEqual((await load({ ...bytes, pre: text("llama-bpe"), add_bos_token: no })).tokenize("bc"), ["bc"]);
    assert.deepEqual((await load({ ...bytes, pre: text("llama-bpe"), add_bos_token: no })).tokenize("'a"), ["'a"]);
    assert.deepEqual((await load({ ...bytes, pre: text("qwen2") })).tokenize("bc"), ["b", "c"]);
  });

  it("without a pre-tokenizer's name is cut as its model's own", async () => {
    const cut = async (fields: Fields) => (await load({ ...bytes, pre: undefined, ...fields })).tokenize("a12'S");
    const begin = strings(...byteTokens.slice(0, -1), "<|begin_of_text|>");
    const single = ["a", "1", "2", "'", "S"];
    const merged = ["a", "12", "'", "S"];
    assert.deepEqual(await cut({}), merged);
    assert.deepEqual(await cut({ "general.architecture": text("qwen2") }), single);
    assert.deepEqual(await cut({ "general.architecture": text("qwen3") }), single);
    assert.deepEqual(await cut({ "general.architecture": text("qwen2moe") }), merged);
    assert.deepEqual(await cut({ pre: text("default") }), merged);
    // Llama 3 takes "bc" whole and begins with BOS.
    const llama3 = await load({ ...bytes, pre: undefined, tokens: begin });
    assert.deepEqual(llama3.encode("bc"), [at("<|bos|>"), at("bc")]);
    assert.deepEqual((await load({ ...bytes, pre: undefined })).encode("bc"), [at("b"), at("c")]);
  });

  it("puts BOS and EOS around a text where the file asks, and BOS where its kind does if the file is silent", async () => {
    const [bos, eos, a] = [at("<|bos|>"), at("<|eos|>"), at("a")];
    const ids = async (fields: Fields) => (await load({ ...bytes, ...fields })).encode("a");
    assert.deepEqual(await ids({}), [a]);
    assert.deepEqual(await ids({ add_bos_token: yes }), [bos, a]);
    assert.deepEqual(await ids({ add_eos_token: yes }), [a, eos]);
    assert.deepEqual(await ids({ add_bos_token: yes, add_eos_token: yes }), [bos, a, eos]);
    assert.deepEqual(await ids({ pre: text("llama-bpe") }), [bos, a]);
    assert.deepEqual(await ids({ pre: text("llama-bpe"), add_bos_token: no }), [a]);
    assert.deepEqual(await ids({ pre: text("smaug-bpe") }), [a]);
    assert.deepEqual(await ids({ add_bos_token: yes, bos_token_id: undefined }), [a]);
    assert.deepEqual(await ids({ add_bos_token: yes, bos_token_id: id(at("b")) }), [at("b"), a]);
  });

  it("leaves out of a text the tokens that end or begin one, whatever their type, and shows user-defined ones", async () => {
    const shown = async (fields: Fields, given: string) => {
      const tokenizer = await load({ ...bytes, ...fields });
      return tokenizer.decode(tokenizer.encode(given), { skip_special_tokens: true });
    };
    const all = "a<|bos|>b<|eos|>c<think>1<|eot_id|>";
    assert.equal(await shown({}, all), "abc<think>1");
    const types = (...last: number[]) => numbers(5, [...Array(17).fill(normal), ...last]);
    assert.equal(await shown({ token_type: types(userDefined, userDefined, unknown, control) }, all), "abc1");
    for (const key of ["eot_token_id", "eom_token_id"])
      assert.equal(await shown({ [key]: id(at("<think>")), token_type: types(4, 4, 4, 4) }, all), "abc1");
    assert.equal(await shown({ token_type: undefined }, "a<|eot_id|>b<|eos|>"), "ab");
    const plain = await load({ ...bytes, token_type: undefined, tokens: strings(...byteTokens.slice(0, 17), "", "y") });
    assert.deepEqual(plain.all_special_ids, [18], "a token without text is none");
  });

  it("of SentencePiece joins the two neighbours whose union has the best score", async () => {
    const tokenizer = await load(spm);
    assert.deepEqual(tokenizer.tokenize("abc"), ["▁ab", "c"]);
    assert.deepEqual(tokenizer.tokenize("bc a"), ["▁", "bc", "▁a"]);
    assert.deepEqual(tokenizer.tokenize("cab"), ["▁", "c", "ab"]);
    assert.deepEqual((await load({ ...spm, token_type: undefined })).tokenize("cab"), ["▁", "c", "ab"]);
    assert.deepEqual(tokenizer.all_special_ids, [0, 1, 2]);
  });

  it("of SentencePiece joins no pieces that are not text, and those of its users", async () => {
    const types = (start: number, ab: number) =>
      numbers(5, [unknown, control, control, byte, ...Array(4).fill(normal), start, ab, normal, normal, userDefined]);
    const cut = async (start: number, ab: number, given: string) =>
      (await load({ ...spm, token_type: types(start, ab) })).tokenize(given);
    assert.deepEqual(await cut(normal, 5, "cab"), ["▁", "c", "a", "b"]);
    // It stands in no text: what is joined there are its parts.
    assert.deepEqual(await cut(userDefined, normal, "aa"), ["▁a", "a"]);
    assert.deepEqual(await cut(normal, userDefined, "cab"), ["▁", "c", "ab"]);
  });

  it("of SentencePiece spells other letters by bytes where it has them, else by the unknown token", async () => {
    const tokenizer = await load(spm);
    assert.deepEqual(tokenizer.tokenize("az"), ["▁a", "<0x7A>"]);
    assert.deepEqual(tokenizer.tokenize("ayy"), ["▁a", "<unk>"]);
    assert.deepEqual((await load({ ...spm, unknown_token_id: id(5) })).tokenize("by"), ["▁", "b", "a"]);
    assert.equal(tokenizer.decode(tokenizer.encode("az a"), { skip_special_tokens: true }), "az a");
  });

  it("of SentencePiece begins with BOS unless it is Phi-3's, or the file says so", async () => {
    const ids = async (fields: Fields) => (await load({ ...spm, ...fields })).encode("a");
    assert.deepEqual(await ids({}), [1, 8]);
    assert.deepEqual(await ids({ "general.architecture": text("phi3") }), [8]);
    assert.deepEqual(await ids({ "general.architecture": text("phi3"), add_bos_token: yes }), [1, 8]);
    assert.deepEqual(await ids({ add_bos_token: no }), [8]);
  });

  it("of SentencePiece puts a space before a text, unless the file wants none", async () => {
    const shape = async (fields: Fields, given: string) => {
      const tokenizer = await load({ ...spm, ...fields, add_bos_token: no });
      return [...tokenizer.tokenize(given), tokenizer.decode(tokenizer.encode(given))];
    };
    assert.deepEqual(await shape({}, "a b"), ["▁a", "▁", "b", "a b"]);
    assert.deepEqual(await shape({}, "a<|x|>a"), ["▁a", "<|x|>", "▁a", "a<|x|> a"]);
    assert.deepEqual(await shape({ add_space_prefix: no }, "a b"), ["a", "▁", "b", "a b"]);
    assert.deepEqual(await shape({ add_space_prefix: no }, " a"), ["▁a", " a"]);
    // Mistral's with [INST]: before a text that begins with none, and not behind a special token.
    const inst: Fields = {
      tokens: strings(...pieces.slice(0, -1), "[INST]"),
      token_type: numbers(5, [2, 3, 3, 6, 1, 1, 1, 1, 1, 1, 1, 1, 3]),
    };
    assert.deepEqual(await shape(inst, "a[INST]a"), ["▁a", "[INST]", "a", "a[INST]a"]);
    assert.deepEqual(await shape({ ...inst, add_space_prefix: no }, "a b"), ["a", "▁", "b", "a b"]);
  });

  describe("of a Phi model swallows white space", () => {
    const names = ["<|user|>", "<|endoftext|>", "<|endofprompt|>", "<unk>", "<s>", "<think>"];
    /** What is left of the spaces around each of the names. */
    const left = async (fields: Fields, type: number) => {
      const base = fields.model?.[1] === "llama" ? ["▁", "a"] : ["Ġ", "a"];
      const tokens = [...base, ...names];
      const types = numbers(5, [normal, normal, ...names.map(() => type)]);
      const tokenizer = await load({
        "general.architecture": text("phi3"),
        model: text("gpt2"),
        tokens: strings(...tokens),
        token_type: types,
        scores: numbers(
          6,
          tokens.map(() => 0),
        ),
        merges: fields.model ? undefined : strings("a a"),
        add_space_prefix: no,
        ...fields,
      });
      return names.map((name) =>
        tokenizer
          .tokenize(`a ${name} a`)
          .map((one) => one.replace(/[▁Ġ]/, " "))
          .join("")
          .replace(name, "_"),
      );
    };
    const both = "a _ a";
    const none = "a_a";
    const before = "a _a";

    it("behind a token of Phi-3's, but for those that begin and end texts", async () => {
      assert.deepEqual(await left({ model: text("llama") }, control), [before, both, before, both, both, before]);
      assert.deepEqual(
        await left({ model: text("llama"), "general.architecture": text("llama") }, control),
        names.map(() => both),
      );
    });

    it("around a special token of Phi-4's", async () => {
      assert.deepEqual(
        await left({ pre: text("dbrx") }, control),
        names.map(() => none),
      );
      const ended = names.map((name) => (name === "<|endoftext|>" ? none : both));
      assert.deepEqual(await left({ pre: text("dbrx") }, userDefined), ended);
    });

    it("behind a token of Phi-4-mini's, but for <|endoftext|> and <|endofprompt|>", async () => {
      assert.deepEqual(await left({ pre: text("gpt-4o") }, control), [before, both, both, before, before, before]);
      assert.deepEqual(
        await left({ pre: text("gpt-2") }, control),
        names.map(() => both),
      );
    });
  });

  it("of Phi-3 has the user-defined <|…|> as special tokens; of another model they are text", async () => {
    const special = async (architecture: string, name: string, type = userDefined) => {
      const names = { tokens: strings(...pieces.slice(0, -1), name), "general.architecture": text(architecture) };
      const types = [unknown, control, control, byte, ...Array(8).fill(normal), type];
      const tokenizer = await load({ ...spm, ...names, token_type: numbers(5, types) });
      return tokenizer.all_special_tokens.includes(name);
    };
    assert.deepEqual([await special("phi3", "<|user|>"), await special("llama", "<|user|>")], [true, false]);
    assert.equal(await special("phi3", "<|user|>", normal), false);
    for (const name of ["<|user|> ", "x<|user|>", "<user>"]) assert.equal(await special("phi3", name), false, name);
  });
});
