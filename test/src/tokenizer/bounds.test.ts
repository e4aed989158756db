/** Tokenizers take a time linear in the text; those that mean harm end with an error that names the file and the part. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AutoTokenizer, type PreTrainedTokenizer } from "../../../src/tokenizer";
import { peak } from "../../peak";
import { phi3Json } from "./models";

const letters = [..."abcdefghijklmnopqrstuvwxyz .,!'"];
const vocab = Object.fromEntries(["<unk>", "▁", "##a", "##b", ...letters].map((token, id) => [token, id]));
const bpe = { type: "BPE", vocab, merges: [], unk_token: "<unk>" };

async function load(parts: object, config: object = {}): Promise<PreTrainedTokenizer> {
  const folder = mkdtempSync(join(tmpdir(), "phi3lab-bounds-"));
  try {
    writeFileSync(join(folder, "tokenizer.json"), JSON.stringify({ model: bpe, ...parts }));
    writeFileSync(join(folder, "tokenizer_config.json"), JSON.stringify(config));
    return await AutoTokenizer.from_pretrained(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function seconds(run: () => unknown): number {
  const start = performance.now();
  run();
  return (performance.now() - start) / 1000;
}

describe("tokenizers that mean harm", () => {
  const split = (Regex: string) => ({ pre_tokenizer: { type: "Split", pattern: { Regex }, behavior: "Isolated" } });
  const grow = { type: "Replace", pattern: { Regex: "." }, content: "aaaaaaaaaa" };
  const sequence = (normalizer: object) => ({
    normalizer: { type: "Sequence", normalizers: Array(7).fill(normalizer) },
  });
  const harmful: Record<string, [parts: object, text: string, error: RegExp]> = {
    "an expression of exponential time": [split("(a+)+$"), `${"a".repeat(40)}!`, /its pre_tokenizer took more than 2/],
    "another one": [split("(a|a)*b"), "a".repeat(60), /its pre_tokenizer took more than 2 seconds/],
    "an expression of cubic time": [split("a*a*a*b"), "a".repeat(20_000), /its pre_tokenizer took more than 2 seconds/],
    "a normalizer's expression": [
      { normalizer: { ...grow, pattern: { Regex: "(a+)+!" } } },
      "a".repeat(40),
      /its normalizer \(Replace\) took more than 2 seconds for 40 characters\.$/,
    ],
    "a normalizer that multiplies": [sequence(grow), "a b", /its normalizer \(Replace\) makes more than 1000300 char/],
    "a normalizer that multiplies by a string": [
      sequence({ ...grow, pattern: { String: "a" } }),
      "a b",
      /its normalizer \(Replace\) makes more than/,
    ],
    "prepending that multiplies": [
      sequence({ type: "Prepend", prepend: "a".repeat(1_000_000) }),
      "a",
      /its normalizer \(Prepend\) makes more than/,
    ],
  };

  for (const [name, [parts, text, error]] of Object.entries(harmful)) {
    it(`end with an error: ${name}`, async function () {
      this.timeout(20_000);
      const start = performance.now();
      // What shows on every text shows as the tokenizer is loaded.
      await assert.rejects(async () => (await load(parts)).encode(text), error);
      assert.ok(performance.now() - start < 20_000);
      const named = await load(parts)
        .then((tokenizer) => tokenizer.encode(text))
        .catch((caught: Error) => caught);
      assert.match(String(named), /phi3lab-bounds-\w+/);
    });
  }

  it("leave the tokenizers beside them as they are", async () => {
    const [good, bad] = [await load({}), await load(split("(a+)+$"))];
    assert.throws(() => bad.encode(`${"a".repeat(40)}!`), /took more than/);
    assert.deepEqual(good.encode("ab"), [vocab.a, vocab.b]);
    assert.deepEqual(bad.encode("ab"), [vocab.a, vocab.b]);
  });

  /** Takes a part of a second for a text of so many letters, and no more. */
  const slow = { type: "Replace", pattern: { Regex: "a*a*a*b" }, content: "" };
  const slowText = () => "a".repeat(180);

  it("end with an error where their expressions would take minutes to get ready", async function () {
    this.timeout(60_000);
    const start = performance.now();
    const one = split("\\b\\w".repeat(50)).pre_tokenizer;
    for (const parts of [
      split("\\b".repeat(20_000)),
      split("(?#".repeat(50_000)),
      { pre_tokenizer: { type: "Sequence", pretokenizers: Array.from({ length: 1000 }, () => one) } },
    ])
      await assert.rejects(load(parts), /its expressions have \d+ characters and \d+ classes; expected at most/);
    assert.deepEqual((await load({ pre_tokenizer: one })).encode("ab"), [vocab.a, vocab.b]);
    assert.ok(performance.now() - start < 15_000);
  });

  it("end with an error where thousands of added tokens begin alike", async function () {
    this.timeout(60_000);
    const token = (id: number) => ({ id: id + 100, content: "a".repeat(id + 1), normalized: false, special: false });
    const alike = Array.from({ length: 3000 }, (_, i) => token(i)).map((one) => ({
      ...one,
      content: `${one.content}!`,
    }));
    const start = performance.now();
    const tokenizer = await load({ added_tokens: alike });
    assert.throws(() => tokenizer.encode("a".repeat(4000)), /its added_tokens took more than 2 seconds/);
    assert.deepEqual(tokenizer.encode("aa!b"), [101, vocab.b]);
    assert.ok(performance.now() - start < 15_000);
  });

  it("end with an error where many texts take long that each take less, as added tokens", async function () {
    this.timeout(60_000);
    const token = (i: number) => ({ id: 100 + i, content: `${i} ${slowText()}`, normalized: true, special: false });
    const added_tokens = Array.from({ length: 100 }, (_, i) => token(i));
    const start = performance.now();
    await assert.rejects(
      load({ normalizer: slow, added_tokens }),
      /its normalizer \(Replace\) took more than \d seconds/,
    );
    assert.ok(performance.now() - start < 15_000);
  });

  it("end with an error where many tokens take long to decode that each take less", async function () {
    this.timeout(60_000);
    const tokenizer = await load({ model: { ...bpe, vocab: { ...vocab, [slowText()]: 90 } }, decoder: slow });
    const start = performance.now();
    const ids = Array.from({ length: 200 }, () => 90);
    assert.throws(() => tokenizer.decode(ids), /its decoder took more than \d seconds/);
    assert.throws(() => tokenizer.stream().push(ids), /its decoder took more than \d seconds/);
    assert.ok(performance.now() - start < 20_000);
  });

  it("decode with an error, too", async function () {
    this.timeout(10_000);
    const pattern = { Regex: "(a+)+!" };
    const token = "a".repeat(40);
    const model = { ...bpe, vocab: { ...vocab, [token]: 90 } };
    const tokenizer = await load({ model, decoder: { type: "Replace", pattern, content: "" } });
    assert.throws(() => tokenizer.decode([90]), /phi3lab-bounds-\w+\/tokenizer\.json cannot decode .*its decoder took/);
  });
});

describe("long texts", () => {
  const long = 100_000;

  it("of one word are encoded by every model in seconds", async function () {
    this.timeout(30_000);
    const unigram = Array.from({ length: 200 }, (_, i) => (i === 0 ? ["<unk>", 0] : ["a".repeat(i), -i]));
    const models = {
      BPE: { ...bpe, merges: ["a a"], vocab: { ...vocab, aa: 90 } },
      Unigram: { type: "Unigram", vocab: unigram, unk_id: 0 },
      WordPiece: { type: "WordPiece", vocab, unk_token: "<unk>", max_input_chars_per_word: 100 },
      WordLevel: { type: "WordLevel", vocab, unk_token: "<unk>" },
    };
    for (const [name, model] of Object.entries(models)) {
      const tokenizer = await load({ model });
      assert.ok(seconds(() => tokenizer.encode("a".repeat(long))) < 20, name);
    }
  });

  it("with thousands of added tokens are encoded in a second or so", async () => {
    const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
    const added_tokens = Array.from({ length: 5000 }, (_, i) => ({ id: 100 + i, content: `<|${i}|>`, ...flags }));
    const tokenizer = await load({ added_tokens });
    const text = "a<|4321|>b < c <|x".repeat(long / 18);
    assert.ok(seconds(() => tokenizer.encode(text)) < 15);
    assert.deepEqual(tokenizer.encode("<|4321|><|432"), [4421, 0, 0, 0, 0, 0]);
  });

  it("are encoded whole, and no watchdog ends what is merely long", async function () {
    this.timeout(60_000);
    const json = await phi3Json();
    const tokenizer = await load(json);
    const text = "The capital of France is Paris.\n".repeat(30_000);
    const ids = tokenizer.encode(text);
    assert.equal(tokenizer.decode(ids), text);
  });

  const decoders: Record<string, object | null> = {
    none: null,
    Metaspace: { type: "Metaspace", replacement: "▁", prepend_scheme: "always" },
    WordPiece: { type: "WordPiece", prefix: "##", cleanup: true },
    ByteLevel: { type: "ByteLevel" },
    BPEDecoder: { type: "BPEDecoder", suffix: "</w>" },
    CTC: { type: "CTC", pad_token: "<pad>", word_delimiter_token: "|", cleanup: true },
    Fuse: { type: "Fuse" },
    "Fuse and more": {
      type: "Sequence",
      decoders: [{ type: "Fuse" }, { type: "WordPiece", prefix: "##", cleanup: true }],
    },
    SentencePiece: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        { type: "Strip", content: " ", start: 1, stop: 0 },
      ],
    },
  };

  for (const [name, decoder] of Object.entries(decoders)) {
    it(`are decoded and streamed in a time linear in them: decoder ${name}`, async function () {
      this.timeout(20_000);
      const model = { type: "WordPiece", vocab, unk_token: "<unk>" };
      const tokenizer = await load({ decoder, model }, { clean_up_tokenization_spaces: true });
      const ids = Array.from({ length: 80_000 }, (_, i) => (i * 7) % Object.keys(vocab).length);
      // 80,000 ids would take minutes where each looked at all before it.
      const text = tokenizer.decode(ids);
      assert.ok(seconds(() => tokenizer.decode(ids)) < 20);
      const stream = tokenizer.stream();
      let streamed = "";
      const took = seconds(() => {
        for (const id of ids) streamed += stream.push(id);
        streamed += stream.end();
      });
      assert.ok(took < 20, `${took} s`);
      assert.equal(streamed, text);
    });
  }

  it("that are cleaned up are streamed in a time linear in them, whatever they are of", async function () {
    this.timeout(20_000);
    const model = { type: "WordPiece", vocab, unk_token: "<unk>" };
    for (const letter of ["'", " ", ".", "n", "v"]) {
      const tokenizer = await load({ decoder: { type: "Fuse" }, model }, { clean_up_tokenization_spaces: true });
      const ids = new Array<number>(80_000).fill(vocab[letter] as number);
      const stream = tokenizer.stream();
      let streamed = "";
      const took = seconds(() => {
        for (const id of ids) streamed += stream.push(id);
        streamed += stream.end();
      });
      assert.ok(took < 20, `${JSON.stringify(letter)}: ${took} s`);
      assert.equal(streamed, tokenizer.decode(ids));
    }
  });

  it("take no more than 600 MB to encode and decode", function () {
    this.timeout(30_000);
    const program = `
      const { AutoTokenizer } = require("./src/tokenizer");
      AutoTokenizer.from_pretrained(process.argv[1]).then((tokenizer) => {
        for (const text of ["a".repeat(1_000_000), "ab ".repeat(300_000)]) tokenizer.decode(tokenizer.encode(text));
        console.log(${peak});
      });`;
    const folder = mkdtempSync(join(tmpdir(), "phi3lab-bounds-"));
    writeFileSync(join(folder, "tokenizer.json"), JSON.stringify({ model: bpe, pre_tokenizer: null }));
    const args = ["--require", "tsx/cjs", "-e", program, folder];
    const most = execFileSync(process.execPath, args, { cwd: join(__dirname, "../../.."), encoding: "utf8" });
    rmSync(folder, { recursive: true });
    assert.ok(Number(most) < 600_000, `${most} kB`);
  });
});
