/**
 * The chapter, and what else a cell may ask of a model, where models say "cuda": everywhere on a stand-in for the addon,
 * on a machine with a GPU on the GPU itself, with random weights of Phi-3-mini's shape.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestKernel } from "../kernel/client";
import { needGpu } from "../native/places";
import { writeRandomPhi3 } from "./phi3";
import { ChapterRun, checkChapter, checkOnCuda, startKernel } from "./run";

const standin = join(__dirname, "..", "native", "cuda_standin.cjs");

describe('the chapter where models say "cuda", on a stand-in for the addon', function () {
  this.timeout(300_000);
  let folder: string;
  let kernel: TestKernel;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "phi3lab-cuda-"));
    await writeRandomPhi3(folder, { layers: 2, hidden: 64, ffn: 128, heads: 4 });
    kernel = await startKernel(folder, { PHI3LAB_ADDON: standin });
  });
  after(async () => {
    await kernel?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("runs from the first cell to the last", async () => {
    const run = await ChapterRun.of(kernel);
    checkChapter(run, 64);
    checkOnCuda(run);
  });

  /** Runs a cell that prints JSON, and gives what it printed. */
  async function evaluate(code: string): Promise<unknown> {
    const { reply, stdout } = await kernel.execute(code, {}, 60_000);
    assert.equal(reply.status, "ok", `${code}\n${reply.evalue}`);
    return JSON.parse(stdout);
  }
  /** Runs a cell that fails, and gives the error's message. */
  async function failure(code: string): Promise<string> {
    const { reply } = await kernel.execute(code, {}, 60_000);
    assert.equal(reply.status, "error", code);
    return reply.evalue as string;
  }

  it("takes tensors to the device under all its names, and back", async () => {
    assert.deepEqual(
      await evaluate(`
        const onDevice = await model.model(input_ids.to("cuda").to("cuda:0").to(model.device));
        const back = onDevice[0].to("cpu");
        console.log(JSON.stringify([model.device, onDevice[0].device, back.device, back.to("cuda").shape]));`),
      ["cuda", "cuda", "cpu", [1, 5, 64]],
    );
    assert.match(await failure(`input_ids.to("cuda:1")`), /a model runs on the first GPU; CUDA_VISIBLE_DEVICES=1/);
    assert.match(await failure(`input_ids.to("gpu")`), /Expected a type .* or a device/);
  });

  it("gives what the same model gives on the CPU: batches, hidden states, attention, samples, chats", async () => {
    const same = await evaluate(`
      const onCpu = await AutoModelForCausalLM.from_pretrained(id, { device: "cpu" });
      const batch = tokenizer(["The capital of France is", "A longer text of more tokens than that one has"], { padding: true });
      const looks = async (it: typeof model) => {
        const all = await it({ ...batch, output_hidden_states: true, output_attentions: true, use_cache: true });
        const greedy = await it.generate({ ...batch, max_new_tokens: 5 });
        const drawn = await it.generate({ input_ids, do_sample: true, seed: 7, max_new_tokens: 8, output_scores: true, return_dict_in_generate: true });
        const text = await pipeline("text-generation", { model: it, tokenizer, max_new_tokens: 5 })(["One", "Two"]);
        const chat = await pipeline("text-generation", { model: it, tokenizer, max_new_tokens: 5 })([{ role: "user", content: "Hello" }]);
        return JSON.stringify([
          [all.logits, ...all.hidden_states!, ...all.attentions!, greedy, drawn.sequences, ...drawn.scores!].map((t) => [t.shape, Array.from(t.data as Float32Array, Number)]),
          all.past_key_values!.get_seq_length(), text, chat,
        ]);
      };
      const [ours, theirs] = [await looks(model), await looks(onCpu)];
      console.log(JSON.stringify(ours === theirs && ours.length > 10000));
      await onCpu.dispose();`);
    assert.equal(same, true);
  });

  it("lists the device, its memory use and where a pipeline by name puts its model", async () => {
    const [types, memory, device] = (await evaluate(`
      import { devices } from "phi3lab";
      const named = await pipeline("text-generation", id, { device: "cuda", dtype: "float16" });
      console.log(JSON.stringify([devices().map(({ type }) => type), model.memory().weights > 0, [named.model.device, named.model.dtype]]));
      await named.model.dispose();`)) as unknown[];
    assert.deepEqual(types, ["cpu", "cuda"]);
    assert.equal(memory, true);
    assert.deepEqual(device, ["cuda", "float16"]);
  });

  it("prints a tensor with its device, as PyTorch does", async () => {
    const { result } = await kernel.execute("model_output[0].slice(0, 0, [0, 2])");
    assert.match(result ?? "", /^tensor\(\[.*\], device='cuda:0'\)$/s);
  });
});

describe("the chapter on the GPU", function () {
  this.timeout(600_000);

  it("runs from the first cell to the last on a model of Phi-3-mini's shape", async function () {
    needGpu(this, { real: true });
    const folder = mkdtempSync(join(tmpdir(), "phi3lab-cuda-"));
    try {
      await writeRandomPhi3(folder);
      const kernel = await startKernel(folder);
      try {
        const run = await ChapterRun.of(kernel);
        checkChapter(run, 3072);
        checkOnCuda(run);
      } finally {
        await kernel.stop();
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
