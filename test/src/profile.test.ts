/** `model.profile`: what is counted is what was run, whatever runs it and however it ends; and how a profile shows itself. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { AutoModelForCausalLM, type Phi3ForCausalLM, Profile } from "../../src";
import { jupyterDisplay, setHost } from "../../src/host";
import type { ProfileEntry } from "../../src/native";

const tiny = (name: string): string => join(__dirname, "..", "golden", "tiny", name);
const { prompt, tokens } = JSON.parse(readFileSync(join(tiny("multi_head"), "golden.json"), "utf8")) as {
  prompt: number[];
  tokens: number[];
};
const stages = ["embed", "qkv", "attention", "output", "gate_up", "down", "head", "argmax"];
const stream = 1e9;
const calls = (profile: Profile) => Object.fromEntries(profile.stages.map((one) => [one.stage, one.calls]));
const bytes = (profile: Profile) => Object.fromEntries(profile.stages.map((one) => [one.stage, one.bytes]));

describe("a profile", function () {
  this.timeout(60_000);
  let model: Phi3ForCausalLM;
  const generate = (max_new_tokens: number) => () => model.generate({ input_ids: prompt, max_new_tokens });

  before(async () => {
    model = await AutoModelForCausalLM.from_pretrained(tiny("multi_head"), { device: "cpu" });
  });
  after(() => model.dispose());

  it("of a generation counts each stage once a layer and pass", async () => {
    const profile = await model.profile(generate(6), { stream });
    const layered = { qkv: 18, attention: 18, output: 18, gate_up: 18, down: 18 };
    assert.deepEqual(calls(profile), { embed: 6, ...layered, head: 6, argmax: 6 });
    assert.deepEqual(Object.keys(calls(profile)), stages);
    assert.equal(profile.passes, 6);
    assert.deepEqual(
      profile.layers.map((one) => [one.layer, one.calls]),
      [0, 1, 2].map((layer) => [layer, 5 * 6]),
    );
  });

  it("gives times that add up to the whole: stages to the total, layers to the stages in them", async () => {
    const profile = await model.profile(generate(20), { stream });
    const sum = (costs: { ms: number }[]): number => costs.reduce((total, { ms }) => total + ms, 0);
    assert.ok(profile.stages.every(({ ms }) => ms > 0));
    assert.ok(profile.between_ms >= 0, `${profile.between_ms} ms between the stages`);
    assert.ok(Math.abs(sum(profile.stages) + profile.between_ms - profile.total_ms) < 1e-6);
    const layered = profile.stages.filter(({ stage }) => !["embed", "head", "argmax"].includes(stage));
    assert.ok(Math.abs(sum(profile.layers) - sum(layered)) < 1e-6);
  });

  it("counts the bytes of the weights that a pass reads", async () => {
    const one = bytes(await model.profile(generate(1), { stream }));
    const { hidden_size: hidden, intermediate_size: ffn, num_hidden_layers: layers } = model.config;
    const norm = 4 * hidden;
    assert.equal(one.qkv, layers * (4 * hidden * 3 * hidden + norm));
    assert.equal(one.output, layers * 4 * hidden * hidden);
    assert.equal(one.gate_up, layers * (4 * hidden * 2 * ffn + norm));
    assert.equal(one.down, layers * 4 * hidden * ffn);
    const head = (one.head as number) - norm;
    assert.ok(head >= 4 * hidden * model.config.vocab_size);
    assert.equal(one.embed, prompt.length * Math.floor(head / model.config.vocab_size));
    const layered = ["qkv", "output", "gate_up", "down"].reduce((sum, name) => sum + (one[name] as number), 0);
    // The embeddings are a second matrix of the head's size, of which a pass reads a row a token.
    assert.equal(model.memory().weights, layered + norm + 2 * head);
    const profile = await model.profile(generate(7), { stream });
    assert.equal(bytes(profile).down, 7 * (one.down as number));
    assert.equal(profile.weight_bytes, profile.stages.reduce((sum, { bytes }) => sum + bytes, 0) - profile.cache_bytes);
  });

  it("counts the bytes of the keys and values that a pass sees, within a sliding window", async () => {
    for (const name of ["multi_head", "window"]) {
      const windowed = await AutoModelForCausalLM.from_pretrained(tiny(name), { device: "cpu" });
      const { num_hidden_layers: layers, num_key_value_heads: heads, head_dim, sliding_window } = windowed.config;
      const window = sliding_window ?? Number.POSITIVE_INFINITY;
      const fresh = 12;
      const profile = await windowed.profile(
        () => windowed.generate({ input_ids: prompt, max_new_tokens: fresh, min_new_tokens: fresh }),
        { stream },
      );
      let seen = Math.min(prompt.length, window + prompt.length - 1);
      for (let position = prompt.length + 1; position < prompt.length + fresh; position++)
        seen += Math.min(position, window);
      const padded = 16 * Math.ceil((head_dim as number) / 16); // heads lie filled up to 16 numbers
      assert.equal(profile.cache_bytes, seen * layers * 2 * heads * padded * 4, name);
      await windowed.dispose();
    }
  });

  it("covers the two halves of a model, samples and batches as well", async () => {
    const halves = await model.profile(async () => model.lm_head((await model.model(prompt)).last_hidden_state), {
      stream,
    });
    assert.deepEqual(calls(halves), { embed: 1, qkv: 3, attention: 3, output: 3, gate_up: 3, down: 3, head: 2 });
    const looked = await model.profile(() => model.model(prompt, { output_attentions: true }), { stream });
    assert.equal(calls(looked).attention, 3);
    const sampled = await model.profile(
      () => model.generate({ input_ids: [prompt, prompt], do_sample: true, max_new_tokens: 3, min_new_tokens: 3 }),
      { stream },
    );
    assert.equal(sampled.passes, 4, "each prompt's, and two for both rows");
  });

  it("changes no token, and is off when the function has ended", async () => {
    let sequences: unknown;
    await model.profile(
      async () => {
        const ids = await model.generate({ input_ids: prompt, max_new_tokens: tokens.length });
        sequences = Array.from(ids.data as BigInt64Array, Number).slice(prompt.length);
      },
      { stream },
    );
    assert.deepEqual(sequences, tokens);
    await generate(3)();
    assert.deepEqual((await model.profile(() => undefined, { stream })).stages, []);
  });

  it("measures the memory's speed once, where none is given", async () => {
    const [first, second] = [await model.profile(() => undefined), await model.profile(() => undefined)];
    assert.ok(first.stream > 1e8 && first.stream < 1e13, `${first.stream} bytes a second`);
    assert.equal(second.stream, first.stream);
  });

  describe("is off again", () => {
    const off = async () => assert.equal((await model.profile(generate(2), { stream })).passes, 2);

    it("after an error of the function, which is passed on", async () => {
      const failing = model.profile(async () => {
        await model.model(prompt);
        throw new RangeError("mine");
      });
      await assert.rejects(failing, { name: "RangeError", message: "mine" });
      await off();
    });

    it("after an abort by its signal, by the notebook's interrupt or within the function", async () => {
      const forever = () => new Promise<void>(() => {});
      const controller = new AbortController();
      const profiled = model.profile(forever, { signal: controller.signal, stream });
      controller.abort();
      await assert.rejects(profiled, { name: "AbortError" });
      await off();
      const interrupt = new AbortController();
      setHost({ signal: interrupt.signal, display: () => undefined });
      try {
        const interrupted = model.profile(forever, { stream });
        interrupt.abort();
        await assert.rejects(interrupted, { name: "AbortError" });
      } finally {
        setHost(undefined);
      }
      await off();
      const signal = AbortSignal.abort();
      await assert.rejects(
        model.profile(() => model.generate({ input_ids: prompt, signal }), { stream }),
        { name: "AbortError" },
      );
      await off();
    });
  });

  it("says so when a second one of the same model is asked for meanwhile, nested or not", async () => {
    const nested = model.profile(() => model.profile(() => undefined, { stream }), { stream });
    await assert.rejects(nested, /one profile of a model at a time/);
    const first = model.profile(generate(2), { stream });
    await assert.rejects(model.profile(generate(2), { stream }), /one profile of a model at a time/);
    assert.equal((await first).passes, 2);
  });

  it("says what it expects: a function, a speed, options that exist, a model that is there", async () => {
    await assert.rejects(model.profile(generate(1)() as never), /Expected a function for profile.*but received/);
    await assert.rejects(model.profile(generate(1), { stream: 0 }), /Expected bytes a second, > 0, for stream.*0/);
    await assert.rejects(model.profile(generate(1), { strean: 1 } as never), /did you mean stream\?/);
    const other = await AutoModelForCausalLM.from_pretrained(tiny("multi_head"), { device: "cpu" });
    await assert.rejects(
      other.profile(() => other.dispose(), { stream }),
      /disposed/,
    );
    await assert.rejects(
      other.profile(() => undefined),
      /disposed/,
    );
  });
});

describe("a profile shows itself", () => {
  // 4 passes of two layers, 40 ms of which 36 in stages.
  const layer = (part: "qkv" | "attention", number: number, seconds: number, bytes: number) => ({
    part,
    layer: number,
    calls: 4,
    bytes,
    seconds,
  });
  const stages: ProfileEntry[] = [
    { part: "embed", layer: -1, calls: 4, bytes: 400, seconds: 0.0004 },
    layer("qkv", 0, 0.008, 160e6),
    layer("qkv", 1, 0.012, 160e6),
    layer("attention", 0, 0.002, 1e6),
    layer("attention", 1, 0.0016, 1e6),
    { part: "head", layer: -1, calls: 4, bytes: 240e6, seconds: 0.012 },
  ];
  const profile = new Profile({ stages, replays: null }, { total_ms: 40, stream: 20e9, device: "cpu" });
  const table = [
    "4 passes in 40.0 ms, 10.00 ms a pass",
    "                         calls  ms a pass   share  MB a pass  GB/s  of the stream",
    "embeddings                   4      0.100    1.0%       0.00   0.0             0%",
    "norm, qkv, rope, append      8      5.000   50.0%      80.00  16.0            80%",
    "attention                    8      0.900    9.0%       0.50   0.6             3%",
    "norm and head                4      3.000   30.0%      60.00  20.0           100%",
    "between the stages                  1.000   10.0%",
    "all                                10.000  100.0%     140.50  14.1            70%",
    "A layer takes from 2.500 ms (layer 0) to 3.400 ms (layer 1) a pass.",
    "The stream: this machine's memory gives 20.0 GB/s when it is read from end to end.",
    "In all the memory is read at 70% of the stream: it is what limits this run.",
  ].join("\n");

  it("as a table of the stages, a pass each, in letters and in HTML", () => {
    assert.equal(String(profile), table);
    assert.equal(inspect(profile), table);
    const shown = profile[jupyterDisplay]();
    assert.deepEqual(Object.keys(shown).sort(), ["text/html", "text/plain"]);
    assert.equal(shown["text/plain"], table);
    const cells = [...(shown["text/html"] as string).matchAll(/<td[^>]*>([^<]*)<\/td>/g)].map(([, cell]) => cell);
    assert.deepEqual(cells.slice(7, 14), ["norm, qkv, rope, append", "8", "5.000", "50.0%", "80.00", "16.0", "80%"]);
  });

  it("with what limits the run, which is not the memory where it is read far below its speed", () => {
    const slow = new Profile({ stages, replays: null }, { total_ms: 100, stream: 20e9, device: "cpu" });
    assert.match(
      String(slow),
      /\nIn all the memory is read at 28% of the stream: what limits this run is arithmetic and the hand-over between stages, not memory\.$/,
    );
  });

  it("on a GPU with what its recorded pass saves", () => {
    const replays = { passes: 3, staged: 0.03, replayed: 0.024 };
    const gpu = new Profile({ stages, replays }, { total_ms: 40, stream: 20e9, device: "cuda" });
    assert.deepEqual(String(gpu).split("\n").slice(-3), [
      "The stream: the GPU's memory gives 20.0 GB/s when it is read from end to end.",
      "Not profiled, a token's pass is replayed as one recorded graph, whose stages overlap: 8.00 ms instead of 10.00 ms.",
      "So the memory is read at 88% of the stream: it is what limits this run.",
    ]);
    assert.deepEqual(gpu.replay, { passes: 3, staged_ms: 10, replayed_ms: 8 });
  });

  it("as plain data", () => {
    const data = JSON.parse(JSON.stringify(profile));
    assert.equal(data.passes, 4);
    assert.equal(data.weight_bytes, 560000400);
    assert.equal(data.cache_bytes, 2e6);
    assert.deepEqual(data.layers[1], { layer: 1, calls: 8, ms: 13.6, bytes: 161e6 });
    assert.deepEqual(
      data.stages.map(({ stage }: { stage: string }) => stage),
      ["embed", "qkv", "attention", "head"],
    );
  });

  it("as bars, a stage each with what lies between them, or a layer each", () => {
    const drawn = (figure: { data: object[] }) => figure.data[0] as { x: number[]; text: string[] };
    const { x, text } = drawn(profile.plot());
    assert.deepEqual(text, ["1.0%", "50.0%", "9.0%", "30.0%", "10.0%"]);
    assert.ok(Math.abs((x[1] as number) - 5) < 1e-9);
    assert.deepEqual(drawn(profile.plot({ by: "layer" })).text, ["25.0%", "34.0%"]);
    assert.match(profile.plot({ title: "Mine" }).toSVG(), />Mine</);
    assert.match(String(profile.plot()), /^Where the time goes: 4 passes.*\nembeddings .* 1\.0% /);
    assert.throws(() => profile.plot({ by: "head" as never }), /Expected "stage" or "layer" for by/);
    const none = new Profile({ stages: [], replays: null }, { total_ms: 1, stream: 1, device: "cpu" });
    assert.throws(() => none.plot({ by: "layer" }), /in which layers ran/);
    assert.match(String(none), /^0 passes in 1\.0 ms\n/);
  });
});
