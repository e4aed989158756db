/** What a model costs: memory while it works, processor time while it rests. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";

const program = `
const { AutoModelForCausalLM, defaultModel } = require(${JSON.stringify(join(__dirname, "..", "..", "src", "index.ts"))});
(async () => {
  const id = await defaultModel({ print() {} });
  // What any use of the library costs (its code, the addon) is not the model's.
  require(${JSON.stringify(join(__dirname, "..", "..", "src", "native", "index.ts"))}).addon().cpu();
  globalThis.gc();
  const before = process.memoryUsage().rss;
  const model = await AutoModelForCausalLM.from_pretrained(id);
  const ids = Array.from({ length: 24 }, (_, i) => 500 + 7 * i);
  await model.generate({ input_ids: ids, max_new_tokens: 100, min_new_tokens: 100 });
  const grown = process.memoryUsage().rss - before;
  const { config } = model;
  const keys_and_values = 124 * 2 * 4 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim;
  await new Promise((done) => setTimeout(done, 1000));
  const idle = []; // milliseconds of a second's processor time
  for (let i = 0; i < 3; i++) {
    const start = process.cpuUsage();
    await new Promise((done) => setTimeout(done, 1000));
    const { user, system } = process.cpuUsage(start);
    idle.push((user + system) / 1000);
  }
  console.log(JSON.stringify({ grown, weights: model.memory().weights, keys_and_values, idle }));
  process.exit(0);
})();
`;

const results = `
const { addon } = require(${JSON.stringify(join(__dirname, "..", "..", "src", "native", "index.ts"))});
const { openWeights } = require(${JSON.stringify(join(__dirname, "..", "..", "src", "weights", "index.ts"))});
(async () => {
  const opened = await openWeights(${JSON.stringify(join(__dirname, "..", "golden", "tiny", "multi_head"))});
  const model = await addon().open({ ...opened, device: "cpu", dtype: "auto" });
  const { hidden_size, vocab_size } = opened.config;
  const rows = Math.ceil(300e6 / 4 / vocab_size);
  const hidden = model.upload(new Float32Array(rows * hidden_size), [rows, hidden_size]);
  for (let i = 0; i < 8; i++) await model.lmHead(hidden, 0, rows);
  console.log("all there");
  process.exit(0);
})();
`;

describe("a model on the CPU whose memory runs out", function () {
  this.timeout(120_000);

  it("frees the results that nobody holds and goes on", function () {
    // Elsewhere a limit on the data does not hold for large allocations.
    if (process.platform !== "linux") this.skip();
    const shell = ["-c", 'ulimit -d 1000000; exec "$0" "$@"', process.execPath, "--require", "tsx", "-e", results];
    const run = spawnSync("sh", shell, { encoding: "utf8" });
    assert.equal(run.stdout, "all there\n", run.stderr);
  });
});

describe("a model at work and at rest", function () {
  this.timeout(120_000);
  let seen: { grown: number; weights: number; keys_and_values: number; idle: number[] };

  before(() => {
    const run = spawnSync(process.execPath, ["--expose-gc", "--require", "tsx", "-e", program], { encoding: "utf8" });
    assert.equal(run.status, 0, run.stderr);
    seen = JSON.parse(run.stdout.trim().split("\n").at(-1) as string);
  });

  it("grows the process by at most 1.15 times the weights, the keys and values, and 20 MiB", () => {
    const most = 1.15 * seen.weights + seen.keys_and_values + 20 * 2 ** 20;
    const mb = (bytes: number) => (bytes / 1e6).toFixed(1);
    assert.ok(seen.grown <= most, `grew by ${mb(seen.grown)} MB; at most ${mb(most)} were expected`);
  });

  it("uses less than one percent of a core while nothing runs", () => {
    // Of three seconds the best: the collector may come by once.
    assert.ok(Math.min(...seen.idle) < 10, `${seen.idle.join(", ")} ms of a second`);
  });
});
