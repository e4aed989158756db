/**
 * Generation of SmolLM2 beside transformers in float32: the tokens of beams, bans and stop strings, the probabilities that
 * tokens are drawn by, and the second turn of a chat. See test/golden/make_generation_smollm2.py.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  AutoModelForCausalLM,
  AutoTokenizer,
  edit,
  type GenerateOptions,
  type GenerateOutput,
  type Message,
  type Phi3ForCausalLM,
  type PreTrainedTokenizer,
  pipeline,
} from "../../src";
import { sample } from "../../src/generation/choice";
import { randomNumbers } from "../../src/generation/random";
import type { Tensor } from "../../src/tensor";
import { needSmollm } from "./tokenizer/models";

interface Case {
  text: string;
  input_ids: number[];
  options: GenerateOptions;
  sequences: number[][];
  /** Of beams. */
  scores?: number[];
  beam_indices?: number[][];
}
const golden = JSON.parse(readFileSync(join(__dirname, "..", "golden", "generation_smollm2.json"), "utf8")) as {
  beams: Case[];
  greedy: Case[];
  batches: (Pick<Case, "options" | "sequences"> & { input_ids: number[][]; attention_mask: number[][] })[];
  samplers: { options: GenerateOptions; kept: number; top: [number, number][] }[];
  chat: { first: number[]; one: number[]; held: number; second: number[]; two: number[] };
};
const rowsOf = (tensor: Tensor): number[][] => (tensor.tolist() as bigint[][]).map((row) => row.map(Number));

describe("SmolLM2 generates as transformers does", function () {
  this.timeout(240_000);
  let model: Phi3ForCausalLM;
  let tokenizer: PreTrainedTokenizer;

  before(async function () {
    const path = await needSmollm(this);
    tokenizer = await AutoTokenizer.from_pretrained(path);
    model = await AutoModelForCausalLM.from_pretrained(path, { device: "cpu" });
  });
  after(() => model?.dispose());

  for (const { text, input_ids, options, sequences, scores, beam_indices } of golden.beams)
    it(`by beams, ${JSON.stringify(options)}, after ${JSON.stringify(text.slice(0, 30))}`, async () => {
      // The strings are looked for by the model's own tokenizer, where none is given.
      const made = await model.generate({ input_ids, ...options, output_scores: true });
      assert.deepEqual(rowsOf(made.sequences), sequences);
      if (!scores) return;
      const mine = made.sequences_scores?.data as Float32Array;
      scores.forEach((score, i) => {
        assert.ok(
          Math.abs(score - (mine[i] as number)) < 1e-4 * Math.max(10, Math.abs(score)),
          `score ${i} is ${mine[i]}, not ${score}`,
        );
      });
      assert.deepEqual(rowsOf(made.beam_indices as Tensor), beam_indices);
    });

  it("by beams without the cache, too", async () => {
    const { input_ids, options, sequences } = golden.beams[10] as Case;
    assert.deepEqual(rowsOf(await model.generate({ input_ids, ...options, use_cache: false })), sequences);
  });

  for (const { text, input_ids, options, sequences } of golden.greedy)
    it(`greedily, ${JSON.stringify(options)}, after ${JSON.stringify(text.slice(0, 30))}`, async () => {
      assert.deepEqual(tokenizer.encode(text), input_ids);
      assert.deepEqual(rowsOf(await model.generate({ input_ids, tokenizer, ...options })), sequences);
    });

  for (const { input_ids, attention_mask, options, sequences } of golden.batches)
    it(`in a batch with padding, ${JSON.stringify(options)}`, async () => {
      const made = await model.generate({ input_ids, attention_mask, pad_token_id: 2, ...options });
      assert.deepEqual(rowsOf(made), sequences);
    });

  for (const { options, kept, top } of golden.samplers)
    it(`draws by transformers' probabilities: ${JSON.stringify(options)}`, async () => {
      const input_ids = golden.beams[0]?.input_ids as number[];
      const draw = { input_ids, do_sample: true, max_new_tokens: 1, seed: 1, ...options };
      const { scores } = await model.generate({ ...draw, output_scores: true });
      const [row] = scores as [Tensor];
      const own = row.data as Float32Array;
      assert.equal(own.filter(Number.isFinite).length, kept);
      const mine = row.softmax(-1).data as Float32Array;
      for (const [id, p] of top)
        assert.ok(Math.abs((mine[id] as number) - p) < 1e-3, `token ${id} has ${mine[id]}, not ${p}`);
      if (kept > 1000) return;
      // And what is drawn by them, 4,000 times: within five standard deviations.
      const ids = Array.from(own.keys()).filter((id) => Number.isFinite(own[id]));
      const left = Float32Array.from(ids, (id) => own[id] as number);
      const random = randomNumbers(5);
      const counts = new Map<number, number>();
      for (let n = 0; n < 4000; n++) {
        const id = ids[sample(left, random)] as number;
        counts.set(id, (counts.get(id) ?? 0) + 1);
      }
      for (const [id, p] of top.slice(0, 5)) {
        const off = Math.abs((counts.get(id) ?? 0) - 4000 * p);
        assert.ok(off <= 5 * Math.sqrt(4000 * p * (1 - p)) + 4, `${counts.get(id)} of 4000 for ${p}`);
      }
    });

  it("a second turn goes on from the first one's cache, with transformers' tokens", async () => {
    const { first, one, held, second, two } = golden.chat;
    for (const extra of [{}, { stopping_criteria: () => false }]) {
      const turn: GenerateOutput = await model.generate({
        input_ids: first,
        max_new_tokens: 30,
        return_dict_in_generate: true,
        ...extra,
      });
      assert.deepEqual(rowsOf(turn.sequences), [one]);
      const { past_key_values } = turn;
      assert.equal(past_key_values?.get_seq_length(), held);
      const more = await model.generate({ input_ids: second, max_new_tokens: 20, past_key_values, ...extra });
      assert.deepEqual(rowsOf(more), [two]);
    }
  });

  it("a chat's next turn through the pipeline costs only its own tokens, and says the same", async () => {
    /** Tokens of each prompt, and how many of them a cache held. */
    const costs: [number, number][] = [];
    const counted = new Proxy(model, {
      get: (target, name) =>
        name === "generate"
          ? (options: { input_ids: number[]; past_key_values?: { get_seq_length: () => number } }) => {
              costs.push([options.input_ids.length, options.past_key_values?.get_seq_length() ?? 0]);
              return target.generate(options as never);
            }
          : Reflect.get(target, name),
    });
    const kept = pipeline("text-generation", { model: counted, tokenizer, max_new_tokens: 12 });
    const anew = (chat: { role: string; content: string }[]) =>
      pipeline("text-generation", { model, tokenizer, max_new_tokens: 12 })(chat);
    let chat = [{ role: "user", content: "Name the largest planet." }];
    for (const question of ["And the smallest?", "Why?", ""]) {
      const [answer] = await kept(chat);
      const [same] = await anew(chat);
      assert.deepEqual(answer, same);
      chat = [...(answer?.generated_text ?? []), { role: "user", content: question }] as typeof chat;
    }
    const spent = costs.map(([tokens, held]) => tokens - held);
    costs.slice(1).forEach(([tokens], turn) => {
      const [before] = costs[turn] as [number, number];
      // The question with the template's words around it, and the answer's last token.
      assert.ok(
        (spent[turn + 1] as number) <= tokens - before - 12 + 1,
        `turn ${turn + 2} computes ${spent[turn + 1]}`,
      );
    });
    // A conversation that turns away begins where it does so; the same one again computes one token.
    costs.length = 0;
    const other = [...chat.slice(0, 2), { role: "user", content: "Who found it?" }];
    const [answer] = await kept(other);
    assert.deepEqual(answer, (await anew(other))[0]);
    await kept(other);
    const [[, shared], [tokens, held]] = costs as [[number, number], [number, number]];
    assert.ok(shared > 30 && held === tokens - 1);
    const before = model.memory().cache;
    kept.reset();
    await model.generate({ input_ids: [1], max_new_tokens: 1 });
    assert.ok(model.memory().cache < before);
  });

  it("two chats at once, one that is stopped, and a reset meanwhile leave every answer what it is", async () => {
    const generator = pipeline("text-generation", { model, tokenizer, max_new_tokens: 8 });
    const chats = ["Name a colour.", "Name a number.", "Name a fruit."].map((content) => [{ role: "user", content }]);
    const alone = [];
    for (const chat of chats) {
      generator.reset();
      alone.push((await generator(chat))[0]);
    }
    const [first, second, third] = chats as [(typeof chats)[0], (typeof chats)[0], (typeof chats)[0]];
    const together = Promise.all([generator(first), generator(second)]);
    generator.reset();
    assert.deepEqual((await together).flat(), alone.slice(0, 2));
    let shown = 0;
    const controller = new AbortController();
    const put = () => {
      shown++;
      if (shown === 4) controller.abort();
    };
    const stopped = generator(third, { streamer: { put, end: () => undefined }, signal: controller.signal });
    await assert.rejects(stopped, { name: "AbortError" });
    assert.deepEqual(await generator(third), [alone[2]]);
    assert.deepEqual(await generator(first), [alone[0]]);
  });

  it("an answer under edits is what it is alone, and leaves the chat's later answers alone", async () => {
    const chat = [{ role: "user", content: "Name a color." }];
    const edits = [edit({ at: "model.layers.5.mlp.down_proj", op: "multiply", scale: -3, positions: "prompt" })];
    const made = (of = model) => pipeline("text-generation", { model: of, tokenizer, max_new_tokens: 8 });
    const plain = await made()(chat);
    const edited = await made()(chat, { edits });
    assert.notDeepEqual(edited, plain);
    const generator = made();
    for (const options of [{}, { edits }, {}, { edits }, { edits: [] }])
      assert.deepEqual(await generator(chat, options), options.edits?.length ? edited : plain);
    // Of a model that is always edited, what was new in one turn is the prompt of the next.
    const view = model.with_edits(edits);
    const always = made(view);
    assert.deepEqual(await always(chat), edited);
    const next = [...(edited[0] as { generated_text: Message[] }).generated_text, { role: "user", content: "Why?" }];
    assert.deepEqual(await always(next), await made(view)(next));
    assert.deepEqual(await always(next), await made()(next, { edits }));
  });

  it("several answers of a prompt are several results, by beams and drawn", async () => {
    const generator = pipeline("text-generation", { model, tokenizer, return_full_text: false });
    const { text, options, sequences, input_ids } = golden.beams[2] as Case;
    const made = await generator(text, options);
    const texts = sequences.map((ids) => tokenizer.decode(ids).slice(tokenizer.decode(input_ids).length));
    assert.deepEqual(
      made,
      texts.map((generated_text) => ({ generated_text })),
    );
    const chat = [{ role: "user", content: "Say a word." }];
    const drawn = await generator(chat, { do_sample: true, num_return_sequences: 2, max_new_tokens: 5, seed: 2 });
    assert.equal(drawn.length, 2);
    const stopped = await generator("The capital of France is", { stop_strings: ["."], max_new_tokens: 20 });
    assert.deepEqual(stopped, [{ generated_text: " Paris." }]);
  });
});
