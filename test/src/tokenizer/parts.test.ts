/** Each part of tokenizer.json by itself does to texts and tokens what the Rust library does (parts.py asked it). */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AutoTokenizer, type PreTrainedTokenizer } from "../../../src/tokenizer";
import { Encoder } from "../../../src/tokenizer/parts/encoder";
import { normalizer } from "../../../src/tokenizer/parts/normalizers";
import type { TokenizerJson } from "../../../src/tokenizer/spec";
import { randomNumbers } from "./models";
import cases from "./parts.json";
import precompiled from "./precompiled.json";

const separate = (joined: string): string[] => (joined === "" ? [] : joined.split("¦"));

async function load(tokens: string, parts: object, config: object = {}): Promise<PreTrainedTokenizer> {
  const vocab = Object.fromEntries(separate(tokens).map((token, id) => [token, id]));
  const model = { type: "WordPiece", unk_token: "[UNK]", continuing_subword_prefix: "##", vocab };
  const folder = mkdtempSync(join(tmpdir(), "phi3lab-parts-"));
  try {
    writeFileSync(join(folder, "tokenizer.json"), JSON.stringify({ ...parts, model }));
    writeFileSync(join(folder, "tokenizer_config.json"), JSON.stringify(config));
    return await AutoTokenizer.from_pretrained(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe("the parts of tokenizer.json", () => {
  for (const { name, vocab, parts, tokens } of cases.encoding) {
    it(`cut texts as the Rust library does: ${name}`, async () => {
      const tokenizer = await load(vocab, parts);
      for (const [text, expected] of Object.entries(tokens))
        assert.deepEqual(tokenizer.tokenize(text), separate(expected), JSON.stringify(text));
    });
  }

  for (const { name, vocab, parts, decoded } of cases.decoding) {
    it(`join tokens as the Rust library does, at once and streamed: ${name}`, async () => {
      const tokenizer = await load(vocab, parts);
      for (const [tokens, expected] of Object.entries(decoded)) {
        const ids = tokenizer.convert_tokens_to_ids(separate(tokens)) as number[];
        assert.equal(tokenizer.decode(ids), expected, tokens);
        const stream = tokenizer.stream();
        const pieces = [...ids.map((id) => stream.push(id)), stream.end()];
        assert.equal(pieces.join(""), expected, tokens);
      }
    });
  }
});

describe("the parts of tokenizer.json by themselves", () => {
  for (const { name, normalizer: node, texts } of cases.normalizing) {
    it(`rewrite texts as the Rust library does: ${name}`, () => {
      const rewrite = normalizer(node);
      for (const [text, expected] of Object.entries(texts)) assert.equal(rewrite(text), expected, JSON.stringify(text));
    });
  }

  it("rewrite 518 texts by SentencePiece's own table as the Rust library does: Precompiled", () => {
    const rewrite = normalizer({ type: "Precompiled", precompiled_charsmap: precompiled.charsmap });
    const differing = precompiled.cases.filter(([text = "", expected]) => rewrite(text) !== expected);
    assert.deepEqual(differing, []);
    assert.equal(precompiled.cases.length, 518);
  });

  for (const { name, model, ids } of cases.modelling) {
    it(`spell words as the Rust library does: ${name}`, () => {
      const empty = { added_tokens: [], normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null };
      const encoder = new Encoder({ ...empty, model: model as TokenizerJson["model"] });
      for (const [text, expected] of Object.entries(ids))
        assert.deepEqual(encoder.encode(text, { special: false }), expected, JSON.stringify(text));
    });
  }
});

describe("text that is cleaned up", () => {
  // transformers 5.23: PreTrainedTokenizerBase.clean_up_tokenization(text).
  const cleaned: Record<string, string> = {
    "a . b ? c !": "a. b? c!",
    "a , b": "a, b",
    "a ' b ' a": "a'b'a",
    "do n't": "don't",
    "I 'm it 's we 've they 're": "I'm it's we've they're",
    "a ' . ' b": "a '.'b",
    "do n't . 's ' '": "don't.'s''",
    "x 'd y 'll": "x 'd y 'll",
  };
  const spelled = [...new Set(Object.keys(cleaned).flatMap((text) => text.split(" ")))];
  let tokenizer: PreTrainedTokenizer;
  beforeEach(async () => {
    const decoder = { type: "WordPiece", prefix: "##", cleanup: false };
    tokenizer = await load(["[UNK]", ...spelled].join("¦"), { decoder }, { clean_up_tokenization_spaces: true });
  });
  const ids = (text: string) => tokenizer.convert_tokens_to_ids(text.split(" ")) as number[];

  it("has the spaces that transformers leaves in it", () => {
    for (const [text, expected] of Object.entries(cleaned)) {
      assert.equal(tokenizer.decode(ids(text)), expected);
      assert.equal(tokenizer.decode(ids(text), { clean_up_tokenization_spaces: false }), text);
    }
  });

  it("is streamed as it is decoded, all but its last two words or so as soon as they are known", () => {
    const random = randomNumbers(3);
    for (let i = 0; i < 200; i++) {
      const row = Array.from({ length: 20 }, () => 1 + random(spelled.length));
      const whole = tokenizer.decode(row);
      const stream = tokenizer.stream();
      let given = "";
      for (const [at, id] of row.entries()) {
        given += stream.push(id);
        assert.ok(whole.startsWith(given), `${JSON.stringify(given)} of ${JSON.stringify(whole)}`);
        const known = tokenizer.decode(row.slice(0, at + 1));
        assert.ok(known.length - given.length <= 14, `${JSON.stringify(given)} of ${JSON.stringify(known)}`);
      }
      assert.equal(given + stream.end(), whole);
    }
  });
});
