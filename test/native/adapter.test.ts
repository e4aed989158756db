/** LoRA adapters as PEFT saves and merges them; see test/golden/make_adapter.py. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AutoModelForCausalLM, type ModelLoadOptions, type Phi3ForCausalLM } from "../../src";
import {
  adapterNote,
  mergeAdapter,
  openWeights,
  partsOf,
  quantise,
  readAdapter,
  WeightsError,
} from "../../src/weights";
import { readGolden } from "../golden/safetensors";
import { HubServer } from "../src/hub/server";
import { atEach, exactPlaces, open } from "./places";

const goldens = join(__dirname, "..", "golden");
const cases = JSON.parse(readFileSync(join(goldens, "adapter", "golden.json"), "utf8")) as Record<
  string,
  { base: string; prompt: number[]; tokens: number[] }
>;
const baseOf = (name: string): string =>
  name === "Q8_0" ? join(goldens, "tiny_gguf", "Q8_0.gguf") : join(goldens, "tiny", name);

const titles: Record<string, string> = {
  stacked: "of stacked projections and the head on a Phi-3",
  apart: "of single projections on a Llama, rank-stabilised, with patterns, in bfloat16",
  some: "of single projections of some layers on a Phi-3's stacked ones",
  whole: "of stacked projections on a Llama's single ones",
  quantised: "of single projections on a GGUF file in Q8_0, whose rows stand in llama.cpp's order",
};

atEach(exactPlaces, "adapters agree with PEFT", (place) => {
  describe(`an adapter ${place.name}`, () => {
    for (const [name, { base, prompt, tokens }] of Object.entries(cases))
      it(`${titles[name]} is merged as PEFT merges it`, async () => {
        const opened = await openWeights(baseOf(base));
        const folder = join(goldens, "adapter", name);
        const model = await open({ ...opened, ...mergeAdapter(opened, await readAdapter(folder)) }, place);
        const golden = readGolden(join(folder, "taps.safetensors"));
        const ids = Int32Array.from(prompt);
        try {
          const taps = [...golden.keys()].filter((tap) => tap !== "logits");
          const result = await model.forward({ ids, taps });
          const logits = await model.lmHead(result.last_hidden_state, 0, ids.length);
          for (const [tap, { data }] of golden) {
            const ours = (tap === "logits" ? logits : result.taps[tap])?.read(0, data.length) as Float32Array;
            const most = data.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
            const worst = data.reduce((max, value, i) => Math.max(max, Math.abs(value - (ours[i] as number))), 0);
            assert.ok(worst <= 1e-5 * most, `${tap} differs by ${worst / most} of its greatest value`);
          }
          const how = { max_new_tokens: tokens.length, min_new_tokens: 0, eos_token_id: [], use_cache: true };
          assert.deepEqual(Array.from((await model.generateGreedy({ ids, ...how })).tokens), tokens);
        } finally {
          await model.dispose();
        }
      });
  });
});

describe("from_pretrained with an adapter", function () {
  this.timeout(60_000);
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "phi3lab-adapter-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const load = (base: string, options: ModelLoadOptions): Promise<Phi3ForCausalLM> =>
    AutoModelForCausalLM.from_pretrained(baseOf(base), { device: "cpu", ...options });
  const greedy = async (model: Phi3ForCausalLM, { prompt, tokens }: (typeof cases)[string]): Promise<number[]> => {
    const ids = await model.generate({
      input_ids: prompt,
      max_new_tokens: tokens.length,
      min_new_tokens: tokens.length,
    });
    await model.dispose();
    return Array.from(ids.data as BigInt64Array, Number).slice(prompt.length);
  };

  it("continues as the merged model does, and not as the base", async () => {
    const one = cases.apart as (typeof cases)[string];
    const adapter = join(goldens, "adapter", "apart");
    const expected = await greedy(await load("llama", { adapter }), one);
    const model = await load("llama", { adapter, dtype: "float32" });
    const { logits } = await model(one.prompt);
    const golden = readGolden(join(adapter, "taps.safetensors")).get("logits")?.data as Float32Array;
    const ours = logits.data as Float32Array;
    assert.ok(golden.every((x, i) => Math.abs(x - (ours[i] as number)) < 1e-3));
    await model.dispose();
    assert.notDeepEqual(expected, await greedy(await load("llama", {}), one));
  });

  it("takes the adapter from the hub by its id, its two files alone, and from the cache after that", async () => {
    const environment = { ...process.env };
    const server = new HubServer();
    await server.start();
    try {
      for (const name of Object.keys(process.env)) if (/^(HF_|HUGGING)/.test(name)) delete process.env[name];
      Object.assign(process.env, { HF_HOME: folder, HF_ENDPOINT: server.url, HF_HUB_DISABLE_PROGRESS_BARS: "1" });
      const file = (name: string): Buffer => readFileSync(join(goldens, "adapter", "some", name));
      const files = {
        "adapter_config.json": file("adapter_config.json"),
        "adapter_model.safetensors": file("adapter_model.safetensors"),
        "tokenizer.json": Buffer.from("{}"),
      };
      server.repos.set("acme/lora", { id: "acme/lora", commit: "a".repeat(40), files });
      await (await load("grouped", { adapter: "acme/lora" })).dispose();
      assert.equal(server.requests("tokenizer.json").length, 0);
      server.seen.length = 0;
      await (await load("grouped", { adapter: "acme/lora" })).dispose();
      assert.ok(
        server.seen.every(({ path }) => path.endsWith("/revision/main")),
        "only which commit that is",
      );
      server.repos.set("acme/none", {
        id: "acme/none",
        commit: "a".repeat(40),
        files: { "README.md": Buffer.from("") },
      });
      await assert.rejects(load("grouped", { adapter: "acme/none" }), /no LoRA adapter in safetensors/);
    } finally {
      await server.stop();
      for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
      Object.assign(process.env, environment);
    }
  });

  it("says how many bytes more a quantised base takes, and quantises again where dtype says so", async () => {
    const opened = await openWeights(baseOf("Q8_0"));
    const { weights } = mergeAdapter(opened, await readAdapter(join(goldens, "adapter", "quantised")));
    const touched = partsOf(weights).filter(({ conversion }) => conversion !== undefined);
    assert.ok(touched.length === 6 && touched.every(({ type }) => type === "F16"));
    const bytes =
      touched.reduce((sum, { shape }) => sum + (shape[0] as number) * (shape[1] as number), 0) * (2 - 34 / 32);
    const line = `Adapter: merged into 6 quantised matrices, which are kept as float16: ${(bytes / 1e6).toFixed(1)} MB more.`;
    assert.equal(adapterNote(weights), line);
    assert.equal(adapterNote(opened.weights), undefined);
    assert.equal(adapterNote(quantise(weights, "q8")), undefined);
    const adapter = join(goldens, "adapter", "quantised");
    const [plain, merged, again] = await Promise.all([
      load("Q8_0", {}),
      load("Q8_0", { adapter }),
      load("Q8_0", { adapter, dtype: "q8" }),
    ]);
    assert.equal(again.memory().weights, plain.memory().weights);
    assert.ok(merged.memory().weights > plain.memory().weights);
    for (const model of [plain, merged, again]) await model.dispose();
  });

  it("refuses by name what is no plain LoRA, or another model's", async () => {
    const source = join(goldens, "adapter", "apart");
    const config = JSON.parse(readFileSync(join(source, "adapter_config.json"), "utf8")) as object;
    const rejects = async (change: object, pattern: RegExp, base = "llama"): Promise<void> => {
      cpSync(source, folder, { recursive: true });
      writeFileSync(join(folder, "adapter_config.json"), JSON.stringify({ ...config, ...change }));
      await assert.rejects(load(base, { adapter: folder }), (error: Error) => {
        assert.ok(error instanceof WeightsError, error.stack);
        assert.match(error.message, pattern);
        assert.ok(error.message.includes(folder));
        return true;
      });
    };
    await rejects({ use_dora: true }, /asks for DoRA \(use_dora\); phi3lab merges plain LoRA/);
    await rejects({ modules_to_save: ["lm_head"] }, /whole modules \(modules_to_save\)/);
    await rejects({ peft_type: "IA3" }, /adapter of the kind "IA3"; phi3lab merges LORA/);
    await rejects({ bias: "lora_only" }, /bias = "lora_only"/);
    await rejects({ init_lora_weights: "pissa_niter_4" }, /"pissa_niter_4", which changes the base/);
    await rejects({ lora_alpha: "8" }, /lora_alpha = "8"/);
    await rejects({}, /is \[\d+, \d+\]: the adapter is another model's/, "grouped");
    await rejects({}, /is for the module "model\.layers\.2\.[^"]+"; this model has no such matrix/, "fp8_channel");
    rmSync(join(folder, "adapter_model.safetensors"));
    await assert.rejects(load("llama", { adapter: folder }), /has no adapter_model\.safetensors: download/);
    writeFileSync(join(folder, "adapter_model.bin"), "");
    await assert.rejects(load("llama", { adapter: folder }), /pickled adapter_model\.bin/);
    rmSync(join(folder, "adapter_config.json"));
    await assert.rejects(load("llama", { adapter: folder }), /no adapter_config\.json: it is no adapter/);
  });

  it("takes the embeddings that PEFT saved with it, and refuses those of a larger vocabulary", async () => {
    const opened = await openWeights(baseOf("grouped"));
    const read = await readAdapter(join(goldens, "adapter", "stacked"));
    assert.deepEqual([...read.whole.keys()], ["lm_head"]);
    const merged = mergeAdapter(opened, read);
    const head = merged.weights.find(({ role }) => role === "lm_head")?.parts[0];
    assert.equal(merged.files[head?.file as number], read.file);
    const tensor = read.whole.get("lm_head") as NonNullable<ReturnType<typeof read.whole.get>>;
    read.whole.set("lm_head", { ...tensor, shape: [212, 64] });
    assert.throws(() => mergeAdapter(opened, read), /brings "lm_head" as \[212, 64\] in place of \[211, 64\]/);
  });

  it("refuses an adapter of a head that is tied to the embeddings, and an adapter in a model's place", async () => {
    const adapter = join(goldens, "adapter", "stacked");
    const { config, ...opened } = await openWeights(baseOf("grouped"));
    const weights = opened.weights.filter(({ role }) => role !== "lm_head");
    const tied = { ...opened, weights, config: { ...config, tie_word_embeddings: true } };
    const read = await readAdapter(adapter);
    assert.throws(() => mergeAdapter(tied, read), /module "lm_head", which is tied to the embeddings here/);
    await assert.rejects(
      AutoModelForCausalLM.from_pretrained(adapter),
      /holds an adapter, no model; load the model .*adapter: "/,
    );
  });
});
