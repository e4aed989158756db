/** A tokenizer of eight words: what its options, its special tokens and its chat templates do, and how they refuse. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Tensor } from "../../../src/tensor";
import { AutoTokenizer, type PreTrainedTokenizer } from "../../../src/tokenizer";

const vocab = { "[UNK]": 0, a: 1, b: 2, c: 3, d: 4, e: 5 };
/** `[BOS]` has the higher id, and stands first in the file. `[UNK]` is special by its name. */
const added = ["[BOS]", "[EOS]"].map((content, i) => {
  const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  return { id: 7 - i, content, special: true, ...plain };
});
const words = {
  added_tokens: added,
  pre_tokenizer: { type: "WhitespaceSplit" },
  post_processor: {
    type: "TemplateProcessing",
    single: [{ SpecialToken: { id: "[BOS]", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
    pair: [],
    special_tokens: { "[BOS]": { id: "[BOS]", ids: [7], tokens: ["[BOS]"] } },
  },
  decoder: { type: "WordPiece", prefix: "##", cleanup: false },
  model: { type: "WordPiece", unk_token: "[UNK]", continuing_subword_prefix: "##", vocab },
};
const named = { bos_token: "[BOS]", eos_token: "[EOS]", unk_token: "[UNK]" };

async function load(json: object, config: object = named): Promise<PreTrainedTokenizer> {
  const folder = mkdtempSync(join(tmpdir(), "phi3lab-tokenizer-"));
  try {
    writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(json));
    writeFileSync(join(folder, "tokenizer_config.json"), JSON.stringify(config));
    return await AutoTokenizer.from_pretrained(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const numbers = (tensor: Tensor) => Array.from(tensor.data as BigInt64Array, Number);

describe("a small tokenizer", () => {
  let tokenizer: PreTrainedTokenizer;
  beforeEach(async () => {
    tokenizer = await load(words);
  });

  describe("says and takes its special tokens", () => {
    it("in ascending order of their ids, by the names that it has, and in its one line", () => {
      assert.deepEqual(tokenizer.all_special_ids, [0, 6, 7]);
      assert.deepEqual(tokenizer.all_special_tokens, ["[UNK]", "[EOS]", "[BOS]"]);
      assert.deepEqual(tokenizer.special_tokens_map, named);
      assert.deepEqual([tokenizer.bos_token, tokenizer.eos_token, tokenizer.unk_token], Object.values(named));
      assert.deepEqual([tokenizer.vocab_size, tokenizer.size], [6, 8]);
      assert.match(String(tokenizer), /^PreTrainedTokenizer\(\{\n {2}name_or_path: '.+',\n {2}vocab_size: 6,\n/);
      assert.match(String(tokenizer), /special_tokens: \{ bos_token: '\[BOS\]', eos_token: '\[EOS\]', unk_token/);
    });

    it("and those that a configuration adds, as a list of their own", async () => {
      const more = await load(words, { ...named, additional_special_tokens: ["[EOS]"] });
      assert.deepEqual(more.special_tokens_map, { ...named, additional_special_tokens: ["[EOS]"] });
      (more.special_tokens_map.additional_special_tokens as string[]).push("a");
      assert.deepEqual(more.special_tokens_map.additional_special_tokens, ["[EOS]"]);
    });

    it("when they are set to others of the vocabulary, which are then left out of texts, or to none", () => {
      assert.equal(tokenizer.decode([1, 2], { skip_special_tokens: true }), "a b");
      tokenizer.eos_token = "b";
      tokenizer.bos_token = "c";
      assert.deepEqual([tokenizer.eos_token_id, tokenizer.bos_token_id], [2, 3]);
      assert.deepEqual(tokenizer.all_special_ids, [0, 2, 3, 6, 7]);
      assert.equal(tokenizer.decode([1, 2, 4], { skip_special_tokens: true }), "a d");
      tokenizer.eos_token = undefined;
      assert.deepEqual([tokenizer.eos_token, tokenizer.eos_token_id], [undefined, undefined]);
      assert.deepEqual(Object.keys(tokenizer.special_tokens_map), ["bos_token", "unk_token"]);
    });

    it("and refuses those that the vocabulary does not have, by the name that was set", () => {
      const message = (name: string) => new RegExp(`vocabulary for ${name}_token but received "\\[NONE\\]"\\.$`);
      for (const name of ["bos", "eos", "pad"] as const)
        assert.throws(() => {
          tokenizer[`${name}_token`] = "[NONE]";
        }, message(name));
    });
  });

  describe("reads options as transformers does", () => {
    it("puts BOS before a text where nobody says otherwise, and never before tokens that are shown", () => {
      assert.deepEqual(tokenizer.encode("a b"), [7, 1, 2]);
      assert.deepEqual(tokenizer.encode("a b", { add_special_tokens: false }), [1, 2]);
      assert.deepEqual(numbers(tokenizer("a b").input_ids), [7, 1, 2]);
      assert.deepEqual(numbers(tokenizer("a b", { add_special_tokens: false }).input_ids), [1, 2]);
      assert.deepEqual(tokenizer.tokenize("a b"), ["a", "b"]);
      assert.deepEqual(tokenizer.tokenize("a b", { add_special_tokens: true }), ["[BOS]", "a", "b"]);
    });

    it("names the call to which an unknown option was given, or something that holds no options", () => {
      const chat = [{ role: "user", content: "a" }];
      const calls = (wrong: never): [string, () => unknown][] => [
        ["tokenizer", () => tokenizer("a", wrong)],
        ["tokenizer.encode", () => tokenizer.encode("a", wrong)],
        ["tokenizer.tokenize", () => tokenizer.tokenize("a", wrong)],
        ["tokenizer.decode", () => tokenizer.decode([1], wrong)],
        ["tokenizer.stream", () => tokenizer.stream(wrong)],
        ["tokenizer.apply_chat_template", () => tokenizer.apply_chat_template(chat, wrong)],
      ];
      for (const [name, call] of calls({ nonsense_option: 1 } as never))
        assert.throws(call, new RegExp(`^TypeError: ${name} has no option "nonsense_option"; it knows `));
      for (const [name, call] of calls(null as never))
        assert.throws(call, new RegExp(`^TypeError: Expected an object with options .* ${name} but received null\\.$`));
    });

    it("cuts at max_length alone, and not where only padding is asked for", () => {
      const lists = (options: object) =>
        tokenizer("a b c", { return_tensors: null, add_special_tokens: false, ...options }).input_ids;
      assert.deepEqual(lists({ max_length: 2 }), [1, 2]);
      assert.deepEqual(lists({ max_length: 3 }), [1, 2, 3]);
      assert.deepEqual(lists({}), [1, 2, 3]);
      assert.deepEqual(lists({ max_length: 2, truncation: false }), [1, 2, 3]);
      tokenizer.pad_token = "[EOS]";
      assert.deepEqual(lists({ max_length: 2, padding: true }), [1, 2, 3]);
      assert.deepEqual(lists({ max_length: 5, padding: "max_length" }), [6, 6, 1, 2, 3]);
      assert.deepEqual(lists({ max_length: 2, padding: "max_length", truncation: true }), [1, 2]);
      tokenizer.model_max_length = 4;
      assert.deepEqual(lists({ padding: "max_length" }), [6, 1, 2, 3]);
      assert.deepEqual(tokenizer.encode("a b c d e").length, 6);
      assert.deepEqual(lists({ padding: "max_length", max_length: 5 }), [6, 6, 1, 2, 3]);
      tokenizer.model_max_length = 2;
      assert.deepEqual(lists({ truncation: true }), [1, 2]);
    });

    it("pads to the longest where the model has no limit of its own, and needs no padding token where nothing is padded", () => {
      const rows = (options: object) =>
        tokenizer(["a", "b c"], { return_tensors: null, add_special_tokens: false, ...options });
      assert.equal(tokenizer.model_max_length, Infinity);
      assert.deepEqual(rows({ padding: "do_not_pad" }).input_ids, [[1], [2, 3]]);
      assert.throws(() => rows({ padding: "longest" }), /no padding token/);
      assert.deepEqual(numbers(tokenizer(["a", "b"], { padding: true, add_special_tokens: false }).input_ids), [1, 2]);
      tokenizer.pad_token = "[EOS]";
      assert.deepEqual(rows({ padding: "max_length" }).input_ids, [
        [6, 1],
        [2, 3],
      ]);
      const bare = rows({ padding: true, return_attention_mask: false });
      assert.deepEqual(Object.keys(bare), ["input_ids"]);
      const moved = tokenizer("a", { return_attention_mask: false }).to("cpu");
      assert.deepEqual(Object.keys(moved), ["input_ids"]);
    });
  });

  describe("takes ids", () => {
    it("of any form, and a bigint's token alone", () => {
      assert.equal(tokenizer.convert_ids_to_tokens(3n), "c");
      assert.deepEqual(tokenizer.convert_ids_to_tokens([3n]), ["c"]);
      assert.equal(tokenizer.decode(new Tensor("int64", BigInt64Array.of(3n), [])), "c");
      assert.equal(tokenizer.decode(new Tensor("int64", BigInt64Array.of(3n, 1n), [1, 1, 2])), "c a");
    });

    it("and says what else it got, and which call takes several sequences", () => {
      const square = new Tensor("int64", BigInt64Array.of(1n, 2n, 3n, 4n), [2, 2]);
      const cube = new Tensor("int64", BigInt64Array.of(1n, 2n, 3n, 4n), [2, 2, 1]);
      assert.throws(() => tokenizer.decode(square), /received a tensor \[2, 2\]; batch_decode takes several\.$/);
      assert.deepEqual(tokenizer.batch_decode(square), ["a b", "c d"]);
      assert.throws(() => tokenizer.batch_decode(cube), /a tensor of two dimensions for batch_decode/);
      assert.throws(() => tokenizer.batch_decode([[1], 2] as never), /decode takes one sequence/);
      assert.throws(() => tokenizer.batch_decode([[1], null] as never), /decode takes one sequence/);
      assert.throws(() => tokenizer.decode([1.5]), /whole number from 0 on\) but received 1\.5\.$/);
      assert.throws(() => tokenizer.decode(["a"] as never), /whole number from 0 on\) but received 'a'\.$/);
      assert.throws(() => tokenizer.decode([[[1]], 2] as never), /but received \[ \[Array\] \]; batch_decode/);
      assert.throws(() => tokenizer.decode({ a: { b: 1 } } as never), /a tensor\) but received \{ a: \[Object\] \}\.$/);
    });
  });

  it("of a file that makes none is refused by its name, in a sentence, with the cause", async () => {
    const broken = { ...words, decoder: { type: "NoSuchDecoder" } };
    await assert.rejects(load(broken), (error: Error) => {
      assert.match(error.message, /phi3lab-tokenizer-.* holds no tokenizer that can be used: .*[^.]\.$/);
      assert.ok(error.cause instanceof Error);
      return true;
    });
  });
});

describe("chat templates", () => {
  let tokenizer: PreTrainedTokenizer;
  before(async () => {
    tokenizer = await load(words);
  });
  const chat = [{ role: "user", content: "a" }];
  const render = (chat_template: string, more: object = {}): string =>
    tokenizer.apply_chat_template(chat, { ...more, tokenize: false, chat_template });

  it("count as Python's range does", () => {
    const list = (args: string) => render(`{% for i in range(${args}) %}{{ i }} {% endfor %}`).trim();
    assert.equal(list("4"), "0 1 2 3");
    assert.equal(list("2, 5"), "2 3 4");
    assert.equal(list("1, 8, 3"), "1 4 7");
    assert.equal(list("9, 2, -3"), "9 6 3");
    assert.equal(list("5, 2"), "");
    assert.throws(() => list("0, 9, 0"), /range\(\) arg 3 must not be zero\.$/);
  });

  it("write the date as Python's strftime does", () => {
    // Python 3.12: datetime(…).strftime(format).
    const dates: [Date, string][] = [
      [new Date(2026, 0, 5, 0, 7, 9), "Mon Monday Jan January 05 01 26 2026 00 12 07 09 AM % %Q"],
      [new Date(2007, 11, 31, 15, 30, 0), "Mon Monday Dec December 31 12 07 2007 15 03 30 00 PM % %Q"],
      [new Date(2024, 4, 12, 12, 0, 59), "Sun Sunday May May 12 05 24 2024 12 12 00 59 PM % %Q"],
    ];
    for (const [now, expected] of dates) {
      const real = globalThis.Date;
      globalThis.Date = class extends real {
        constructor() {
          super(now.getTime());
        }
      } as DateConstructor;
      try {
        assert.equal(render("{{ strftime_now('%a %A %b %B %d %m %y %Y %H %I %M %S %p %% %Q') }}"), expected);
      } finally {
        globalThis.Date = real;
      }
    }
  });

  it("know the special tokens, and tools and documents, which are none where they are not given", () => {
    assert.equal(render("{{ bos_token }}{{ eos_token }}"), "[BOS][EOS]");
    const encoded = tokenizer.apply_chat_template(chat, { chat_template: "{{ bos_token }} a b" });
    assert.deepEqual(numbers(encoded.input_ids), [7, 1, 2], "the template writes BOS, nobody else does");
    const source = "{{ tools is none }} {{ documents is none }} {{ add_generation_prompt }}";
    assert.equal(render(source).toLowerCase(), "true true false");
    assert.equal(
      render(source, { tools: [{ name: "f" }], documents: ["x"], add_generation_prompt: true }).toLowerCase(),
      "false false true",
    );
    assert.equal(render("{{ tools[0].name }} {{ documents[0] }}", { tools: [{ name: "f" }], documents: ["x"] }), "f x");
  });

  it("of several names are chosen: the tools' where there are tools, else the default, or the one that is named", () => {
    const plain = { tokenize: false } as const;
    tokenizer.chat_template = { default: "plain", tool_use: "tools", other: "another one" };
    assert.equal(tokenizer.apply_chat_template(chat, plain), "plain");
    assert.equal(tokenizer.apply_chat_template(chat, { ...plain, tools: [] }), "tools");
    assert.equal(render("other"), "another one");
    assert.equal(render("{{ messages[0].content }}!"), "a!");
    tokenizer.chat_template = { default: "plain" };
    assert.equal(tokenizer.apply_chat_template(chat, { ...plain, tools: [] }), "plain");
    tokenizer.chat_template = { other: "other" };
    assert.throws(
      () => tokenizer.apply_chat_template(chat, plain),
      /has no chat template named "default"; give one of other, or your own, as chat_template\.$/,
    );
    tokenizer.chat_template = "one {{ messages[0].content }}";
    assert.equal(tokenizer.apply_chat_template(chat, { ...plain, tools: [] }), "one a");
    assert.equal(render("object"), "object");
  });

  it("are given a whole conversation or none: one message that is none refuses all of it, and is shown", () => {
    const wrong = [{ role: "user", content: { deep: { deeper: 1 } } }, { content: "b" }];
    assert.throws(
      () => tokenizer.apply_chat_template(wrong as never, { chat_template: "x" }),
      /but received \[ \{ role: 'user', content: \[Object\] \}, \{ content: 'b' \} \]\.$/,
    );
    assert.throws(
      () => tokenizer.apply_chat_template([null] as never, { chat_template: "x" }),
      /^TypeError: Expected messages .* but received \[ null \]\.$/,
    );
    assert.throws(
      () => tokenizer.apply_chat_template([{ role: 5 }] as never, { chat_template: "x" }),
      /Expected messages/,
    );
  });

  it("may be so long and make lists so long, and no longer", () => {
    assert.equal(render("x".repeat(500_000)).length, 500_000);
    assert.throws(() => render("x".repeat(500_001)), /has 500001 characters; expected at most 500000\.$/);
    const grown = (count: number) => `{% set x = range(${count})|list + range(50000)|list %}{{ x | length }}`;
    assert.equal(render(grown(50_000)), "100000");
    assert.throws(() => render(grown(50_001)), /it made a list of more than 100000 elements\.$/);
  });

  it("that fail say why in a sentence, whether theirs ended with a full stop or not, and keep the cause", () => {
    for (const words of ["No systems. None", "No systems. None."])
      assert.throws(
        () => render(`{{ raise_exception('${words}') }}`),
        (error: Error) => {
          assert.equal(
            error.message,
            `The chat template of ${tokenizer.name_or_path} cannot be rendered: No systems. None.`,
          );
          assert.equal((error.cause as Error).message, words);
          return true;
        },
      );
  });
});
