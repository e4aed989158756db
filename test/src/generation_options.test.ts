/** What generate takes: neutral values, configurations, functions of the user's, and sentences for what cannot be. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AutoModelForCausalLM,
  type GenerateArguments,
  GenerationConfig,
  type GenerationOptions,
  type Phi3ForCausalLM,
  Tensor,
} from "../../src";
import { generateArguments } from "../../src/generation/option_names";

const tiny = join(__dirname, "..", "golden", "tiny", "multi_head");
const prompt = [5, 77, 130, 9, 201, 64, 33, 150, 8, 91, 12, 180];
const rowsOf = (tensor: Tensor): number[][] => (tensor.tolist() as bigint[][]).map((row) => row.map(Number));

/** A copy of the tiny model with a generation_config.json, and the lines that were printed while `work` ran. */
async function withConfig(
  json: Record<string, unknown>,
  work: (model: Phi3ForCausalLM) => Promise<void>,
): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), "phi3lab-config-"));
  const { log } = console;
  const lines: string[] = [];
  try {
    cpSync(tiny, folder, { recursive: true });
    writeFileSync(join(folder, "generation_config.json"), JSON.stringify(json));
    console.log = (line: string) => void lines.push(line);
    const model = await AutoModelForCausalLM.from_pretrained(folder, { device: "cpu" });
    await work(model);
    await model.dispose();
  } finally {
    console.log = log;
    rmSync(folder, { recursive: true, force: true });
  }
  return lines;
}

describe("generate's options", function () {
  this.timeout(60_000);
  let model: Phi3ForCausalLM;
  let plain: number[][];
  const generate = async (options: GenerateArguments): Promise<number[][]> => {
    const made = await model.generate({ input_ids: prompt, max_new_tokens: 10, eos_token_id: [], ...options });
    return rowsOf(made);
  };
  before(async () => {
    model = await AutoModelForCausalLM.from_pretrained(tiny, { device: "cpu" });
    plain = await generate({});
  });
  after(() => model.dispose());

  it("null is as good as not given, for each of them; undefined too", async () => {
    const names = Object.keys(generateArguments).filter((name) => name !== "input_ids" && name !== "max_new_tokens");
    for (const value of [null, undefined])
      for (const name of names) assert.deepEqual(await generate({ [name]: value }), plain, `${name}: ${value}`);
    const twenty = await model.generate({ input_ids: prompt, max_new_tokens: null, eos_token_id: null });
    assert.equal(twenty.dims[1], prompt.length + 20);
  });

  it("values that ask for nothing change nothing", async () => {
    const neutral: GenerateArguments[] = [
      { num_beams: 1, num_return_sequences: 1, early_stopping: false, length_penalty: 1 },
      { temperature: 0 },
      { temperature: 1, top_k: 0, top_p: 1, min_p: 0, typical_p: 1, epsilon_cutoff: 0, eta_cutoff: 0 },
      { temperature: 0.5, top_k: 3, top_p: 0.5, min_p: 0.5, typical_p: 0.5, epsilon_cutoff: 0.5, eta_cutoff: 0.5 },
      {
        repetition_penalty: 1,
        encoder_repetition_penalty: 1,
        no_repeat_ngram_size: 0,
        encoder_no_repeat_ngram_size: 0,
      },
      { bad_words_ids: [], sequence_bias: [], suppress_tokens: [], begin_suppress_tokens: [], stop_strings: [] },
      { min_length: 0, min_new_tokens: 0, remove_invalid_values: false, renormalize_logits: false },
      { logits_processor: [], stopping_criteria: [], generation_config: {} },
      { logits_processor: () => undefined, stopping_criteria: () => false, max_time: 1000 },
      { remove_invalid_values: true, renormalize_logits: true },
      { do_sample: true, top_k: 1 },
      { guidance_scale: 1, num_beam_groups: 1, diversity_penalty: 0, penalty_alpha: 0, token_healing: false },
      { cache_implementation: "static", bos_token_id: 1 },
    ];
    for (const options of neutral) assert.deepEqual(await generate(options), plain, JSON.stringify(options));
  });

  it("temperature 0 is greedy, unless the call asks for do_sample: true", async () => {
    const generation_config = { do_sample: true };
    await assert.rejects(generate({ temperature: 0, generation_config }), /0, with do_sample: true; do_sample: false/);
    model.generation_config.do_sample = true;
    assert.deepEqual(await generate({ temperature: 0 }), plain);
    model.generation_config.do_sample = null;
  });

  it("says which value cannot be, of each option", async () => {
    const wrong: [GenerationOptions | Record<string, unknown>, RegExp][] = [
      [{ num_beams: 0 }, /integer > 0 for num_beams but received 0/],
      [{ num_return_sequences: 0 }, /integer > 0 for num_return_sequences but received 0/],
      [{ num_return_sequences: 2 }, /num_return_sequences 1 without do_sample or num_beams, .* received 2/],
      [{ num_return_sequences: 3, num_beams: 2 }, /num_return_sequences of at most num_beams, 2, but received 3/],
      [{ early_stopping: "ever" }, /true, false or "never" for early_stopping but received 'ever'/],
      [{ length_penalty: "1" }, /a number for length_penalty/],
      [{ min_p: 2 }, /number from 0 to 1 for min_p but received 2/],
      [{ typical_p: 0 }, /number > 0, at most 1, for typical_p but received 0/],
      [{ top_h: 0 }, /number > 0, at most 1, for top_h but received 0/],
      [{ guidance_scale: 3 }, /Expected 1 or null \(others are not computed\) for guidance_scale but received 3/],
      [{ constraints: [] }, /Expected null \(others are not computed\) for constraints but received \[\]/],
      [{ epsilon_cutoff: 1 }, /number from 0 to below 1 for epsilon_cutoff but received 1/],
      [{ eta_cutoff: -1 }, /number from 0 to below 1 for eta_cutoff/],
      [{ no_repeat_ngram_size: -1 }, /integer >= 0 for no_repeat_ngram_size but received -1/],
      [{ bad_words_ids: [5] }, /arrays of token ids, none of them empty, for bad_words_ids but received \[ 5 \]/],
      [{ bad_words_ids: [[]] }, /for bad_words_ids but received \[ \[\] \]/],
      [{ sequence_bias: [[5, 1]] }, /an array of \[ids, bias\] for sequence_bias/],
      [{ suppress_tokens: 5 }, /an array of token ids for suppress_tokens but received 5/],
      [{ stop_strings: [""] }, /a text or an array of texts, none of them empty, for stop_strings/],
      [{ max_time: -1 }, /number >= 0 for max_time but received -1/],
      [{ min_length: 1.5 }, /integer >= 0 for min_length but received 1\.5/],
      [{ forced_eos_token_id: "2" }, /integer >= 0 for forced_eos_token_id/],
      [{ exponential_decay_length_penalty: [1] }, /\[start, factor\] for exponential_decay_length_penalty/],
      [{ renormalize_logits: 1 }, /true or false for renormalize_logits but received 1/],
      [{ logits_processor: [5] }, /a function, or an array of functions, for logits_processor but received 5/],
      [{ stopping_criteria: {} }, /a function, or an array of functions, for stopping_criteria/],
      [{ tokenizer: {}, stop_strings: "x" }, /Expected a tokenizer for tokenizer but received \{\}/],
      [{ generation_config: { min_p: 2 } }, /number from 0 to 1 for min_p in generation_config but received 2/],
      [{ generation_config: { min_pp: 1 } }, /generation_config has no option "min_pp"; did you mean min_p\?/],
      [{ num_beams: 2, streamer: { put() {}, end() {} } }, /Expected num_beams 1 with streamer but received 2/],
      [{ num_beams: 2, output_attentions: true }, /Expected num_beams 1 with output_attentions/],
      [{ num_beams: 2, return_timings: true }, /Expected num_beams 1 with return_timings/],
      [{ logits_processor: () => 5 }, /a float32 tensor of shape \[1, 211\], or nothing, of a logits processor/],
      [{ stopping_criteria: () => 5 }, /true or false, or one of them for each of 1 rows, of a stopping criterion/],
      [
        { stopping_criteria: () => [true, true] },
        /each of 1 rows, of a stopping criterion but received \[ true, true \]/,
      ],
      [
        { prefix_allowed_tokens_fn: () => [1, 999999] },
        /ids from 0 to \d+ of prefix_allowed_tokens_fn .+ received 999999/,
      ],
      [{ prefix_allowed_tokens_fn: () => [-1] }, /of prefix_allowed_tokens_fn for prompt 0 but received -1/],
      [{ prefix_allowed_tokens_fn: () => [] }, /at least one token id of prefix_allowed_tokens_fn for prompt 0/],
      [{ suppress_tokens: Array.from({ length: 211 }, (_, i) => i), do_sample: true }, /every score is -Infinity/],
    ];
    for (const [options, message] of wrong) await assert.rejects(generate(options as GenerateArguments), message);
    assert.throws(() => new GenerationConfig({ min_pp: 1 } as never), /GenerationConfig has no option "min_pp"/);
  });

  it("the call goes before its generation_config, that before the model's own, that before the library's", async () => {
    await withConfig({ max_new_tokens: 3, eos_token_id: 210, pad_token_id: 1 }, async (own) => {
      const count = async (options: GenerateArguments): Promise<number> =>
        ((await own.generate({ input_ids: prompt, ...options })).dims[1] as number) - prompt.length;
      assert.equal(own.generation_config.max_new_tokens, 3);
      assert.deepEqual(own.generation_config.eos_token_id, own.config.eos_token_id);
      assert.equal(await count({}), 3);
      assert.equal(await count({ generation_config: { max_new_tokens: 4 } }), 4);
      assert.equal(
        await count({ generation_config: new GenerationConfig({ max_new_tokens: 4 }), max_new_tokens: 5 }),
        5,
      );
      assert.equal(await count({ generation_config: { max_new_tokens: null } }), 3);
      assert.equal(await count({ max_new_tokens: null }), 20);
      own.generation_config.max_new_tokens = 7;
      assert.equal(await count({}), 7);
    });
  });

  it("all of generation_config.json counts, and a line says that it draws tokens where nobody else asked for it", async () => {
    const json = {
      do_sample: true,
      temperature: 0.9,
      top_k: 5,
      repetition_penalty: 1.5,
      bad_words_ids: [[53]],
      guidance_scale: 3,
    };
    const lines = await withConfig(json, async (own) => {
      const given = { input_ids: prompt, max_new_tokens: 10, eos_token_id: [] };
      const greedy = await own.generate({ ...given, do_sample: false });
      const asked = { repetition_penalty: 1.5, bad_words_ids: [[53]] };
      assert.deepEqual(rowsOf(greedy), await generate(asked));
      const drawn = rowsOf(await own.generate({ ...given, seed: 3 }));
      assert.deepEqual(drawn, await generate({ ...asked, do_sample: true, temperature: 0.9, top_k: 5, seed: 3 }));
      assert.notDeepEqual(drawn, rowsOf(greedy));
      await own.generate({ ...given, seed: 3 });
    });
    const said = lines.filter((line) => /generation/.test(line));
    assert.equal(said.length, 2, said.join("\n"));
    assert.match(said[0] as string, /asks for guidance_scale = 3, which phi3lab does not compute/);
    assert.match(
      said[1] as string,
      /draws tokens \(do_sample: true, temperature: 0\.9, top_k: 5.*\); do_sample: false always takes the top-1 token/,
    );
    for (const quiet of [{ do_sample: true, transformers_version: "4.0", bos_token_id: 1 }, { guidance_scale: 1 }]) {
      const none = await withConfig(quiet, async (own) => {
        await own.generate({ input_ids: prompt, max_new_tokens: 1, do_sample: true });
      });
      assert.deepEqual(
        none.filter((line) => /generation/.test(line)),
        [],
      );
    }
  });

  it("a value in generation_config.json that cannot be is an error that names the file", async () => {
    await assert.rejects(
      withConfig({ top_p: "0.9" }, async () => undefined),
      /Expected number from 0 to 1 for top_p in generation_config\.json of .*phi3lab-config-.* but received '0\.9'/,
    );
  });

  it("a logits processor sees every row with its padding, changes scores in place or anew, before top_k and the like", async () => {
    const seen: number[][][] = [];
    const input_ids = [prompt, [0, 0, 0, 0, 0, 0, 0, ...prompt.slice(0, 5)]];
    const attention_mask = [prompt.map(() => 1), prompt.map((_, i) => Number(i >= 7))];
    const batch = { input_ids, attention_mask, max_new_tokens: 3, eos_token_id: [], pad_token_id: 0 };
    const made = await model.generate({
      ...batch,
      do_sample: true,
      top_k: 1,
      logits_processor: [
        (texts, scores) => {
          seen.push(texts);
          assert.deepEqual(scores.dims, [2, 211]);
          const data = scores.data as Float32Array;
          data.fill(-5);
          data[10] = 3;
        },
        (_, scores) => {
          const data = Float32Array.from(scores.data as Float32Array);
          data[211 + 11] = 4;
          return new Tensor("float32", data, [2, 211]);
        },
      ],
    });
    assert.deepEqual(
      rowsOf(made).map((row) => row.slice(12)),
      [
        [10, 10, 10],
        [11, 11, 11],
      ],
    );
    assert.deepEqual(seen[2], [
      [...prompt, 10, 10],
      [...(input_ids[1] as number[]), 11, 11],
    ]);
  });

  it("stopping criteria end rows one by one or all at once, and see the scores where they are kept", async () => {
    const fresh = (plain[0] as number[]).slice(prompt.length);
    assert.deepEqual(await generate({ stopping_criteria: (texts) => (texts[0] as number[]).length >= 15 }), [
      [...prompt, ...fresh.slice(0, 3)],
    ]);
    assert.deepEqual(await generate({ stopping_criteria: [() => false, () => new Tensor("bool", [true], [1])] }), [
      [...prompt, ...fresh.slice(0, 1)],
    ]);
    const two = { input_ids: [prompt, prompt], pad_token_id: 7 };
    const each = await generate({
      ...two,
      stopping_criteria: (texts) => texts.map((row, r) => row.length === 14 + 2 * r),
    });
    assert.deepEqual(each, [
      [...prompt, ...fresh.slice(0, 2), 7, 7],
      [...prompt, ...fresh.slice(0, 4)],
    ]);
    const counts: (number | undefined)[] = [];
    const count = (_: number[][], scores: Tensor[] | undefined) => {
      counts.push(scores?.length);
      return counts.length === 2;
    };
    await generate({ stopping_criteria: count });
    await model.generate({ input_ids: prompt, stopping_criteria: count, output_scores: true, max_new_tokens: 2 });
    assert.deepEqual(counts, [undefined, undefined, 1, 2]);
    assert.deepEqual(await generate({ max_time: 0 }), [[...prompt, ...fresh.slice(0, 1)]]);
  });

  it("prefix_allowed_tokens_fn leaves its tokens and no others, also where those cannot be", async () => {
    const prefix_allowed_tokens_fn = (batch: number, ids: number[]): number[] => [100 + batch, 150 + (ids.length % 2)];
    for (const num_beams of [1, 2]) {
      const made = await generate({ input_ids: [prompt, prompt], prefix_allowed_tokens_fn, num_beams });
      made.forEach((row, r) => {
        row.slice(12).forEach((id, i) => {
          assert.ok([100 + r, 150 + (i % 2)].includes(id), `${id}`);
        });
      });
    }
    const only = await generate({ prefix_allowed_tokens_fn: () => [42], bad_words_ids: [[42]] });
    assert.deepEqual(only, [[...prompt, ...new Array(10).fill(42)]]);
  });

  it("num_return_sequences draws each sequence anew, prompt by prompt, and a seed repeats them", async () => {
    const other = prompt.toReversed();
    const options = { input_ids: [prompt, other], do_sample: true, num_return_sequences: 3, seed: 4 };
    const made = await generate(options);
    assert.deepEqual(
      made.map((row) => row.slice(0, 12)),
      [prompt, prompt, prompt, other, other, other],
    );
    assert.equal(new Set(made.map(String)).size, 6);
    assert.deepEqual(await generate(options), made);
    const beams = { ...options, num_beams: 4, num_return_sequences: 2 };
    assert.deepEqual(await generate(beams), await generate(beams));
    assert.notDeepEqual(await generate(beams), await generate({ ...beams, seed: 5 }));
  });

  it("stop_strings without a tokenizer take the model's own, or say that it has none", async () => {
    await assert.rejects(
      generate({ stop_strings: "x" }),
      /Expected a tokenizer beside stop_strings, since the model's own/,
    );
  });

  it("the reason that abort() was given comes back, and a signal's timeout as such", async () => {
    for (const extra of [{}, { do_sample: true }, { num_beams: 2 }]) {
      const controller = new AbortController();
      setTimeout(() => controller.abort(new Error("mine")), 5);
      const run = {
        input_ids: prompt,
        max_new_tokens: 110,
        eos_token_id: [],
        stopping_criteria: () => false,
        ...extra,
      };
      const slow = async (signal: AbortSignal) => {
        for (let i = 0; i < 1000; i++) await model.generate({ ...run, signal });
      };
      await assert.rejects(slow(controller.signal), /^Error: mine$/);
      await assert.rejects(slow(AbortSignal.timeout(5)), { name: "TimeoutError" });
    }
    await assert.rejects(model.generate({ input_ids: prompt, signal: AbortSignal.abort() }), { name: "AbortError" });
  });
});
