/** A weight file that is truncated or overwritten while its model lives: an error of that model, and of nothing else. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  cpSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addon, type NativeModel } from "../../src/native";
import { openWeights } from "../../src/weights";
import { open } from "./places";
import { promptOf, syntheticModel } from "./synthetic";

const golden = join(__dirname, "..", "golden");
const ids = Int32Array.from([1, 2, 3, 4]);
/** Large enough to be read anew for each token, from pages that are not there any more. */
const shape = { hidden: 512, ffn: 2048, layers: 4, heads: 4, vocab: 8000, context: 512 };

/** Begins a long generation; `onToken` is told how many tokens there are. */
function beginGeneration(model: NativeModel, onToken: (count: number) => void) {
  let count = 0;
  return model.generateGreedy({
    ids: promptOf(8, shape.vocab),
    max_new_tokens: 400,
    min_new_tokens: 0,
    eos_token_id: [],
    use_cache: true,
    onToken: () => onToken(++count),
  });
}

describe("A weight file that changes while its model lives", function () {
  this.timeout(60_000);
  let folder: string;
  let other: NativeModel;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "phi3lab-changed-"));
    cpSync(join(golden, "tiny/grouped"), join(folder, "model"), { recursive: true });
    copyFileSync(join(golden, "tiny_gguf/F16.gguf"), join(folder, "F16.gguf"));
    copyFileSync(join(golden, "tiny_gguf/Q4_0.gguf"), join(folder, "Q4_0.gguf"));
    other = await load(join(golden, "tiny/grouped"));
  });
  afterEach(async () => {
    await other.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  const load = async (path: string) => open(await openWeights(path), { gpu: false, dtype: "auto" });
  const generate = (model: NativeModel, max_new_tokens = 3) =>
    model.generateGreedy({ ids, max_new_tokens, min_new_tokens: 0, eos_token_id: [], use_cache: true });
  /** The model whose file is changed says so, in every call; another one answers as ever. */
  const refused = async (path: string, file: string, change: () => void, what: string) => {
    const expected = await generate(other);
    const model = await load(path);
    await generate(model);
    change();
    const message = `[weights] ${file} ${what} while its model was loaded; load the model again, from a whole file`;
    await assert.rejects(generate(model), { message });
    await assert.rejects(model.forward({ ids }), { message });
    assert.deepEqual((await generate(other)).tokens, expected.tokens);
    await model.dispose();
  };

  for (const [name, file] of [
    ["model", "model/model.safetensors"],
    ["F16.gguf", "F16.gguf"],
    ["Q4_0.gguf", "Q4_0.gguf"],
  ] as const) {
    it(`is an error of that model where it was truncated (${file})`, async () => {
      const path = join(folder, file);
      await refused(join(folder, name), path, () => truncateSync(path, 4096), "was truncated");
    });

    it(`is an error of that model where it was overwritten, in whole or in part (${file})`, async () => {
      const path = join(folder, file);
      const bytes = readFileSync(path);
      await refused(join(folder, name), path, () => writeFileSync(path, Buffer.alloc(bytes.length)), "was overwritten");
      writeFileSync(path, bytes);
      const inPlace = () => {
        const descriptor = openSync(path, "r+");
        writeSync(descriptor, Buffer.alloc(16), 0, 16, bytes.length - 16);
        closeSync(descriptor);
      };
      await refused(join(folder, name), path, inPlace, "was overwritten");
    });
  }

  it("is none where it was removed, renamed, given other rights, or replaced by another of its name", async () => {
    const path = join(folder, "model/model.safetensors");
    const model = await load(join(folder, "model"));
    const expected = (await generate(model)).tokens;
    renameSync(path, `${path}.old`);
    writeFileSync(path, "another");
    assert.deepEqual((await generate(model)).tokens, expected);
    rmSync(`${path}.old`);
    assert.deepEqual((await generate(model)).tokens, expected);
    await model.dispose();
  });

  it("ends a generation in its midst, though its pages are gone: no signal ends the process", async () => {
    const synthetic = syntheticModel(shape);
    const [file = ""] = synthetic.files;
    try {
      const model = await open(synthetic, { gpu: false, dtype: "auto" });
      let seen = 0;
      const running = beginGeneration(model, (count) => {
        seen = count;
        if (count === 3) truncateSync(file, 4096);
      });
      await assert.rejects(running, {
        message: /^\[weights\] .+numbers was truncated while its model was loaded; load/,
      });
      assert.ok(seen < 400, String(seen));
      // A file of the right length and time again: what was lost stays lost.
      await assert.rejects(model.forward({ ids }), { message: /was (truncated|overwritten) while its model/ });
      await model.dispose();
      assert.equal((await generate(other)).tokens.length, 3);
    } finally {
      synthetic.remove();
    }
  });

  it("is an error where pages were lost though it looks as it did", async () => {
    const synthetic = syntheticModel(shape);
    const [file = ""] = synthetic.files;
    try {
      const bytes = readFileSync(file);
      const then = new Date(1_700_000_000_000);
      utimesSync(file, then, then);
      const model = await open(synthetic, { gpu: false, dtype: "auto" });
      const running = beginGeneration(model, (count) => {
        if (count === 2) truncateSync(file, 4096);
      });
      await assert.rejects(running, { message: /was truncated/ });
      writeFileSync(file, bytes);
      utimesSync(file, then, then);
      await assert.rejects(model.forward({ ids }), {
        message: /could not be read any more while its model was loaded/,
      });
      await model.dispose();
    } finally {
      synthetic.remove();
    }
  });

  it("leaves other causes of the signal as they were", () => {
    const script = `
      const { addon } = require(${JSON.stringify(join(__dirname, "../../dist/src/native/index.js"))});
      const { openWeights } = require(${JSON.stringify(join(__dirname, "../../dist/src/weights"))});
      openWeights(${JSON.stringify(join(golden, "tiny/grouped"))}).then(async (opened) => {
        await addon().open({ ...opened, device: "cpu", dtype: "auto" });
        process.kill(process.pid, "SIGBUS");
        setTimeout(() => console.log("lives"), 2000);
      });`;
    const { signal, stdout } = spawnSync(process.execPath, ["-e", script], { encoding: "utf8" });
    assert.deepEqual([signal, stdout], ["SIGBUS", ""]);
  });

  it("is found out while it is loaded, too", async () => {
    const path = join(folder, "model/model.safetensors");
    const opened = await openWeights(join(folder, "model"));
    truncateSync(path, 100);
    await assert.rejects(open(opened, { gpu: false, dtype: "auto" }), { message: /model\.safetensors is truncated: / });
    assert.ok(addon());
  });
});
