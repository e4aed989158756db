/** Where models run: what `devices()` lists, what "auto" takes, what is said of a GPU that is not there. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { inspect } from "node:util";
import { AutoModelForCausalLM, devices } from "../../src";
import { cudaInfo, listDevices, readDevice } from "../../src/devices";
import { jupyterDisplay } from "../../src/host";
import { autoDtype, checkKvDtype, chooseDevice, computeNote, gpuBytes, readDtype } from "../../src/model/device_choice";
import type { CudaInfo, Dtype } from "../../src/native";
import type { WeightType } from "../../src/weights/formats";
import { openWeights, partsOf } from "../../src/weights";

const root = join(__dirname, "..", "..");
const goldens = join(root, "test", "golden");
const tiny = join(goldens, "tiny", "bf16");

/** What the native half would say of CUDA elsewhere. */
const without = (more: Partial<CudaInfo> = {}): CudaInfo => ({
  built: true,
  driver_version: 0,
  runtime_version: 13000,
  problem: "There is no NVIDIA driver here.",
  devices: [],
  ...more,
});
const h200 = (memory_free: number): CudaInfo =>
  without({
    driver_version: 13000,
    problem: "",
    devices: [{ index: 0, name: "NVIDIA H200", memory_total: 150e9, memory_free, capability: "9.0" }],
  });

describe("devices()", () => {
  it("lists the CPU first, with its memory in bytes, its threads and its code path", () => {
    const [cpu] = devices();
    assert.ok(cpu?.type === "cpu");
    assert.ok(cpu.name.length > 0);
    assert.ok(cpu.memory_total >= cpu.memory_free && cpu.memory_free > 1e6);
    assert.ok(cpu.threads >= 1);
    assert.ok(["portable", "avx2", "avxvnni", "avx512", "avx512vnni", "neon", "neondotprod"].includes(cpu.path));
  });

  it("lists each GPU, or says in a sentence why there is none", () => {
    const all = devices();
    const gpus = all.filter(({ type }) => type === "cuda");
    assert.equal(gpus.length, all.length - 1);
    if (gpus.length > 0) assert.equal(all.cuda_problem, undefined);
    else assert.match(all.cuda_problem ?? "", /^[A-Z].{20,}/);
  });

  it("prints as a table, and shows one in a notebook", () => {
    const list = listDevices({ path: "avx2", paths: [], threads: 8 }, h200(149e9));
    const [head, cpu, gpu, ...rest] = inspect(list).split("\n");
    assert.deepEqual(rest, []);
    assert.match(head ?? "", /^device {2}name +memory +free$/);
    assert.match(cpu ?? "", /^cpu +\S.* GiB +\d+\.\d GiB +8 threads, avx2$/);
    assert.match(gpu ?? "", /^cuda:0 {2}NVIDIA H200 +139\.7 GiB +138\.8 GiB +capability 9\.0, driver for CUDA 13\.0$/);
    const shown = list[jupyterDisplay]() as Record<string, string>;
    assert.equal(shown["text/plain"], String(list));
    assert.equal(shown["text/html"]?.match(/<tr>/g)?.length, 3);
    const none = listDevices({ path: "avx2", paths: [], threads: 1 }, without({ problem: "No <driver>." }));
    assert.match(inspect(none), / 1 thread, avx2\nNo GPU: No <driver>\.$/);
    assert.match(none[jupyterDisplay]()["text/html"] as string, /<p>No GPU: No &lt;driver&gt;\.<\/p>$/);
  });

  it("is an array like any other to map, filter and JSON", () => {
    const all = devices();
    assert.equal(all.map(({ type }) => type).constructor, Array);
    assert.equal(JSON.parse(JSON.stringify(all)).length, all.length);
  });
});

describe("device", () => {
  it('"cuda" where it cannot be is an error that says what is missing, before a file is looked for', async function () {
    const { devices: gpus, problem } = cudaInfo();
    if (gpus.length > 0) {
      console.log("      skipped: this machine has a GPU");
      this.skip();
    }
    for (const options of [{ device: "cuda" }, { device: "cuda:0" }, { device_map: "cuda" }] as const)
      await assert.rejects(AutoModelForCausalLM.from_pretrained("/nowhere", options), {
        name: "Error",
        message: problem,
      });
  });

  it("may name the first GPU by its number, and no other", () => {
    const info = () => h200(1e9);
    assert.equal(readDevice("cuda:0", info), "cuda");
    assert.throws(() => readDevice("cuda:1", info), /received 'cuda:1'.*CUDA_VISIBLE_DEVICES=1/);
    for (const wrong of ["gpu", "cuda:", "auto:0", "cuda:x", undefined, 0])
      assert.throws(() => readDevice(wrong, info), /Expected one of "auto", "cpu", "cuda" for device but received/);
  });

  const bf16 = [{ type: "BF16" as const, shape: [1000, 1_000_000] }];
  const choose = (info: CudaInfo, driver = false, option: "auto" | "float32" = "auto") =>
    chooseDevice("auto", option, bf16, { info: () => info, driver: () => driver });

  it('"auto" takes the GPU that has room for the weights, and says so', () => {
    const said = "Device: cuda:0, NVIDIA H200, in bfloat16.";
    assert.deepEqual(choose(h200(3e9)), { device: "cuda", dtype: "bfloat16", said });
  });

  it('"auto" takes the CPU where the weights do not fit, and says how much was free and needed', () => {
    const said =
      "Device: cpu, because NVIDIA H200 has 3.0 GB free and the weights in float32 are 4.0 GB, with 0.8 GB to work in.";
    assert.deepEqual(choose(h200(3e9), true, "float32"), { device: "cpu", dtype: "float32", said });
  });

  it('"auto" takes the CPU where the GPU cannot be used, and says what is missing', () => {
    const said = "Device: cpu. There is no NVIDIA driver here.";
    assert.deepEqual(choose(without()), { device: "cpu", dtype: "float32", said });
    assert.equal(choose(without({ built: false, problem: "Not built." }), true).said, "Device: cpu. Not built.");
  });

  it('"auto" says nothing where neither the machine nor the build knows of GPUs', () => {
    assert.deepEqual(choose(without({ built: false })), { device: "cpu", dtype: "float32" });
  });

  it('"auto" on this machine: the line comes once, however many models are loaded', function () {
    this.timeout(30_000);
    const code = `const { AutoModelForCausalLM } = require(${JSON.stringify(join(root, "src"))});
      (async () => { for (let i = 0; i < 2; i++) {
        const model = await AutoModelForCausalLM.from_pretrained(${JSON.stringify(tiny)});
        console.log(model.device); } })();`;
    const args = ["--require", require.resolve("tsx/cjs"), "-e", code];
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: "utf8", cwd: root });
    assert.equal(status, 0, stderr);
    const lines = stdout.trim().split("\n");
    const where = devices().some(({ type }) => type === "cuda") ? "cuda" : "cpu";
    assert.deepEqual(lines.slice(-2), [where, where]);
    const said = lines.slice(0, -2);
    if (cudaInfo().built) assert.equal(said.length, 1);
    for (const line of said) assert.ok(line.startsWith(`Device: ${where}`), line);
  });
});

describe("dtype", () => {
  it('"auto" is the type of most of the files\' bytes; what is quantised becomes float32', async () => {
    const expected = {
      "tiny/bf16": "bfloat16",
      "tiny/f16": "float16",
      "tiny/grouped": "float32",
      "tiny_gguf/BF16.gguf": "bfloat16",
      "tiny_gguf/F16.gguf": "float16",
      "tiny_gguf/F32.gguf": "float32",
      "tiny_gguf/Q4_1.gguf": "float32",
      "tiny_gguf/Q6_K.gguf": "float32",
      "tiny_gguf/Q8_0.gguf": "float32",
    };
    for (const [path, dtype] of Object.entries(expected))
      assert.equal(autoDtype(partsOf((await openWeights(join(goldens, path))).weights)), dtype, path);
  });

  it("that is named is taken on a GPU, whatever the files hold", () => {
    const weights = [{ type: "Q4_0" as const, shape: [32, 32] }];
    const info = () => h200(100e9);
    assert.equal(chooseDevice("cuda", "float16", weights, { info }).dtype, "float16");
    assert.equal(chooseDevice("cuda", "auto", weights, { info }).dtype, "float32");
    assert.equal(gpuBytes([{ type: "BF16", shape: [32, 32] }], "float16"), 2048);
  });

  it("leaves quantised weights on a GPU about as large as their file, and turns others into its numbers", () => {
    const bytes = (type: WeightType, dtype: Dtype) => gpuBytes([{ type, shape: [3072, 3072] }], dtype) / 3072 / 3072;
    assert.equal(bytes("Q4_0", "float32"), 4.5 / 8);
    assert.equal(bytes("Q8_0", "float16"), 8.5 / 8);
    assert.equal(bytes("Q4_K", "float16"), 148 / 256);
    assert.deepEqual([bytes("Q3_K", "float16"), bytes("IQ4_NL", "float32"), bytes("F32", "float32")], [2, 4, 4]);
    const said = chooseDevice("auto", "auto", [{ type: "Q4_K", shape: [1000, 1_000_000] }], { info: () => h200(1e9) });
    assert.equal(
      said.said,
      "Device: cpu, because NVIDIA H200 has 1.0 GB free and the weights are 0.6 GB, with 0.8 GB to work in.",
    );
  });

  it("of a model on the CPU is float32, whatever was asked for", async () => {
    for (const dtype of ["auto", "bfloat16", "float16"] as const) {
      const model = await AutoModelForCausalLM.from_pretrained(tiny, { device: "cpu", dtype });
      assert.equal(model.dtype, "float32");
      await model.dispose();
    }
  });

  it("that there is not is an error with those there are", async () => {
    assert.throws(
      () => readDtype("int8"),
      /Expected one of "auto", "float32", "bfloat16", "float16", "q8", "q4" for dtype/,
    );
    const torch_dtype = "half" as never;
    await assert.rejects(AutoModelForCausalLM.from_pretrained(tiny, { torch_dtype }), /for dtype but received 'half'/);
  });
});

describe("compute", () => {
  it("that there is not is an error with those there are", async () => {
    const compute = "int8" as never;
    await assert.rejects(
      AutoModelForCausalLM.from_pretrained(tiny, { compute }),
      /Expected one of "float32", "bfloat16" for compute but received 'int8'/,
    );
  });

  it("is of the CPU: on a GPU a line says that dtype decides, where anything but the default was asked for", () => {
    const gpu = { device: "cuda", dtype: "float16" } as const;
    const line = 'compute: "bfloat16" is of the CPU; on the GPU dtype says what is computed in, here float16.';
    assert.equal(computeNote(gpu, "bfloat16"), line);
    assert.equal(computeNote(gpu, "float32"), undefined);
    assert.equal(computeNote({ device: "cpu", dtype: "float32" }, "bfloat16"), undefined);
  });
});

describe("kv_dtype", () => {
  it("is float32 or float16 on the CPU", async () => {
    for (const kv_dtype of ["float32", "float16"] as const) {
      const model = await AutoModelForCausalLM.from_pretrained(tiny, { device: "cpu", kv_dtype });
      const { past_key_values } = await model([1, 2, 3], { use_cache: true });
      const { num_hidden_layers, num_key_value_heads } = model.config;
      // The first 128 positions are committed together; heads are filled up to 16 numbers.
      const numbers = 128 * 2 * num_hidden_layers * num_key_value_heads * 16;
      assert.equal(model.memory().cache, numbers * (kv_dtype === "float32" ? 4 : 2));
      past_key_values?.dispose();
      await model.dispose();
    }
  });

  it("that there is not is an error with those there are", async () => {
    const kv_dtype = "int8" as never;
    const message = /Expected one of "float32", "float16" for kv_dtype but received 'int8'/;
    await assert.rejects(AutoModelForCausalLM.from_pretrained(tiny, { kv_dtype }), message);
  });

  it("is the weights' type on a GPU, and no other", () => {
    checkKvDtype(undefined, { device: "cuda", dtype: "bfloat16" });
    checkKvDtype("float16", { device: "cuda", dtype: "float16" });
    checkKvDtype("float16", { device: "cpu", dtype: "float32" });
    assert.throws(
      () => checkKvDtype("float16", { device: "cuda", dtype: "bfloat16" }),
      /Expected no kv_dtype on a GPU.* here bfloat16, but received "float16"/,
    );
  });
});
