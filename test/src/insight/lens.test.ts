/** The logit lens and log-probabilities beside transformers: ids but for ties, numbers to 1e-4. */
import assert from "node:assert/strict";
import { AutoTokenizer, DynamicCache, type Phi3ForCausalLM, tokenTexts } from "../../../src";
import { smollm } from "../tokenizer/models";
import { golden, near, prose, smollmModel } from "./golden";

/** Ids are equal but where their log-probabilities are so close that rounding decides. */
function sameIds(
  ids: readonly number[],
  expected: readonly number[],
  log_probs: readonly number[],
  name: string,
): void {
  ids.forEach((id, i) => {
    if (id === expected[i]) return;
    const other = expected.indexOf(id);
    const close = other >= 0 ? Math.abs((log_probs[other] as number) - (log_probs[i] as number)) : 0;
    assert.ok(close < 1e-4, `${name}: ${ids} and not ${expected}`);
  });
}

describe("the logit lens", function () {
  this.timeout(120_000);
  let model: Phi3ForCausalLM;
  before(async function () {
    model = await smollmModel(this);
  });
  after(() => model?.dispose());

  it("finds what lm_head(norm(h)) gives in transformers after every block: top tokens, entropy, KL, ranks", async () => {
    const lens = await model.logit_lens("The capital of France is", { positions: "all", watch: [" Paris", 4528] });
    const { lens: expected } = golden;
    assert.deepEqual([lens.layers.length, lens.layers[0], lens.positions.length], [31, -1, 5]);
    lens.layers.forEach((layer, l) => {
      const name = `layer ${layer}`;
      near(lens.entropy[l] as number[], expected.entropy[l] as number[], 1e-4, `${name}, entropy`);
      near(lens.kl[l] as number[], expected.kl[l] as number[], 2e-4, `${name}, KL`);
      lens.positions.forEach((p) => {
        const logs = expected.log_probs[l]?.[p] as number[];
        sameIds(lens.ids[l]?.[p] as number[], expected.ids[l]?.[p] as number[], logs, `${name}, position ${p}`);
        const found = lens.probabilities[l]?.[p] ?? [];
        near(found.map(Math.log), logs, 2e-4, `${name}, position ${p}`);
      });
      for (const [w, watched] of lens.watch.entries()) {
        const known = expected.watch[w];
        assert.equal(watched.id, known?.id);
        near(watched.log_prob[l] as number[], known?.log_prob[l] as number[], 3e-4, `${name}, ${watched.label}`);
        watched.rank[l]?.forEach((rank, p) => {
          const right = known?.rank[l]?.[p] as number;
          assert.ok(
            Math.abs(rank - right) <= Math.max(1, right * 1e-3),
            `${name}, position ${p}: rank ${rank}, ${right}`,
          );
        });
      }
    });
    assert.equal(lens.tokens.at(-1)?.at(-1)?.[0], "␣Paris");
    assert.equal(lens.kl.at(-1)?.at(-1), 0);
  });

  it("is the same of chosen layers and positions", async () => {
    const all = await model.logit_lens(golden.ids, { positions: "all", k: 3, watch: [7042] });
    const some = await model.logit_lens(golden.ids, { positions: [1, -1], layers: [3, 20], k: 3, watch: [7042] });
    assert.deepEqual(
      [some.layers, some.positions],
      [
        [3, 20],
        [1, 4],
      ],
    );
    some.layers.forEach((layer, l) => {
      some.positions.forEach((position, p) => {
        assert.deepEqual(some.ids[l]?.[p], all.ids[layer + 1]?.[position]);
        near([some.kl[l]?.[p] as number], [all.kl[layer + 1]?.[position] as number], 1e-4, "KL");
        assert.equal(some.watch[0]?.rank[l]?.[p], all.watch[0]?.rank[layer + 1]?.[position]);
      });
    });
  });

  it("says that it shows nonsense where the norm is left out", async () => {
    const lens = await model.logit_lens(golden.ids, { norm: false });
    assert.match(String(lens), /WITHOUT the final norm/);
    assert.notEqual(lens.tokens.at(-2)?.[0]?.[0], (await model.logit_lens(golden.ids)).tokens.at(-2)?.[0]?.[0]);
  });

  it("refuses what it cannot look at, and says what to name", async () => {
    const refused = (options: object, message: RegExp, ids: number[] | string = golden.ids): Promise<void> =>
      assert.rejects(model.logit_lens(ids, options), message);
    await refused({ positions: "all" }, /31 layers at 2000 positions are 62,000: name positions or layers/, prose);
    await refused({ watch: ["Paris is"] }, /Expected a text of one token for watch but 'Paris is' is/);
    await refused({ k: 0 }, /Expected k from 1 to 256/);
    await refused({ layers: [31] }, /Expected layers/);
  });
});

describe("log_probs", function () {
  this.timeout(120_000);
  let model: Phi3ForCausalLM;
  before(async function () {
    model = await smollmModel(this);
  });
  after(() => model?.dispose());

  it("gives log_softmax's numbers, ranks and top tokens of transformers, emoji and CJK among them", async () => {
    const { scored } = golden;
    const scores = await model.log_probs(scored.text, { k: 3 });
    assert.deepEqual(
      scores.tokens.map(({ id }) => id),
      scored.ids,
    );
    const rest = scores.tokens.slice(1);
    near(
      rest.map(({ log_prob }) => log_prob as number),
      scored.token_log_probs,
      2e-4,
      "log-probabilities",
    );
    near(
      rest.map(({ entropy }) => entropy as number),
      scored.entropy,
      2e-4,
      "entropy",
    );
    near([scores.total], [scored.total], 1e-3, "total");
    rest.forEach(({ rank, top }, i) => {
      const right = scored.ranks[i] as number;
      assert.ok(Math.abs((rank as number) - right) <= Math.max(0, Math.round(right * 1e-3)), `rank ${rank}, ${right}`);
      const logs = scored.log_probs[i] as number[];
      sameIds(
        top.map(({ id }) => id),
        scored.top_ids[i] as number[],
        logs,
        `token ${i}`,
      );
      near(
        top.map(({ prob }) => Math.log(prob)),
        logs,
        2e-4,
        `top of token ${i}`,
      );
    });
    assert.deepEqual([scores.tokens[0]?.log_prob, scores.tokens[0]?.rank], [null, null]);
  });

  it("gives the perplexity of 2,000 tokens of prose to a ten-thousandth", async () => {
    const { perplexity } = await model.log_probs(prose, { k: 0 });
    near([perplexity / golden.prose_perplexity], [1], 1e-4, "perplexity");
  });

  it("goes on from a cache", async () => {
    const past_key_values = new DynamicCache();
    await model.run_with_cache(golden.scored.ids.slice(0, 6), { past_key_values });
    const { tokens } = await model.log_probs(golden.scored.ids.slice(6), { past_key_values, k: 1 });
    near(
      tokens.slice(1).map(({ log_prob }) => log_prob as number),
      golden.scored.token_log_probs.slice(6),
      2e-4,
      "later",
    );
    assert.equal(past_key_values.get_seq_length(), golden.scored.ids.length);
  });

  it("refuses a text of one token", async () => {
    await assert.rejects(model.log_probs([504]), /Expected at least 2 tokens for log_probs/);
  });
});

describe("generate with top_logprobs", function () {
  this.timeout(120_000);
  let model: Phi3ForCausalLM;
  before(async function () {
    model = await smollmModel(this);
  });
  after(() => model?.dispose());

  it("gives transformers' log-probabilities of each new token and of what stood beside it", async () => {
    const { logprobs, sequences } = await model.generate({ input_ids: golden.ids, max_new_tokens: 6, top_logprobs: 4 });
    const [row] = logprobs ?? [];
    assert.equal(row?.length, 6);
    golden.generated.forEach(({ ids, log_probs }, n) => {
      const step = row?.[n];
      assert.equal(step?.id, ids[0]);
      assert.equal(step?.id, Number(sequences.slice(0, 5 + n).item()));
      sameIds(step?.top.map(({ id }) => id) ?? [], ids, log_probs, `step ${n}`);
      near(
        [step?.log_prob as number, ...(step?.top.map(({ log_prob }) => log_prob) ?? [])],
        [log_probs[0] as number, ...log_probs],
        2e-4,
        `step ${n}`,
      );
    });
  });

  it("gives of a drawn token, and with the greatest scores changed, what the model itself said", async () => {
    const { logprobs } = await model.generate({
      input_ids: golden.ids,
      max_new_tokens: 1,
      top_logprobs: 0,
      suppress_tokens: [7042],
    });
    const [[step]] = logprobs as [[{ id: number; log_prob: number; top: unknown[] }]];
    assert.deepEqual([step.id, step.top], [260, []]);
    near([Math.exp(step.log_prob)], [0.06452], 1e-4, "the");
  });

  it("refuses a count that cannot be, and beams", async () => {
    const refused = (options: object, message: RegExp): Promise<void> =>
      assert.rejects(model.generate({ input_ids: golden.ids, max_new_tokens: 1, ...options }), message);
    await refused({ top_logprobs: -1 }, /Expected a whole number from 0 to 256 for top_logprobs but received -1/);
    await refused({ top_logprobs: 2, num_beams: 2 }, /Expected num_beams 1 with top_logprobs but received 2/);
  });
});

describe("tokenTexts", () => {
  it("names each piece of a character by the character, and joins to the text", async function () {
    const path = await smollm();
    if (path === undefined) return this.skip();
    const tokenizer = await AutoTokenizer.from_pretrained(path);
    for (const text of [golden.scored.text, "日本語も 👨‍👩‍👧.", "plain"]) {
      const texts = tokenTexts(tokenizer, tokenizer.encode(text));
      assert.equal(texts.length, tokenizer.encode(text).length);
      assert.equal(
        texts
          .filter(({ piece: [index] }) => index === 0)
          .map((one) => one.text)
          .join(""),
        text,
      );
      assert.ok(texts.every((one) => !one.text.includes("\ufffd")));
    }
    assert.ok(tokenTexts(tokenizer, tokenizer.encode("語")).length > 1);
  });
});
