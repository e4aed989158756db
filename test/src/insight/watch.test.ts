/** watch and on_step: what is shown while a text is generated is what generate chose, and the last state stays. */
import assert from "node:assert/strict";
import { type GenerationStep, type Phi3ForCausalLM, type Tensor, watch } from "../../../src";
import { type DisplayOptions, type Host, type MimeBundle, setHost } from "../../../src/host";
import { golden, smollmModel } from "./golden";

const numbers = (ids: Tensor): number[] => Array.from(ids.data as BigInt64Array, Number);

interface Display {
  data: Record<string, string>;
  options: DisplayOptions;
  at: number;
}

/** A notebook that keeps what it is given to show. */
function notebook(signal?: AbortSignal): { shown: Display[]; host: Host } {
  const shown: Display[] = [];
  const display = (data: MimeBundle, options: DisplayOptions = {}) =>
    void shown.push({ data: data as Record<string, string>, options, at: performance.now() });
  return { shown, host: { display, signal } };
}

describe("watch", function () {
  this.timeout(120_000);
  let model: Phi3ForCausalLM;
  before(async function () {
    model = await smollmModel(this);
  });
  after(() => model?.dispose());
  afterEach(() => setHost(undefined));

  it("tells on_step of each token that generate chooses, its probability and the layers' vectors", async () => {
    const steps: GenerationStep[] = [];
    const options = { input_ids: golden.ids, max_new_tokens: 4 };
    const ids = await model.generate({
      ...options,
      top_logprobs: 2,
      output_hidden_states: true,
      on_step: async (step) => void steps.push(step),
    });
    const plain = await model.generate(options);
    assert.deepEqual(numbers(ids.sequences), numbers(plain));
    assert.deepEqual(
      steps.map(({ id }) => id),
      numbers(plain).slice(golden.ids.length),
    );
    assert.deepEqual(
      steps.map(({ hidden_states }) => hidden_states.length),
      [31, 31, 31, 31],
    );
    assert.deepEqual(
      steps.map(({ top }) => top.length),
      [2, 2, 2, 2],
    );
    steps.forEach(({ log_prob }, i) => {
      assert.ok(Math.abs(log_prob - (golden.generated[i]?.log_probs[0] as number)) < 1e-3, `${i}: ${log_prob}`);
    });
  });

  it("an error of on_step ends the generation, and one sequence only has it", async () => {
    const on_step = () => {
      throw new Error("enough");
    };
    await assert.rejects(model.generate({ input_ids: golden.ids, max_new_tokens: 4, on_step }), /enough/);
    await assert.rejects(
      model.generate({ input_ids: [golden.ids, golden.ids], max_new_tokens: 2, on_step }),
      /Expected one prompt with on_step but received 2 sequences/,
    );
  });

  it("shows one output that changes at most ten times a second, and what stays is the whole text", async () => {
    const { shown, host } = notebook();
    setHost(host);
    const { text, scores, view } = await watch(model, { prompt: "The capital of France is", max_new_tokens: 12 });
    const plain = await model.generate({ input_ids: golden.ids, max_new_tokens: 12 });
    assert.deepEqual(
      scores.tokens.map(({ id }) => id),
      numbers(plain),
    );
    assert.ok(text.startsWith("The capital of France is Paris."));
    assert.equal(new Set(shown.map(({ options }) => options.display_id)).size, 1);
    assert.deepEqual(
      shown.map(({ options }) => Boolean(options.update)),
      shown.map((_, i) => i > 0),
    );
    const running = shown.slice(0, -1);
    running.slice(1).forEach(({ at }, i) => {
      assert.ok(at - (running[i] as Display).at >= 99, `${at - (running[i] as Display).at} ms after the last`);
    });
    const last = shown.at(-1)?.data as Record<string, string>;
    assert.deepEqual(Object.keys(last), ["text/html", "image/png", "text/plain"]);
    assert.equal(last["text/plain"], String(view));
    assert.match(
      last["text/plain"] as string,
      /layer 29: .+\n12 new tokens; [\d.]+ ms a token, with the looking; keys and values/,
    );
    assert.ok(running.every(({ data }) => data["text/html"]?.includes("Stop") && !("image/png" in data)));
    assert.ok(!last["text/html"]?.includes("Stop"));
  });

  it("leaves the last state when it is stopped, and says so", async () => {
    const stop = new AbortController();
    const { shown, host } = notebook(stop.signal);
    setHost({
      ...host,
      signal: stop.signal,
      display: (data, options) => {
        host.display(data, options);
        if (shown.length === 3) stop.abort();
      },
    });
    await assert.rejects(watch(model, { prompt: "The capital of France is", max_new_tokens: 400, eos_token_id: [] }), {
      name: "AbortError",
    });
    const last = shown.at(-1)?.data as Record<string, string>;
    assert.match(last["text/plain"] as string, /new tokens?, then stopped; /);
    assert.match(last["text/plain"] as string, /The capital of France is Paris/);
  });

  it("draws tokens as well as greedy ones, and refuses what it does not know", async () => {
    const drawn = await watch(model, {
      prompt: golden.ids,
      max_new_tokens: 3,
      do_sample: true,
      seed: 1,
      views: ["tokens"],
    });
    assert.equal(drawn.scores.tokens.length, golden.ids.length + 3);
    assert.doesNotMatch(String(drawn), /What each layer/);
    await assert.rejects(
      watch(model, { prompt: "a", view: ["tokens"] } as never),
      /watch has no option "view"; did you mean views/,
    );
    await assert.rejects(
      watch(model, { prompt: "a", views: ["heads"] } as never),
      /Expected "tokens" or "lens" for views/,
    );
    await assert.rejects(watch({} as never, { prompt: "a" }), /Expected a model for watch/);
  });
});
