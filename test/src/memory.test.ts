/** What a model says of its memory, and models that nobody disposes. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { inspect } from "node:util";
import { AutoModelForCausalLM } from "../../src";

const root = join(__dirname, "..", "..");
const folder = join(root, "test", "golden", "tiny", "multi_head");

describe("a model's memory", function () {
  this.timeout(60_000);

  it("is weights, cache, workspace and their total, in bytes and MiB", async () => {
    const model = await AutoModelForCausalLM.from_pretrained(folder, { device: "cpu" });
    const memory = model.memory();
    assert.equal(memory.total, memory.weights + memory.cache + memory.workspace);
    const rows = inspect(memory).split("\n");
    assert.deepEqual(
      rows.map((row) => /^\w+/.exec(row)?.[0]),
      ["weights", "cache", "workspace", "total"],
    );
    for (const row of rows) assert.match(row, /^\w+ +[\d,]+ bytes +\d+\.\d MiB$/);
    const { past_key_values } = await model([1, 2, 3], { use_cache: true });
    assert.ok(model.memory().cache > memory.cache);
    past_key_values?.dispose();
    await model.dispose();
  });

  it("need not be freed: a process that ends with models, at work or not, ends well", () => {
    const code = `const { AutoModelForCausalLM } = require(${JSON.stringify(join(root, "src"))});
      (async () => { for (let i = 0; i < 3; i++) {
        const model = await AutoModelForCausalLM.from_pretrained(${JSON.stringify(folder)}, { device: "cpu" });
        model.generate({ input_ids: [1, 2, 3], max_new_tokens: 50 });
      } if (process.env.EXIT) process.exit(0); })();`;
    for (const EXIT of ["", "1"]) {
      const args = ["--require", require.resolve("tsx/cjs"), "-e", code];
      const env = { ...process.env, EXIT };
      const { status, signal, stderr } = spawnSync(process.execPath, args, { env, cwd: root, encoding: "utf8" });
      assert.deepEqual({ status, signal }, { status: 0, signal: null }, stderr);
    }
  });
});
