/** The pipeline continues texts and conversations, as transformers' does; SmolLM2 is held against test/golden/smollm2.json. */
import assert from "node:assert/strict";
import { cpSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  AutoModelForCausalLM,
  AutoTokenizer,
  type Message,
  type Phi3ForCausalLM,
  type PreTrainedTokenizer,
  pipeline,
  type TextGenerationPipeline,
  TextStreamer,
} from "../../src";
import { needSmollm, phi3Folder } from "./tokenizer/models";

const cases = JSON.parse(readFileSync(join(__dirname, "..", "golden", "smollm2.json"), "utf8")) as {
  name: string;
  text: string;
  tokens: number[];
}[];
const golden = (name: string) => cases.find((one) => one.name === name) as (typeof cases)[number];

describe("pipeline", function () {
  this.timeout(60_000);
  const capital = golden("capital");
  const apology = golden("apology");
  let path: string;
  let model: Phi3ForCausalLM;
  let tokenizer: PreTrainedTokenizer;
  let generator: TextGenerationPipeline;

  before(async function () {
    path = await needSmollm(this);
    tokenizer = await AutoTokenizer.from_pretrained(path);
    model = await AutoModelForCausalLM.from_pretrained(path, { device: "cpu" });
    generator = pipeline("text-generation", { model, tokenizer, return_full_text: false, max_new_tokens: 8 });
  });
  after(() => model?.dispose());

  const continued = ({ tokens }: { tokens: number[] }, count = 8): string =>
    tokenizer.decode(tokens.slice(0, count), { skip_special_tokens: true });

  it("continues a text as transformers does", async () => {
    assert.deepEqual(await generator(capital.text), [{ generated_text: continued(capital) }]);
    const [first] = await generator(apology.text, { max_new_tokens: 50 });
    assert.equal(first?.generated_text, continued(apology, 50));
  });

  it("gives the prompt too, unless return_full_text is false", async () => {
    const full = pipeline("text-generation", { model, tokenizer, max_new_tokens: 8 });
    assert.deepEqual(await full(capital.text), [{ generated_text: capital.text + continued(capital) }]);
    assert.deepEqual(await full(capital.text, { return_full_text: false }), [{ generated_text: continued(capital) }]);
  });

  it("continues each of several texts", async () => {
    const results = await generator([capital.text, apology.text]);
    assert.deepEqual(
      results,
      [capital, apology].map((one) => [{ generated_text: continued(one) }]),
    );
  });

  it("continues each text of a list, and answers each conversation, as it does alone, eight of them at once", async () => {
    const chat: Message[] = [{ role: "user", content: "What is the capital of Italy?" }];
    const texts = ["A", capital.text, "Once upon a time, the sea was", apology.text.slice(0, 30), "1 2 3 4", "x ="];
    const inputs = [...texts, chat, "Paris", "Rome and"];
    let calls = 0;
    const { generate } = model;
    model.generate = ((...given: unknown[]) => {
      calls++;
      return (generate as (...all: unknown[]) => unknown).apply(model, given);
    }) as typeof generate;
    try {
      for (const options of [{}, { max_new_tokens: 3, num_beams: 2, num_return_sequences: 2 }]) {
        calls = 0;
        const together = await generator(inputs as string[], options);
        assert.equal(calls, 2);
        for (const [i, input] of inputs.entries())
          assert.deepEqual(together[i], await generator(input as string, options), `${i}`);
      }
      // What would be another text beside others goes alone.
      for (const options of [
        { seed: 3, do_sample: true },
        { max_new_tokens: null, max_length: 12 },
        { use_cache: false },
      ]) {
        calls = 0;
        const short = texts.slice(0, 2).map((text) => text.slice(0, 9));
        const list = await generator(short, options);
        assert.equal(calls, 2);
        for (const [i, text] of short.entries()) assert.deepEqual(list[i], await generator(text, options));
      }
    } finally {
      model.generate = generate;
    }
  });

  it("begins an empty text with the token that texts begin with, as transformers does, in a list too", async () => {
    const bos = tokenizer.bos_token_id as number;
    const ids = await model.generate({ input_ids: [bos], max_new_tokens: 8 });
    const [begun] = await generator("");
    assert.equal(begun?.generated_text, tokenizer.decode(ids, { skip_special_tokens: true }));
    assert.deepEqual(await generator([capital.text, ""]), [[{ generated_text: continued(capital) }], [begun]]);
    const [other] = await generator("", { bos_token_id: capital.tokens[0] });
    assert.notDeepEqual(other, begun);
  });

  it("answers a conversation in the model's chat format, and does not change what it was given", async () => {
    const user = { role: "user", content: "What is the capital of Italy?" };
    const system = "You are a helpful AI assistant named SmolLM, trained by Hugging Face";
    const chat = [{ role: "system", content: system }, user];
    const [answer] = await generator(chat, { max_new_tokens: 20 });
    const text = `<|im_start|>system\n${system}<|im_end|>\n<|im_start|>user\n${user.content}<|im_end|>\n<|im_start|>assistant\n`;
    const [asText] = await generator(text, { max_new_tokens: 20, add_special_tokens: false });
    assert.equal(answer?.generated_text, asText?.generated_text);
    assert.notEqual(answer?.generated_text, "");

    const [full] = await generator(chat as Message[], { max_new_tokens: 20, return_full_text: true });
    assert.deepEqual(full?.generated_text, [...chat, { role: "assistant", content: answer?.generated_text }]);
    assert.equal(chat.length, 2);
    const whole = pipeline("text-generation", { model, tokenizer, max_new_tokens: 2 });
    const [conversation] = await whole(chat);
    assert.equal(conversation?.generated_text.at(-1)?.role, "assistant");
  });

  it("streams the text as it comes: the pieces together are the answer", async () => {
    const pieces: string[] = [];
    const streamer = new TextStreamer(tokenizer, {
      skip_prompt: true,
      skip_special_tokens: true,
      callback_function: (text) => pieces.push(text),
    });
    const [first] = await generator(capital.text, { streamer });
    assert.ok(pieces.length > 3, `${pieces.length} pieces`);
    assert.equal(pieces.join(""), first?.generated_text);
  });

  it("is made of a model's name as well", async () => {
    const made = await pipeline("text-generation", path, { device: "cpu" });
    const [first] = await made(capital.text, { max_new_tokens: 1, return_full_text: false });
    assert.equal(first?.generated_text, continued(capital, 1));
    await made.model.dispose();
  });

  it("takes every option of the model and of the tokenizer with a name", async () => {
    const folder = await phi3Folder();
    try {
      cpSync(join(__dirname, "..", "golden", "tiny", "multi_head"), folder, { recursive: true });
      const all = { device: "cpu", dtype: "auto", kv_dtype: "float16", threads: 1, compute: "float32" } as const;
      const more = { trust_remote_code: true, attn_implementation: "eager", local_files_only: true };
      const named = await pipeline("text-generation", folder, { ...all, ...more });
      assert.equal(named.model.device, "cpu");
      await named.model.dispose();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("says which task, option or input cannot be", async () => {
    assert.throws(() => pipeline("text-generator", { model, tokenizer }), /did you mean "text-generation"\?/);
    assert.throws(() => pipeline("summarization", { model, tokenizer }), /"text-generation", the one there is/);
    assert.throws(() => pipeline("text-generation", undefined as never), /Expected \{ model, tokenizer/);
    assert.throws(() => pipeline("text-generation", { model } as never), /Expected a tokenizer for pipeline/);
    assert.throws(() => pipeline("text-generation", { tokenizer } as never), /Expected a model for pipeline/);
    assert.throws(
      () => pipeline("text-generation", { model, tokenizer, max_tokens: 5 } as never),
      /pipeline has no option "max_tokens"; did you mean max_new_tokens\?/,
    );
    await assert.rejects(generator("a", { retrun_full_text: true } as never), /did you mean return_full_text\?/);
    await assert.rejects(generator("a", { output_scores: true } as never), /has no option "output_scores"/);
    await assert.rejects(generator("a", { max_new_tokens: 0 }), /integer > 0 for max_new_tokens/);
    await assert.rejects(generator("a", { return_full_text: "no" as never }), /true or false for return_full_text/);
    await assert.rejects(generator(5 as never), /Expected a string, messages .* but received 5/);
    await assert.rejects(generator([]), /Expected a string, messages/);
    await assert.rejects(generator(["a", 5] as never), /Expected a string, messages/);
    await assert.rejects(generator([{ role: "user" }] as never), /Expected a string, messages/);
    assert.deepEqual(await generator(capital.text), [{ generated_text: continued(capital) }]);
  });
});
