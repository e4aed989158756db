/** A model as cells call it: every form of ids, the two halves, caches, batches; and what is said of the rest. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { AutoModelForCausalLM, type IdsInput, type Phi3ForCausalLM } from "../../src";
import { Tensor, tensor } from "../../src/tensor";
import { close, floats, folder, golden, prompt, tokens } from "./multi_head";

const goldens = join(__dirname, "..", "golden");
const batch = (
  JSON.parse(readFileSync(join(goldens, "generation.json"), "utf8")) as {
    batch: { input_ids: number[][]; attention_mask: number[][]; logits: { dims: number[]; data: number[] } };
  }
).batch;

describe("a model", function () {
  this.timeout(60_000);
  let model: Phi3ForCausalLM;
  before(async () => {
    model = await AutoModelForCausalLM.from_pretrained(folder, { device: "cpu", torch_dtype: "auto" });
  });
  after(() => model.dispose());

  describe("takes token ids", () => {
    const rest = { int64: tensor(prompt), rows: tensor([prompt]), int32: new Tensor("int32", prompt, [prompt.length]) };
    const forms: [string, IdsInput][] = [
      ["an array of numbers", prompt],
      ["an array of bigints", prompt.map(BigInt)],
      ["rows of arrays", [prompt]],
      ["an Int32Array", Int32Array.from(prompt)],
      ["a BigInt64Array", BigInt64Array.from(prompt.map(BigInt))],
      ["a tensor [T]", rest.int64],
      ["a tensor [1, T]", rest.rows],
      ["a tensor of int32", rest.int32],
      ["an array of tensors", [rest.int64] as unknown as IdsInput],
      ["a view", tensor([[0, 0], ...prompt.map((id) => [id, 0])]).slice([1], 0)],
    ];
    for (const [title, ids] of forms)
      it(`as ${title}`, async () => {
        const { logits } = await model(ids);
        assert.deepEqual(logits.dims, [1, prompt.length, 211]);
        close(floats(logits), golden("logits"));
      });

    it("as one number, or one bigint", async () => {
      const first = golden("logits").subarray(0, 211);
      for (const id of [prompt[0] as number, BigInt(prompt[0] as number)])
        close(floats((await model(id)).logits), first);
    });

    it("by name, as a tokenizer gives them", async () => {
      const attention_mask = prompt.map(() => 1);
      close(floats((await model({ input_ids: prompt, attention_mask })).logits), golden("logits"));
      close(floats((await model.model({ input_ids: prompt })).last_hidden_state), golden("model.norm"));
    });
  });

  describe("has two halves", () => {
    it("the stack gives a vector a position, and the head scores of it", async () => {
      const output = await model.model(prompt);
      assert.equal(output[0], output.last_hidden_state);
      assert.deepEqual(output[0].dims, [1, prompt.length, 48]);
      close(floats(output[0]), golden("model.norm"));
      const logits = await model.lm_head(output[0]);
      assert.deepEqual(logits.dims, [1, prompt.length, 211]);
      close(floats(logits), golden("logits"));
    });

    it("the head takes slices of the vectors, and tensors made by hand", async () => {
      const [hidden, all] = [(await model.model(prompt))[0], golden("logits")];
      const last = await model.lm_head(hidden.slice(0, -1));
      assert.deepEqual(last.dims, [211]);
      close(floats(last), all.subarray(-211));
      const middle = await model.lm_head(hidden.slice(0, [2, 5]));
      assert.deepEqual(middle.dims, [3, 211]);
      close(floats(middle), all.subarray(2 * 211, 5 * 211));
      const made = new Tensor("float32", Float32Array.from(golden("model.norm")), [prompt.length, 48]);
      close(floats(await model.lm_head(made)), all);
      close(floats(await model.lm_head(made.slice([1, 2]))), all.subarray(211, 422));
      const turned = made.transpose(0, 1);
      close(floats(await model.lm_head(turned.transpose(0, 1))), all);
      close(floats(await model.lm_head(made.to("float64"))), all);
    });

    it("hidden states and attentions are the blocks' own", async () => {
      const output = await model(prompt, { output_hidden_states: true, output_attentions: true });
      const names = ["model.embed_tokens", "model.layers.0", "model.layers.1", "model.norm"];
      assert.equal(output.hidden_states?.length, names.length);
      names.forEach((name, i) => {
        close(floats(output.hidden_states?.[i] as Tensor), golden(name), name);
      });
      assert.equal(output.attentions?.length, 3);
      output.attentions?.forEach((weights, i) => {
        assert.deepEqual(weights.dims, [1, 4, prompt.length, prompt.length]);
        close(floats(weights), golden(`model.layers.${i}.self_attn.attn_weights`), `attention ${i}`);
      });
    });

    it("a row padded on the left is computed as if it were alone", async () => {
      const { logits } = await model(batch.input_ids, { attention_mask: batch.attention_mask });
      assert.deepEqual(logits.dims, [2, prompt.length, 211]);
      close(floats(logits.slice(null, -1)), batch.logits.data);
    });

    it("calls made at once are each right", async () => {
      const outputs = await Promise.all([4, 12, 7].map((count) => model(prompt.slice(0, count))));
      outputs.forEach(({ logits }, i) => {
        close(floats(logits), golden("logits").subarray(0, 211 * ([4, 12, 7][i] as number)));
      });
    });
  });

  describe("keeps keys and values", () => {
    it("so that the rest of a text continues its beginning", async () => {
      const all = golden("logits");
      const first = await model(prompt.slice(0, 5), { use_cache: true });
      assert.equal(first.past_key_values?.get_seq_length(), 5);
      const { past_key_values } = first;
      const next = await model(prompt.slice(5, 6), { past_key_values });
      close(floats(next.logits), all.subarray(5 * 211, 6 * 211));
      const rest = await model(prompt.slice(6), { past_key_values });
      close(floats(rest.logits), all.subarray(6 * 211));
      past_key_values?.crop(8);
      close(floats((await model(prompt.slice(8), { past_key_values })).logits), all.subarray(8 * 211));
      past_key_values?.dispose();
    });

    it("of each row of a batch, and its attentions are the row's own", async () => {
      const rows = [prompt.slice(0, 6), prompt.slice(6)];
      const split = (from: number, to: number): number[][] => rows.map((row) => row.slice(from, to));
      const { past_key_values } = await model(split(0, 4), { use_cache: true });
      const both = await model(split(4, 6), { past_key_values, output_attentions: true });
      for (const [r, row] of rows.entries()) {
        const alone = await model(row, { output_attentions: true });
        close(floats(both.logits.slice(r)), floats(alone.logits.slice(0, [4, 6])));
        both.attentions?.forEach((weights, i) => {
          assert.deepEqual(weights.dims, [2, 4, 2, 6]);
          close(floats(weights.slice(r)), floats(((alone.attentions as Tensor[])[i] as Tensor).slice(0, null, [4, 6])));
        });
      }
      past_key_values?.dispose();
    });

    it("and generation goes on from them", async () => {
      const { past_key_values } = await model(prompt.slice(0, 9), { use_cache: true });
      const ids = await model.generate({ input_ids: prompt, past_key_values, max_new_tokens: 10, eos_token_id: [] });
      assert.deepEqual((ids.tolist() as bigint[][])[0]?.map(Number), [...prompt, ...tokens.slice(0, 10)]);
      past_key_values?.dispose();
      await assert.rejects(model(prompt, { past_key_values }), /dispose|freed/);
    });

    it("until the context is full, and says so then", async () => {
      const { past_key_values } = await model(Array(128).fill(7), { use_cache: true });
      await assert.rejects(model([7], { past_key_values }), /128/);
      assert.equal(past_key_values?.get_seq_length(), 128);
      past_key_values?.dispose();
    });
  });

  describe("says in a sentence what it cannot take", () => {
    const cases: [string, (m: Phi3ForCausalLM) => Promise<unknown>, RegExp][] = [
      ["text", (m) => m("The capital" as never), /token ids|whole numbers/],
      ["nothing", (m) => m(undefined as never), /Expected token ids for input_ids.* received undefined/],
      ["null", (m) => m(null as never), /Expected token ids for input_ids.* received null/],
      ["no tokens", (m) => m([]), /at least one token in input_ids but received none/],
      ["no rows", (m) => m(new Tensor("int64", [], [0, 4])), /at least one token/],
      ["an id outside the vocabulary", (m) => m([1, 211]), /token ids from 0 to 210 but received 211/],
      ["a negative id", (m) => m([-1]), /token ids from 0 to 210 but received -1/],
      ["an id of 2^40", (m) => m([2 ** 40]), /input_ids.* 1099511627776/],
      ["half an id", (m) => m([0.5]), /whole numbers in input_ids but received 0\.5/],
      ["texts for ids", (m) => m(["5"] as never), /whole numbers in input_ids but received '5'/],
      ["null for an id", (m) => m([1, null] as never), /whole numbers in input_ids but received null/],
      ["three levels", (m) => m([[[1]]] as never), /whole numbers in input_ids but received \[ 1 \]/],
      ["a row that is an id", (m) => m([[1], 2] as never), /Expected rows of token ids in input_ids but received 2/],
      ["not a number", (m) => m([Number.NaN]), /whole numbers in input_ids but received NaN/],
      ["a tensor of floats", (m) => m(tensor([0.5])), /whole numbers \(int64\) but received a float32 tensor/],
      ["a tensor of truths", (m) => m(tensor([true])), /bool/],
      ["too many dimensions", (m) => m(tensor([[[1]]])), /\[rows, T\] but received \[1, 1, 1\]/],
      ["rows of two lengths", (m) => m([[1, 2], [3]]), /rows of one length.* 2 and 1; pad them/],
      ["more than the context", (m) => m(Array(129).fill(1)), /at most 128 tokens, the model's context.* 129/],
      ["a mask of another shape", (m) => m([1, 2], { attention_mask: [1] }), /attention_mask of shape \[1, 2\]/],
      ["a mask with a hole", (m) => m([1, 2, 3], { attention_mask: [1, 0, 1] }), /side by side/],
      ["a mask of nothing", (m) => m([1, 2], { attention_mask: [0, 0] }), /at least one 1/],
      ["a mask of twos", (m) => m([1, 2], { attention_mask: [2, 1] }), /only 0 and 1/],
      ["an unknown option", (m) => m([1], { use_cash: true } as never), /did you mean use_cache\?/],
      ["a cache that is none", (m) => m([1], { past_key_values: {} as never }), /past_key_values/],
      ["a signal that is none", (m) => m([1], { signal: {} as never }), /AbortSignal for signal/],
      ["a head's array", (m) => m.lm_head([1, 2] as never), /Expected a tensor of vectors for lm_head/],
      [
        "a head's width",
        (m) => m.lm_head(tensor([[1.5, 2]])),
        /Expected vectors of 48 numbers for lm_head but received \[1, 2\]/,
      ],
      [
        "an unknown device",
        () => AutoModelForCausalLM.from_pretrained(folder, { device: "tpu" as never }),
        /"cpu".*tpu/,
      ],
      ["no threads", () => AutoModelForCausalLM.from_pretrained(folder, { threads: 0 }), /from 1 to 256 for threads/],
      ["a folder that is not there", () => AutoModelForCausalLM.from_pretrained("/nowhere/at/all"), /nowhere\/at\/all/],
      [
        "a name that is none",
        () => AutoModelForCausalLM.from_pretrained(undefined as never),
        /a model's id, a folder or a \.gguf file/,
      ],
    ];
    for (const [title, call, message] of cases)
      it(title, async () => {
        await assert.rejects(
          async () => call(model),
          (error: Error) => {
            assert.match(error.message, message);
            return true;
          },
        );
      });

    it("and is right at the next call", async () => close(floats((await model(prompt)).logits), golden("logits")));
  });
});
