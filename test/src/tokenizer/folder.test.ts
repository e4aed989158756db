/** A folder's files (tokenizer.json and the settings beside it) are joined as transformers 5.23 joins them, or refused. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AutoTokenizer, type PreTrainedTokenizer } from "../../../src/tokenizer";

const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false };
const token = (id: number, content: string, special = true) => ({ id, content, special, ...plain });
const around = (bos: boolean, eos: boolean) => ({
  type: "TemplateProcessing",
  single: [
    ...(bos ? [{ SpecialToken: { id: "[BOS]", type_id: 0 } }] : []),
    { Sequence: { id: "A", type_id: 0 } },
    ...(eos ? [{ SpecialToken: { id: "[EOS]", type_id: 0 } }] : []),
  ],
  pair: [],
  special_tokens: {
    "[BOS]": { id: "[BOS]", ids: [7], tokens: ["[BOS]"] },
    "[EOS]": { id: "[EOS]", ids: [6], tokens: ["[EOS]"] },
  },
});
const model = {
  type: "WordPiece",
  unk_token: "[UNK]",
  continuing_subword_prefix: "##",
  vocab: { "[UNK]": 0, a: 1, b: 2, c: 3, d: 4, e: 5 },
};
const words = {
  added_tokens: [token(7, "[BOS]"), token(6, "[EOS]")],
  pre_tokenizer: { type: "WhitespaceSplit" },
  post_processor: around(true, false),
  decoder: { type: "WordPiece", prefix: "##", cleanup: false },
  model,
};

describe("a tokenizer's folder", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "phi3lab-folder-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const write = (files: Record<string, unknown>): void => {
    for (const [name, value] of Object.entries(files))
      writeFileSync(join(folder, name), typeof value === "string" ? value : JSON.stringify(value));
  };
  /** The tokenizer of these files, tokenizer.json's being the words above unless given. */
  const load = (files: Record<string, unknown>): Promise<PreTrainedTokenizer> => {
    write({ "tokenizer.json": words, ...files });
    return AutoTokenizer.from_pretrained(folder);
  };
  const configured = (config: object): Promise<PreTrainedTokenizer> => load({ "tokenizer_config.json": config });

  describe("names special tokens", () => {
    const map = {
      bos_token: "[BOS]",
      eos_token: { content: "[EOS]", ...plain },
      pad_token: "a",
      unk_token: "",
      sep_token: null,
      cls_token: { content: 5 },
    };

    it("in special_tokens_map.json, as texts or as objects; what is neither is none", async () => {
      const { special_tokens_map, all_special_ids } = await load({ "special_tokens_map.json": map });
      assert.deepEqual(special_tokens_map, { bos_token: "[BOS]", eos_token: "[EOS]", pad_token: "a" });
      assert.deepEqual(all_special_ids, [1, 6, 7]);
    });

    it("in tokenizer_config.json, which is asked first, also where it says that there is none", async () => {
      const config = { bos_token: "b", eos_token: null, mask_token: { content: "c" }, added_tokens_decoder: {} };
      const { special_tokens_map } = await load({ "tokenizer_config.json": config, "special_tokens_map.json": map });
      assert.deepEqual(special_tokens_map, { bos_token: "b", pad_token: "a", mask_token: "c" });
    });

    it("and more of them, from the first place that lists any", async () => {
      const more = async (config: object, map: object = {}) => {
        const tokenizer = await load({ "tokenizer_config.json": config, "special_tokens_map.json": map });
        return [tokenizer.special_tokens_map.additional_special_tokens, tokenizer.decode([3, 4, 5, 1], skip)];
      };
      const skip = { skip_special_tokens: true };
      const e = { additional_special_tokens: ["e"] };
      assert.deepEqual(await more({ additional_special_tokens: ["c", { content: "d" }] }, e), [["c", "d"], "e a"]);
      assert.deepEqual(await more({ extra_special_tokens: ["c", 5, ""] }, e), [["c"], "d e a"]);
      assert.deepEqual(await more({}, e), [["e"], "c d a"]);
      assert.deepEqual(await more({ additional_special_tokens: "c" }), [undefined, "c d e a"]);
      assert.deepEqual(await more({}), [undefined, "c d e a"]);
    });

    it("that tokenizer.json does not count as special, which are then left out of texts", async () => {
      const added_tokens = [token(8, "[X]", false), ...words.added_tokens, token(9, "[Y]", false)];
      const json = { ...words, added_tokens };
      const tokenizer = await load({ "tokenizer.json": json, "tokenizer_config.json": { eos_token: "[X]" } });
      assert.deepEqual(tokenizer.encode("a [X] b [Y]"), [7, 1, 8, 2, 9]);
      assert.equal(tokenizer.decode([1, 8, 2, 9], { skip_special_tokens: true }), "a b [Y]");
      assert.deepEqual(tokenizer.all_special_ids, [6, 7, 8]);
    });

    it("that no vocabulary has, which get an id behind all others, as in transformers", async () => {
      const tokenizer = await configured({ pad_token: "[NONE]" });
      assert.equal(tokenizer.pad_token_id, 8);
      assert.deepEqual([tokenizer.size, tokenizer.encode("[NONE] a")], [9, [7, 8, 1]]);
      assert.equal(tokenizer.get_vocab().get("[NONE]"), 8);
    });
  });

  it("leaves a named token what tokenizer.json says of it, and looks for one of the vocabulary in the text as it is", async () => {
    const lower = { normalizer: { type: "Lowercase" }, pre_tokenizer: null };
    const vocab = { ...model.vocab, "##b": 6, A: 8, " ": 9, "## ": 10 };
    const added_tokens = [{ ...token(7, "[E]"), rstrip: true }];
    const json = { added_tokens, ...lower, model: { ...model, vocab } };
    const config = { eos_token: "[E]", bos_token: "A" };
    const tokenizer = await load({ "tokenizer.json": json, "tokenizer_config.json": config });
    assert.deepEqual(tokenizer.tokenize("a[E] B"), ["a", "[E]", "b"]);
    assert.deepEqual(tokenizer.tokenize("aAb"), ["a", "A", "b"]);
  });

  it("may have a vocabulary that is a list of tokens and scores", async () => {
    const vocab = [
      ["<unk>", 0],
      ["a", -1],
      ["b", -2],
      ["ab", -1.5],
      ["[E]", 0],
    ];
    const json = { model: { type: "Unigram", unk_id: 0, vocab } };
    const tokenizer = await load({ "tokenizer.json": json, "tokenizer_config.json": { eos_token: "[E]" } });
    assert.deepEqual(tokenizer.tokenize("abb"), ["ab", "b"]);
    assert.equal(tokenizer.vocab_size, 5);
  });

  describe("adds the tokens of added_tokens_decoder", () => {
    it("to those of tokenizer.json, which win where both have one", async () => {
      const added_tokens_decoder = {
        12: { content: "[Y]", special: false, ...plain },
        8: { content: "[X]", special: true, ...plain },
        70: { content: "[BOS]", special: false, ...plain },
      };
      const tokenizer = await configured({ added_tokens_decoder });
      assert.deepEqual(tokenizer.encode("a [X] b [Y]"), [7, 1, 8, 2, 12]);
      assert.equal(tokenizer.size, 10);
      assert.deepEqual(tokenizer.all_special_tokens, ["[EOS]", "[BOS]", "[X]"]);
      assert.equal(tokenizer.convert_tokens_to_ids("[BOS]"), 7);
    });

    it("as far as they are tokens", async () => {
      const added_tokens_decoder = {
        "-1": { content: "[X]" },
        1.5: { content: "[X]" },
        x8: { content: "[X]" },
        "0x8": { content: "[X]" },
        "1e1": { content: "[X]" },
        " 8": { content: "[X]" },
        "8 ": { content: "[X]" },
        16777216: { content: "[X]" },
        9: { content: "" },
        10: null,
        11: { content: 5 },
      };
      for (const decoder of [added_tokens_decoder, null, "x"]) {
        const tokenizer = await configured({ added_tokens_decoder: decoder });
        assert.equal(tokenizer.size, 8);
        assert.deepEqual(tokenizer.encode("[X]"), [7, 0]);
      }
    });
  });

  it("says how long a text may be; what is no length, or transformers' 1e30, is no limit", async () => {
    const limit = async (model_max_length: unknown) => (await configured({ model_max_length })).model_max_length;
    assert.equal(await limit(512), 512);
    assert.equal(await limit(999_999_999), 999_999_999);
    for (const none of [1e30, 1e9, 0, -5, "512", null]) assert.equal(await limit(none), Infinity, String(none));
    assert.equal((await load({})).model_max_length, Infinity);
  });

  describe("puts BOS and EOS around a text", () => {
    const named = { bos_token: "[BOS]", eos_token: "[EOS]" };
    const ids = async (post_processor: object | null, flags: object) => {
      const json = { ...words, post_processor };
      return (await load({ "tokenizer.json": json, "tokenizer_config.json": { ...named, ...flags } })).encode("a");
    };

    it("as tokenizer.json does, where no setting says otherwise", async () => {
      assert.deepEqual(await ids(null, {}), [1]);
      assert.deepEqual(await ids(around(true, true), {}), [7, 1, 6]);
      const bos = { SpecialToken: { id: "[BOS]", type_id: 0 } };
      const twice = { ...around(true, false), single: [bos, ...around(true, false).single] };
      assert.deepEqual(await ids(twice, {}), [7, 7, 1]);
      assert.deepEqual(await ids(around(true, true), { add_bos_token: null, add_eos_token: "no" }), [7, 1, 6]);
    });

    it("as add_bos_token and add_eos_token say, each without changing what tokenizer.json does of the other", async () => {
      assert.deepEqual(await ids(around(true, true), { add_bos_token: false }), [1, 6]);
      assert.deepEqual(await ids(around(true, true), { add_eos_token: false }), [7, 1]);
      assert.deepEqual(await ids(around(false, true), { add_bos_token: true }), [7, 1, 6]);
      assert.deepEqual(await ids(around(false, false), { add_eos_token: true }), [1, 6]);
      assert.deepEqual(await ids(null, { add_bos_token: true }), [7, 1]);
      const sequence = (...processors: unknown[]) => ({ type: "Sequence", processors });
      const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
      const both = sequence(byteLevel, around(true, true));
      assert.deepEqual(await ids(both, { add_eos_token: false }), [7, 1]);
      assert.deepEqual(await ids(both, { add_bos_token: false }), [1, 6]);
    });

    it("and none where the token has no name", async () => {
      const nameless = { add_bos_token: true, add_eos_token: true, bos_token: null, eos_token: null };
      assert.deepEqual(await ids(null, nameless), [1]);
    });
  });

  it("holds the chat template: chat_template.jinja's before chat_template.json's before the configuration's", async () => {
    const template = async (files: Record<string, unknown>) => (await load(files)).chat_template;
    const files = { "tokenizer_config.json": { chat_template: "of the configuration" } };
    assert.equal(await template({}), undefined);
    assert.equal(await template(files), "of the configuration");
    assert.equal(await template({ ...files, "chat_template.json": {} }), "of the configuration");
    assert.equal(await template({ ...files, "chat_template.json": { chat_template: "of JSON" } }), "of JSON");
    assert.equal(await template({ "chat_template.jinja": "of Jinja" }), "of Jinja");
  });

  it("holds chat templates of several names", async () => {
    const list = [{ name: "default", template: "one" }, { name: "tool_use", template: "two" }, { name: "x" }, null];
    const { chat_template } = await configured({ chat_template: [...list, { name: 5, template: "three" }] });
    assert.deepEqual(chat_template, { default: "one", tool_use: "two" });
    assert.equal((await configured({ chat_template: { default: "one" } })).chat_template, undefined);
  });

  it("needs of tokenizer.json the model alone", async () => {
    const tokenizer = await load({ "tokenizer.json": { model } });
    assert.deepEqual(tokenizer.encode("a"), [1]);
    assert.equal(tokenizer.decode([1, 2]), "a b");
  });

  it("has ids below 16,777,216, all of them whole", async () => {
    const vocabulary = async (id: unknown) =>
      load({ "tokenizer.json": { model: { ...model, vocab: { a: 1, "[UNK]": id } } } });
    const added = async (added_tokens: unknown) => load({ "tokenizer.json": { ...words, added_tokens } });
    assert.equal((await vocabulary(0)).vocab_size, 2);
    assert.equal((await added([token(16_777_215, "[X]")])).convert_tokens_to_ids("[X]"), 16_777_215);
    for (const wrong of [16_777_216, -1, 0.5, "0", null]) {
      await assert.rejects(
        vocabulary(wrong),
        /tokenizer\.json is damaged: not every token of its vocabulary has an id/,
      );
      await assert.rejects(
        added([token(wrong as number, "[X]")]),
        /damaged: its added_tokens are not all an id with a/,
      );
    }
    for (const wrong of [{}, "x", [null], [5], [{ id: 8 }], [{ id: 8, content: "" }], [{ id: 8, content: 5 }]])
      await assert.rejects(added(wrong), /its added_tokens are not all an id with a text; download it again\.$/);
    for (const wrong of [null, 5, "BPE"])
      await assert.rejects(load({ "tokenizer.json": { model: wrong } }), /is no tokenizer: it has no "model"\.$/);
  });

  it("that is none says what is missing, and how Python writes it", async () => {
    write({ "config.json": {} });
    await assert.rejects(
      AutoTokenizer.from_pretrained(folder),
      /^Error: .+ has no tokenizer\.json: it holds no tokenizer\.$/,
    );
    write({ "tokenizer.model": "" });
    await assert.rejects(
      AutoTokenizer.from_pretrained(folder),
      /^Error: .+ has a tokenizer\.model but no tokenizer\.json, which phi3lab needs; AutoTokenizer\..+\.save_pretrained\(…\) of/,
    );
  });
});
