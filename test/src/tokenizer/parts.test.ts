/** Each part of tokenizer.json by itself does to texts and tokens what the Rust library does (parts.py asked it). */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AutoTokenizer, type PreTrainedTokenizer } from "../../../src/tokenizer";
import cases from "./parts.json";

const separate = (joined: string): string[] => (joined === "" ? [] : joined.split("¦"));

async function load(tokens: string, parts: object): Promise<PreTrainedTokenizer> {
  const vocab = Object.fromEntries(separate(tokens).map((token, id) => [token, id]));
  const model = { type: "WordPiece", unk_token: "[UNK]", continuing_subword_prefix: "##", vocab };
  const folder = mkdtempSync(join(tmpdir(), "phi3lab-parts-"));
  try {
    writeFileSync(join(folder, "tokenizer.json"), JSON.stringify({ ...parts, model }));
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
