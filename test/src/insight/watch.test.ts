/** watch and on_step: what is shown while a text is generated is what generate chose, and the last state stays. */
import assert from "node:assert/strict";
import { type GenerationStep, type Phi3ForCausalLM, type Tensor, watch } from "../../../src";
import { type DisplayOptions, type Host, jupyterDisplay, type MimeBundle, setHost } from "../../../src/host";
import { watchView } from "../../../src/plots/watch_view";
import { scores } from "../plots_results";
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
    assertStopped(shown);
  });

  function assertStopped(shown: readonly Display[]): void {
    const last = shown.at(-1)?.data as Record<string, string>;
    assert.match(last["text/plain"] as string, /\n\d+ new tokens?, then stopped; /);
    assert.match(last["text/plain"] as string, /The capital of France is Paris/);
    assert.match(last["text/html"] as string, /new tokens?, then stopped; /);
    assert.deepEqual(Object.keys(last), ["text/html", "image/png", "text/plain"]);
    // At once it says so without a picture, then with it; nothing comes between.
    const stopped = shown.findIndex(({ data }) => data["text/plain"]?.includes("then stopped"));
    assert.equal(stopped, shown.length - 2);
    assert.ok(!("image/png" in (shown[stopped]?.data ?? {})));
    assert.equal(shown[stopped]?.data["text/plain"], last["text/plain"]);
  }

  it("leaves it as well when the caller's signal aborts, with what that says, and when the generation fails", async () => {
    const { shown, host } = notebook();
    const stop = new AbortController();
    const own = new Error("long enough");
    setHost({
      ...host,
      display: (data, options) => {
        host.display(data, options);
        // While it waits for what the layers say of the newest token.
        if (shown.length === 3) setTimeout(() => stop.abort(own), 120);
      },
    });
    const endless = { prompt: "The capital of France is", max_new_tokens: 400, eos_token_id: [] };
    await assert.rejects(watch(model, { ...endless, signal: stop.signal }), own);
    assertStopped(shown);

    const failed = notebook();
    setHost(failed.host);
    const logits_processor = [
      (ids: number[][], scores: Tensor) => {
        if ((ids[0] as number[]).length > 8) throw own;
        return scores;
      },
    ];
    await assert.rejects(watch(model, { ...endless, logits_processor }), own);
    assertStopped(failed.shown);
    assert.match(failed.shown.at(-1)?.data["text/plain"] as string, /\n4 new tokens, then stopped; /);

    // One that has aborted already: nothing was made, and that is said.
    const early = notebook();
    setHost(early.host);
    await assert.rejects(watch(model, { ...endless, signal: AbortSignal.abort() }), { name: "AbortError" });
    assert.match(early.shown.at(-1)?.data["text/plain"] as string, /\n0 new tokens, then stopped; /);
    assert.ok("image/png" in (early.shown.at(-1)?.data ?? {}));
    await assert.rejects(watch(model, { ...endless, signal: 5 as never }), /Expected an AbortSignal for signal/);
  });

  it("shows the end of a text that is too long for an output, and says so; a state that passes is small", () => {
    const words = Array.from({ length: 3000 }, (_, i) => `␣word${i}`);
    const moment = { title: "Long", views: ["tokens"] as const, lens: undefined, token_ms: 20, cache: 4096 };
    const view = watchView({ ...moment, state: "done", scores: scores(words) });
    assert.match(String(view), /2,999 new tokens; .+; shown are the last \d+ of 3,000 tokens$/);
    const shown = (view as unknown as Record<symbol, () => Record<string, string>>)[jupyterDisplay]?.() ?? {};
    assert.deepEqual(Object.keys(shown), ["text/html", "image/png", "text/plain"]);
    assert.ok(JSON.stringify(shown).length <= 500_000, `${JSON.stringify(shown).length} bytes`);
    for (const text of [shown["text/html"], shown["text/plain"], view.toSVG()]) {
      assert.match(text ?? "", /word2999/);
      assert.doesNotMatch(text ?? "", /word5\b/);
    }
    const running = watchView({ ...moment, state: "running", scores: scores(words) }).passing();
    assert.match(running["text/plain"] as string, /shown are the last 300 of 3,000 tokens$/);
    assert.ok(JSON.stringify(running).length < 100_000);
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
