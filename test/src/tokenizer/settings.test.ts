/** The settings beside a tokenizer.json mean what they mean to transformers: settings.py asked it. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AutoTokenizer, type PreTrainedTokenizer } from "../../../src/tokenizer";
import { cases, templates, texts } from "./settings.json";

async function load(files: Record<string, unknown>): Promise<PreTrainedTokenizer> {
  const folder = mkdtempSync(join(tmpdir(), "phi3lab-settings-"));
  try {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(join(folder, name, ".."), { recursive: true });
      writeFileSync(join(folder, name), typeof content === "string" ? content : JSON.stringify(content));
    }
    return await AutoTokenizer.from_pretrained(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe("the settings of a tokenizer", () => {
  for (const { name, json, config, expected } of cases) {
    it(`are taken as transformers takes them: ${name}`, async () => {
      const tokenizer = await load({ "tokenizer.json": json, "tokenizer_config.json": config });
      const said = "padding_side" in config || json.padding !== null;
      // Where nobody says, rows are padded on the left here, for generation.
      assert.equal(tokenizer.padding_side, said ? expected.sides[0] : "left");
      assert.equal(tokenizer.truncation_side, expected.sides[1]);
      tokenizer.padding_side = expected.sides[0] as "left";
      const { additional_special_tokens: _, ...special } = tokenizer.special_tokens_map;
      assert.deepEqual(special, expected.special);
      assert.equal(tokenizer.pad_token_id ?? null, expected.pad_token_id);
      assert.deepEqual([tokenizer.size, tokenizer.vocab_size], [expected.size, expected.vocab_size]);
      const encode = (options: object) => tokenizer(texts, { ...options, return_tensors: null }).input_ids;
      assert.deepEqual(encode({}), expected.plain);
      assert.deepEqual(encode({ add_special_tokens: false }), expected.without);
      assert.deepEqual(encode({ max_length: 3, truncation: true }), expected.cut);
      if (expected.padded) {
        assert.deepEqual(encode({ padding: true }), expected.padded);
        assert.deepEqual(encode({ padding: "max_length", max_length: 4, truncation: true }), expected.exact);
      }
      const decoded = expected.plain.flatMap((ids) =>
        [false, true].map((skip_special_tokens) => tokenizer.decode(ids, { skip_special_tokens })),
      );
      assert.deepEqual(decoded, expected.decoded);
    });
  }

  it("hold chat templates where transformers looks for them", async () => {
    for (const { files, chat_template } of templates) {
      const loaded = await load(files);
      assert.deepEqual(loaded.chat_template ?? null, chat_template, Object.keys(files).join(", "));
    }
    assert.equal(templates.length, 11);
  });

  it("include chat templates by name, in files of their own", async () => {
    const json = cases[0]?.json;
    const chat = [{ role: "user", content: "x" }];
    const files = { "tokenizer.json": json, "additional_chat_templates/tool_use.jinja": "T" };
    const both = await load({ ...files, "chat_template.jinja": "D" });
    assert.deepEqual(both.chat_template, { default: "D", tool_use: "T" });
    assert.equal(both.apply_chat_template(chat, { tokenize: false }), "D");
    assert.equal(both.apply_chat_template(chat, { tokenize: false, tools: [{}] }), "T");
    assert.equal(both.apply_chat_template(chat, { tokenize: false, chat_template: "tool_use" }), "T");
    const named = await load(files);
    assert.throws(() => named.apply_chat_template(chat), /no chat template named "default"; give one of tool_use,/);
  });
});
