/** Generation beside transformers': the processors of scores, greedy runs, batches, and all that a run can tell. */
import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  AutoModelForCausalLM,
  AutoTokenizer,
  type DynamicCache,
  type GenerateOptions,
  type Phi3ForCausalLM,
  TextStreamer,
} from "../../src";
import { greedy, sample } from "../../src/generation/choice";
import { lastly, logitsProcessors } from "../../src/generation/processors";
import { randomNumbers } from "../../src/generation/random";
import type { Tensor } from "../../src/tensor";
import { phi3Folder } from "./tokenizer/models";

type Numbers = (number | string)[];
interface Told {
  dims: number[];
  data: Numbers;
}
interface Golden {
  processors: {
    scores: number[];
    cases: {
      settings: Record<string, number>;
      ids: number[];
      prompt_length: number;
      max_new_tokens: number | null;
      eos_token_id: number[];
      result: Numbers;
    }[];
  };
  model: string;
  greedy: { options: GenerateOptions; tokens: number[] }[];
  batch: { input_ids: number[][]; attention_mask: number[][]; logits: Told; sequences: number[][] };
  outputs: {
    input_ids: number[];
    sequences: number[][];
    scores: Told[];
    logits: Told[];
    hidden_states: Told[][];
    attentions: Told[][];
  };
}
const goldens = join(__dirname, "..", "golden");
const golden = JSON.parse(readFileSync(join(goldens, "generation.json"), "utf8")) as Golden;
const prompt = golden.batch.input_ids[0] as number[];

function close(actual: ArrayLike<number>, expected: Numbers, what: string, limit = 1e-4): void {
  assert.equal(actual.length, expected.length, what);
  expected.forEach((text, i) => {
    const value = Number(String(text).replace("inf", "Infinity"));
    const near = actual[i] === value || Math.abs((actual[i] as number) - value) <= limit;
    assert.ok(near, `${what}: element ${i} is ${actual[i]}, not ${value}`);
  });
}
function closeTensor(actual: Tensor | undefined, expected: Told, what: string): void {
  assert.deepEqual(actual?.dims, expected.dims, what);
  close((actual as Tensor).data as Float32Array, expected.data, what);
}
const rowsOf = (tensor: Tensor): number[][] => (tensor.tolist() as bigint[][]).map((row) => row.map(Number));

describe("the processors of scores", () => {
  const { scores, cases } = golden.processors;
  for (const { settings, ids, prompt_length, max_new_tokens, eos_token_id, result } of cases)
    it(`do what transformers' do: ${JSON.stringify(settings)} after ${ids.length - prompt_length} of ${max_new_tokens ?? "many"} tokens`, () => {
      const changed = Float32Array.from(scores);
      const prompt = ids.slice(0, prompt_length);
      const options = { prompt, prompt_length, max_new_tokens: max_new_tokens ?? 1000, eos_token_id, do_sample: true };
      const steps = [logitsProcessors, lastly].flatMap((of) => of({ ...settings, ...options }));
      for (const process of steps) process(changed, ids);
      close(changed, result, "scores", 1e-5);
    });

  it("leave greedy choice to the scores: temperature, top_k and top_p are for sampling", () => {
    const sampling = { temperature: 0.5, top_k: 3, top_p: 0.5, repetition_penalty: 1, min_new_tokens: 0 };
    assert.equal(logitsProcessors({ ...sampling, prompt_length: 1, eos_token_id: [2], do_sample: false }).length, 0);
  });

  it("a draw has the probabilities of softmax", () => {
    const logs = Float32Array.from([0.1, 0.2, 0, 0.7], Math.log);
    const random = randomNumbers(1);
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < 20_000; i++) {
      const id = sample(logs, random);
      counts[id] = (counts[id] as number) + 1;
    }
    // The standard deviation is 0.0033 at most.
    close(
      counts.map((count) => count / 20_000),
      [0.1, 0.2, 0, 0.7],
      "shares",
      0.015,
    );
    assert.equal(counts[2], 0);
  });

  it("the greatest score is chosen, the first of equals; NaN is an error that says so", () => {
    assert.equal(greedy(Float32Array.of(-3, 2, 2, -1)), 1);
    assert.equal(greedy(Float32Array.of(-Infinity, -1e30)), 1);
    assert.throws(() => greedy(Float32Array.of(0, Number.NaN)), /next token hold NaN/);
  });
});

describe("generate", function () {
  this.timeout(60_000);
  let model: Phi3ForCausalLM;
  before(async () => {
    model = await AutoModelForCausalLM.from_pretrained(join(goldens, "tiny", golden.model), { device: "cpu" });
  });
  after(() => model.dispose());

  for (const { options, tokens } of golden.greedy) {
    it(`chooses transformers' tokens with ${JSON.stringify(options)}`, async () => {
      for (const use_cache of [true, false]) {
        const sequences = await model.generate({ input_ids: prompt, max_new_tokens: 24, use_cache, ...options });
        assert.deepEqual(rowsOf(sequences), [[...prompt, ...tokens]]);
      }
    });
  }

  it("continues each row of a padded batch as if it were alone, and pads what ended early", async () => {
    const { input_ids, attention_mask, sequences } = golden.batch;
    const options = { max_new_tokens: 12, eos_token_id: 202, pad_token_id: 0 };
    const made = await model.generate({ input_ids, attention_mask, ...options });
    assert.deepEqual(rowsOf(made), sequences);
    const penalised = await model.generate({ input_ids, attention_mask, ...options, output_scores: true });
    assert.deepEqual(rowsOf(penalised.sequences), sequences);
    const apart = await model.generate(input_ids, { attention_mask, ...options, output_scores: true });
    assert.deepEqual(rowsOf(apart.sequences), sequences);
  });

  it("tells scores, logits, hidden states and attentions as transformers does, step by step", async () => {
    const { input_ids, sequences, scores, logits, hidden_states, attentions } = golden.outputs;
    const output = await model.generate({
      input_ids,
      max_new_tokens: 3,
      repetition_penalty: 1.1,
      return_dict_in_generate: true,
      output_scores: true,
      output_logits: true,
      output_hidden_states: true,
      output_attentions: true,
    });
    assert.deepEqual(rowsOf(output.sequences), sequences);
    scores.forEach((expected, step) => {
      closeTensor(output.scores?.[step], expected, `scores of step ${step}`);
      closeTensor(output.logits?.[step], logits[step] as Told, `logits of step ${step}`);
    });
    for (const [step, layers] of hidden_states.entries()) {
      assert.equal(output.hidden_states?.[step]?.length, layers.length);
      layers.forEach((expected, layer) => {
        closeTensor(output.hidden_states?.[step]?.[layer], expected, `hidden state ${layer} of step ${step}`);
      });
    }
    for (const [step, layers] of attentions.entries()) {
      assert.equal(output.attentions?.[step]?.length, layers.length);
      layers.forEach((expected, layer) => {
        closeTensor(output.attentions?.[step]?.[layer], expected, `attention ${layer} of step ${step}`);
      });
    }
  });

  it("gives times, one for the prompt and one for each later token, natively and in the loop", async () => {
    for (const extra of [{}, { repetition_penalty: 1.1 }]) {
      const { timings } = await model.generate({
        input_ids: prompt,
        max_new_tokens: 6,
        return_timings: true,
        ...extra,
      });
      assert.equal(timings?.token_ms.length, 5);
      assert.ok((timings?.prompt_ms ?? -1) >= 0 && timings?.token_ms.every((ms) => ms >= 0));
    }
  });

  it("gives the outputs that were asked for and no others, and times that fit into the call's", async () => {
    const flags = ["output_scores", "output_logits", "output_hidden_states", "output_attentions"] as const;
    for (const flag of flags) {
      const output = await model.generate({ input_ids: prompt, max_new_tokens: 2, [flag]: true });
      assert.deepEqual(Object.keys(output), ["sequences", flag.replace("output_", "")]);
    }
    const bare = await model.generate({ input_ids: prompt, max_new_tokens: 2, return_dict_in_generate: true });
    assert.deepEqual(Object.keys(bare), ["sequences", "past_key_values"]);
    for (const extra of [{}, { repetition_penalty: 1.1 }]) {
      const start = performance.now();
      const timed = await model.generate({ input_ids: prompt, max_new_tokens: 4, return_timings: true, ...extra });
      assert.deepEqual(Object.keys(timed), ["sequences", "timings"]);
      const { prompt_ms, token_ms } = timed.timings as { prompt_ms: number; token_ms: Float64Array };
      assert.ok(token_ms.reduce((sum, ms) => sum + ms, prompt_ms) <= performance.now() - start);
    }
  });

  it("gives a batch's scores by step, where a row that ended early repeats its last", async () => {
    const { input_ids, attention_mask } = golden.batch;
    const whole = await model.generate({ input_ids, attention_mask, max_new_tokens: 4, eos_token_id: [] });
    const width = (input_ids[0] as number[]).length;
    const [first, ...others] = rowsOf(whole).map((row) => row.slice(width));
    // The first row ends with its second token, which the others' first four have not.
    const end = first?.[1] as number;
    assert.ok(!others.flat().includes(end) && first?.[0] !== end);
    const options = { max_new_tokens: 4, eos_token_id: end, output_scores: true as const };
    const { scores } = await model.generate({ input_ids, attention_mask, ...options });
    assert.equal(scores?.length, 4);
    const vocab = scores?.[0]?.dims[1] as number;
    const row = (step: number, r: number) =>
      Array.from(scores?.[step]?.data as Float32Array).slice(r * vocab, (r + 1) * vocab);
    assert.deepEqual(row(3, 0), row(1, 0));
    assert.notDeepEqual(row(1, 0), row(0, 0));
    assert.notDeepEqual(row(3, 1), row(1, 1));
    const alone = await model.generate({
      input_ids: [(input_ids[1] as number[]).filter((_, i) => attention_mask[1]?.[i] !== 0)],
      max_new_tokens: 4,
      eos_token_id: end,
      output_scores: true,
    });
    assert.deepEqual(row(3, 1), Array.from(alone.scores?.[3]?.data as Float32Array));
  });

  it("goes on from a cache that holds a beginning, and refuses one that holds the prompt", async () => {
    const { past_key_values } = await model.model(prompt.slice(0, 4), { use_cache: true });
    const cache = past_key_values as DynamicCache;
    const options = { max_new_tokens: 6, eos_token_id: [] };
    const more = await model.generate({
      input_ids: prompt,
      past_key_values: cache,
      return_dict_in_generate: true,
      ...options,
    });
    assert.equal(more.past_key_values, cache);
    // The last token's keys and values are not there yet.
    assert.equal(cache.get_seq_length(), prompt.length + 5);
    assert.deepEqual(rowsOf(more.sequences), rowsOf(await model.generate({ input_ids: prompt, ...options })));
    const [ids] = rowsOf(more.sequences) as [number[]];
    for (const cut of [0, 1]) {
      const short = ids.slice(0, cache.get_seq_length() - cut);
      await assert.rejects(
        model.generate({ input_ids: short, max_new_tokens: 3, past_key_values: cache }),
        new RegExp(`fewer positions than the prompt's ${short.length} but received ${cache.get_seq_length()}`),
      );
    }
  });

  it("ends with an AbortError when its signal says so, and shows no token after that", async () => {
    for (const extra of [{}, { repetition_penalty: 1.1 }, { output_scores: true as const }]) {
      const controller = new AbortController();
      let shown = 0;
      const put = () => {
        if (++shown === 3) controller.abort();
      };
      const run = model.generate({
        input_ids: prompt,
        max_new_tokens: 60,
        eos_token_id: [],
        streamer: { put, end: () => undefined },
        signal: controller.signal,
        ...extra,
      });
      await assert.rejects(run, { name: "AbortError" });
      assert.equal(shown, 3);
    }
  });

  it("makes 20 tokens unless told, as many as max_length leaves, and none beyond the context", async () => {
    const count = async (options: GenerateOptions, ids = prompt) =>
      (await model.generate(ids, { eos_token_id: [], ...options })).dims.at(-1);
    assert.equal(await count({}), prompt.length + 20);
    assert.equal(await count({ max_length: 15 }), 15);
    assert.equal(await count({ max_length: 15, max_new_tokens: 5 }), prompt.length + 5);
    const long = Array.from({ length: 126 }, (_, i) => i + 3);
    assert.equal(await count({ max_new_tokens: 50 }, long), 129);
    assert.equal(await count({ max_new_tokens: 50, repetition_penalty: 1.1 }, long), 129);
    await assert.rejects(count({ max_length: 12 }), /Expected max_length above the prompt's 12 tokens but received 12/);
  });

  it("ends at any id that ends a text, natively and in the loop", async () => {
    const whole = rowsOf(
      await model.generate({ input_ids: prompt, max_new_tokens: 10, eos_token_id: [] }),
    )[0] as number[];
    const fresh = whole.slice(prompt.length);
    const end = fresh[5] as number;
    const unused = [209, 210].find((id) => !fresh.includes(id)) as number;
    for (const extra of [{}, { output_scores: true, return_dict_in_generate: true as const }])
      for (const eos_token_id of [end, [unused, end], [end, unused]]) {
        const made = await model.generate({ input_ids: prompt, max_new_tokens: 10, eos_token_id, ...extra });
        const [row] = rowsOf("sequences" in made ? (made as { sequences: Tensor }).sequences : (made as Tensor));
        assert.deepEqual(row, [...prompt, ...fresh.slice(0, fresh.indexOf(end) + 1)]);
      }
  });

  it("draws the same tokens of the same seed, others of another", async () => {
    const draw = async (seed: number) =>
      rowsOf(await model.generate({ input_ids: prompt, max_new_tokens: 20, do_sample: true, top_k: 0, seed }));
    for (const seed of [0, 1]) assert.deepEqual(await draw(seed), await draw(seed));
    assert.notDeepEqual(await draw(0), await draw(1));
    assert.notDeepEqual(await draw(1), await draw(2));
  });

  it("draws only among what top_k and top_p leave", async () => {
    const best = rowsOf(await model.generate({ input_ids: prompt, max_new_tokens: 10 }));
    for (const narrow of [{ top_k: 1 }, { top_p: 0 }, { temperature: 1e-4 }])
      assert.deepEqual(
        rowsOf(await model.generate({ input_ids: prompt, max_new_tokens: 10, do_sample: true, ...narrow })),
        best,
      );
  });

  it("tells a streamer the prompt and each token, in order, then the end", async () => {
    for (const extra of [{}, { repetition_penalty: 1.0001 }]) {
      const told: (number[] | "end")[] = [];
      const streamer = { put: (ids: number[]) => void told.push(ids), end: () => void told.push("end") };
      const [row] = rowsOf(await model.generate({ input_ids: prompt, max_new_tokens: 5, streamer, ...extra }));
      const tokens = (row as number[]).slice(prompt.length);
      assert.deepEqual(told, [prompt, ...tokens.map((id) => [id]), "end"]);
    }
  });

  it("a text that ends inside a character is streamed to its end, with the sign that decoding has for it", async () => {
    const folder = await phi3Folder();
    try {
      const tokenizer = await AutoTokenizer.from_pretrained(folder);
      const ids = tokenizer.encode("Hi \u{1F60A}"); // no token of its own: four bytes
      for (const cut of [0, 1, 2, 3]) {
        const some = ids.slice(0, ids.length - cut);
        let text = "";
        const streamer = new TextStreamer(tokenizer, { callback_function: (piece) => (text += piece) });
        for (const id of some) streamer.put([id]);
        assert.doesNotMatch(text, /\ufffd/);
        streamer.end();
        assert.equal(text, tokenizer.decode(some));
        assert.equal(text.includes("\ufffd"), cut > 0);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("TextStreamer prints the prompt and special tokens unless told not to, and a line's end on the terminal", async () => {
    const folder = await phi3Folder();
    const { write } = process.stdout;
    try {
      const tokenizer = await AutoTokenizer.from_pretrained(folder);
      const [question, answer] = [tokenizer.encode("Hello there"), tokenizer.encode(" you<|end|>")];
      const pieces = (options: Record<string, unknown>) => {
        const seen: string[] = [];
        const streamer = new TextStreamer(tokenizer, {
          callback_function: (piece) => void seen.push(piece),
          ...options,
        });
        // Twice: a streamer that has ended begins anew, and is ready for a prompt.
        for (let turn = 0; turn < 2; turn++) {
          streamer.put(question);
          streamer.put([]);
          for (const id of answer) streamer.put([id]);
          streamer.end();
        }
        assert.ok(!seen.includes(""));
        return seen.join("");
      };
      assert.equal(pieces({}), tokenizer.decode([...question, ...answer]).repeat(2));
      const bare = tokenizer.decode([...question, ...answer], { skip_special_tokens: true });
      assert.equal(pieces({ skip_special_tokens: true }), bare.repeat(2));
      const whole = tokenizer.decode([...question, ...answer]);
      assert.equal(pieces({ skip_prompt: true }), whole.slice(tokenizer.decode(question).length).repeat(2));
      const printed: string[] = [];
      process.stdout.write = ((text: string) => printed.push(text) > 0) as typeof write;
      const streamer = new TextStreamer(tokenizer);
      streamer.put(question);
      streamer.end();
      new TextStreamer(tokenizer).end(); // without a text, a line's end
      process.stdout.write = write;
      assert.equal(printed.join(""), `${tokenizer.decode(question)}\n\n`);
      assert.throws(
        () => new TextStreamer(tokenizer, { skip_prompts: true } as never),
        /TextStreamer has no option "skip_prompts"; did you mean skip_prompt\?/,
      );
    } finally {
      process.stdout.write = write;
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("tells a streamer of the end after an abort or an error too, so that the next run begins with its prompt", async () => {
    const folder = await phi3Folder();
    try {
      const tokenizer = await AutoTokenizer.from_pretrained(folder);
      for (const extra of [{}, { repetition_penalty: 1.0001 }]) {
        const pieces: string[] = [];
        const streamer = new TextStreamer(tokenizer, {
          skip_prompt: true,
          callback_function: (piece) => void pieces.push(piece),
        });
        const run = (signal?: AbortSignal) =>
          model.generate({ input_ids: prompt, max_new_tokens: 5, eos_token_id: null, streamer, signal, ...extra });
        await run();
        const whole = pieces.join("");
        const controller = new AbortController();
        const put = streamer.put.bind(streamer);
        let calls = 0;
        streamer.put = (ids) => {
          if (++calls === 3) controller.abort();
          put(ids);
        };
        await assert.rejects(run(controller.signal), { name: "AbortError" });
        streamer.put = () => {
          throw new Error("no more paper");
        };
        await assert.rejects(run(), /no more paper/);
        streamer.put = put;
        pieces.length = 0;
        await run();
        assert.equal(pieces.join(""), whole);
      }
      const failing = { put: () => undefined, end: () => assert.fail("the end") };
      const wrong = new AbortController();
      wrong.abort(new Error("first"));
      await assert.rejects(model.generate({ input_ids: prompt, streamer: failing, signal: wrong.signal }), /first/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("an error of the streamer ends the generation and is the call's", async () => {
    for (const extra of [{}, { repetition_penalty: 1.1 }]) {
      let calls = 0;
      const put = (): void => {
        if (++calls === 3) throw new Error("no more paper");
      };
      const streamer = { put, end: () => undefined };
      await assert.rejects(
        model.generate({ input_ids: prompt, max_new_tokens: 100, streamer, ...extra }),
        /no more paper/,
      );
    }
    assert.throws(() => new TextStreamer(undefined as never), /Expected a tokenizer for TextStreamer/);
  });

  it("says which option cannot be, and names the one that was meant", async () => {
    const cases: [Record<string, unknown>, RegExp][] = [
      [{ max_new_token: 5 }, /generate has no option "max_new_token"; did you mean max_new_tokens\?/],
      [{ max_new_tokens: 0 }, /integer > 0 for max_new_tokens but received 0/],
      [{ max_new_tokens: 1.5 }, /integer > 0 for max_new_tokens but received 1\.5/],
      [{ max_new_tokens: "5" }, /integer > 0 for max_new_tokens but received '5'/],
      [{ temperature: 0, do_sample: true }, /number > 0 for temperature but received 0/],
      [{ temperature: Number.NaN }, /number > 0 for temperature but received NaN/],
      [{ top_p: 1.1 }, /number from 0 to 1 for top_p but received 1\.1/],
      [{ top_p: -0.1 }, /number from 0 to 1 for top_p but received -0\.1/],
      [{ top_p: "1" }, /number from 0 to 1 for top_p but received '1'/],
      [{ max_length: 0 }, /integer > 0 for max_length but received 0/],
      [{ min_new_tokens: -1 }, /integer >= 0 for min_new_tokens but received -1/],
      [{ pad_token_id: -1 }, /integer >= 0 for pad_token_id but received -1/],
      [{ top_k: -1 }, /integer >= 0 for top_k but received -1/],
      [{ repetition_penalty: -1 }, /number > 0 for repetition_penalty but received -1/],
      [{ do_sample: "yes" }, /true or false for do_sample but received 'yes'/],
      [{ eos_token_id: "x" }, /integer >= 0 for eos_token_id but received 'x'/],
      [{ seed: -1 }, /integer >= 0 for seed/],
      [{ streamer: {} }, /streamer/],
      [{ streamer: { put: () => undefined } }, /streamer/],
      [{ streamer: { end: () => undefined } }, /streamer/],
      [{ output_attentions: "all" }, /true or false for output_attentions/],
      [{ signal: 5 }, /signal/],
    ];
    for (const [options, message] of cases)
      await assert.rejects(model.generate({ input_ids: prompt, max_new_tokens: 2, ...options }), message);
    await assert.rejects(model.generate({ max_new_tokens: 5 }), /Expected input_ids for generate/);
    const two = [prompt, prompt];
    const streamer = { put: () => undefined, end: () => undefined };
    await assert.rejects(model.generate({ input_ids: two, streamer }), /one prompt with streamer but received 2/);
    await assert.rejects(
      model.generate({ input_ids: two, output_attentions: true }),
      /one prompt with output_attentions but received 2/,
    );
  });
});
