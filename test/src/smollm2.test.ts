/**
 * SmolLM2 beside transformers, from text to text: ids, probabilities and greedy tokens of a real model, with and
 * without the cache, in passes of several sizes. See test/golden/make_smollm2.py.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { AutoModelForCausalLM, AutoTokenizer, type Phi3ForCausalLM, type PreTrainedTokenizer } from "../../src";
import type { Tensor } from "../../src/tensor";
import { usually } from "../length";
import { needSmollm } from "./tokenizer/models";

interface Case {
  name: string;
  text: string;
  /** The text goes on with this, so many times, and ends after `count` tokens. */
  repeated?: string;
  times?: number;
  count?: number;
  ids?: number[];
  /** Ids and probabilities of the ten best next tokens. */
  top: [number, number][];
  tokens: number[];
}
const cases = JSON.parse(readFileSync(join(__dirname, "..", "golden", "smollm2.json"), "utf8")) as Case[];

describe("SmolLM2, read from its GGUF file", function () {
  this.timeout(120_000);
  let model: Phi3ForCausalLM;
  let tokenizer: PreTrainedTokenizer;

  before(async function () {
    const path = await needSmollm(this);
    tokenizer = await AutoTokenizer.from_pretrained(path);
    model = await AutoModelForCausalLM.from_pretrained(path, { device: "cpu" });
  });
  after(() => model?.dispose());

  const idsOf = ({ text, repeated = "", times = 0, count }: Case): number[] =>
    tokenizer.encode(text + repeated.repeat(times)).slice(0, count);
  const newTokens = (sequences: Tensor, prompt: number): number[] =>
    Array.from(sequences.data as BigInt64Array, Number).slice(prompt);

  for (const one of cases) {
    const long = one.count !== undefined;
    it(`gives transformers' next tokens, to a thousandth: ${one.name}`, async () => {
      const ids = idsOf(one);
      if (one.ids) assert.deepEqual(ids, one.ids);
      const { last_hidden_state } = await model.model(ids);
      const logits = await model.lm_head(last_hidden_state.slice(0, -1));
      const probabilities = logits.softmax(-1).data as Float32Array;
      const best = Array.from(logits.topk(10).indices.data as BigInt64Array, Number);
      one.top.forEach(([id, expected], i) => {
        const actual = probabilities[id] as number;
        assert.ok(Math.abs(actual - expected) <= 1e-3, `token ${id} has ${actual}, not ${expected}`);
        const next = (one.top[i + 1] ?? [0, 0])[1];
        if (i === 0 && expected - next > 1e-3) assert.equal(best[0], id);
      });
      last_hidden_state.dispose();
      logits.dispose();
    });

    it(`continues as transformers does, cached and not: ${one.name}`, async () => {
      const input_ids = idsOf(one);
      const cached = await model.generate({ input_ids, max_new_tokens: 50 });
      assert.deepEqual(newTokens(cached, input_ids.length), one.tokens);
      // A pass over the whole text for every token: fewer of them, and of the long one two.
      const few = long ? 2 : usually(10, one.tokens.length);
      const uncached = await model.generate({ input_ids, max_new_tokens: few, use_cache: false });
      assert.deepEqual(newTokens(uncached, input_ids.length), one.tokens.slice(0, few));
    });

    it(`continues so whatever the size of a pass: ${one.name}`, async () => {
      const ids = Int32Array.from(idsOf(one));
      // A long text in passes of one token takes as many passes as it has tokens.
      for (const chunk of long ? usually([64], [1, 7, 64]) : [1, 7, 64]) {
        const { tokens } = await model.core.native.generateGreedy({
          ids,
          max_new_tokens: 50,
          min_new_tokens: 0,
          eos_token_id: model.config.eos_token_id,
          use_cache: true,
          chunk,
        });
        assert.deepEqual(Array.from(tokens), one.tokens, `in passes of ${chunk}`);
      }
    });
  }
});
