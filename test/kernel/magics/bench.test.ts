/** `%%bench`: what it measures and says, and `%gpu`'s report of machines that this one is not. */
import assert from "node:assert/strict";
import { bodiesOf, compare, medianInterval } from "../../../kernel/magics/bench";
import { readUse, report } from "../../../kernel/magics/gpu";
import { listDevices } from "../../../src/devices";
import { TestKernel } from "../client";

describe("%%bench", function () {
  this.timeout(60_000);

  it("splits bodies at lines of dashes, each in its own lines of the cell", () => {
    assert.deepEqual(bodiesOf("\n// one\na--;\n---\n\nb\n  -----\n/* three */\nc"), [
      { name: "one", code: "\n// one\na--;" },
      { name: "b", code: "\n\n\n\n\nb" },
      { name: "three", code: "\n\n\n\n\n\n\n/* three */\nc" },
    ]);
  });

  it("gives the median an interval that holds it 95 times of 100, whatever the distribution", () => {
    // A generator of its own, so that the test is the same each time.
    let state = 7;
    const random = (): number => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
      return state / 2 ** 31;
    };
    let held = 0;
    for (let i = 0; i < 2000; i++) {
      const [low, high] = medianInterval(Array.from({ length: 30 }, () => -Math.log(1 - random())));
      if (low <= Math.LN2 && Math.LN2 <= high) held++;
    }
    assert.ok(held >= 0.945 * 2000 && held < 0.985 * 2000, String(held));
  });

  it("compares each round with the fastest one's same round", () => {
    // What slows the machine slows both: the ratio stays.
    const slow = [1, 1, 5, 1, 1, 9, 1];
    const [fast, slower] = compare([
      { name: "fast", loops: 1, times: slow },
      { name: "slower", loops: 1, times: slow.map((time) => 2 * time) },
    ]);
    assert.deepEqual([fast?.ratio, slower?.ratio, slower?.interval], [1, 2, [2, 2]]);
    assert.deepEqual([fast?.median, fast?.quartiles], [1, [1, 3]]);
  });

  describe("in a kernel", () => {
    let kernel: TestKernel;
    before(async () => {
      kernel = await TestKernel.start();
    });
    after(() => kernel.stop());
    const run = (code: string) => kernel.execute(code);

    it("tells which body is slower, in a table and a plot", async () => {
      await run("const numbers = Array.from({ length: 1000 }, (_, i) => i);");
      const { stdout, messages, result } = await run(
        "%%bench -r 12 const twice = (x: number) => 2 * x; // set-up\n// loop\nfor (const x of numbers) twice(x);\n---\n// ten loops\nfor (let i = 0; i < 10; i++) for (const x of numbers) twice(x);",
      );
      assert.match(stdout, /^ +median +middle half +loops +ratio +95%\nloop +\S+ \S+ .*1\.00×\nten loops +/);
      assert.match(
        stdout,
        /\nloop is the fastest; ten loops takes [\d.]+× as long \(95% sure: [\d.]+× to [\d.]+×\), in 12 rounds\.\n$/,
      );
      const ratio = Number(/takes ([\d.]+)×/.exec(stdout)?.[1]);
      assert.ok(ratio > 3 && ratio < 30, stdout);
      const plot = messages.find((m) => m.header.msg_type === "display_data")?.content.data;
      assert.deepEqual(Object.keys(plot), ["application/vnd.plotly.v1+json", "text/html", "text/plain"]);
      assert.match(plot["text/plain"], /ten loops/);
      assert.equal(result, undefined);
    });

    it("gives and keeps its times, quietly, awaiting what the bodies await", async () => {
      const { stdout, result } = await run(
        "%%bench -q -o -n 2 -r 3 -v kept\nawait new Promise((done) => setTimeout(done, 4));\n---\n1 + 1",
      );
      assert.equal(stdout, "");
      assert.match(result ?? "", /1 \+ 1/);
      const { result: rows } = await run(
        "kept.rows.map((row: any) => [row.loops, row.times.length, row.median > 0.0035])",
      );
      assert.equal(rows, "[ [ 2, 3, true ], [ 2, 3, false ] ]");
    });

    it("points an error in a body at its own line, and wants two bodies", async () => {
      const { reply } = await run("%%bench\n1;\n---\n2;\nconst s: string = 3;");
      assert.match((reply.traceback as string[]).join("\n"), /:5:7 .*TS2322/);
      assert.match(
        (await run("%%bench\n1")).reply.evalue,
        /Expected two or more bodies for %%bench, .*---.* received one/,
      );
    });
  });
});

describe("%gpu", () => {
  const cpu = { threads: 2, path: "portable" } as never;
  const gib = 2 ** 30;
  const device = { index: 0, name: "NVIDIA H200", memory_total: 140 * gib, memory_free: 35 * gib, capability: "9.0" };

  it("shows each GPU's memory and use, and what models hold", () => {
    const devices = listDevices(cpu, { driver_version: 13000, devices: [device], problem: "" } as never);
    const use = readUse("0, 35, 41, 118.20\n1, [N/A], 30, [N/A]\n");
    const model = { memory: () => ({ total: 7 * gib }), device: "cuda" };
    const lines = report(devices, use, [
      { name: "model", type: "Phi3ForCausalLM", value: model },
      { name: "other", type: "number", value: 1 },
    ]);
    assert.match(lines[0] as string, /^device +name +memory used +busy +temperature +power$/);
    assert.match(
      lines[1] as string,
      /^cuda:0 +NVIDIA H200 +105\.0 GiB of 140\.0 GiB +█{15}░{5} +35% +41 °C +118\.20 W$/,
    );
    assert.equal(lines[2], "model: 7.0 GiB on cuda");
    assert.deepEqual(use.get(1), { busy: "", temperature: "30", power: "" });
  });

  it("leaves out what the driver's program did not say, and says why there is no GPU", () => {
    const one = listDevices(cpu, { driver_version: 13000, devices: [device], problem: "" } as never);
    assert.match(report(one, readUse(""), []).join("\n"), /^device +name +memory used\ncuda:0 .*░{5}$/);
    const none = listDevices(cpu, { driver_version: 0, devices: [], problem: "There is no driver." } as never);
    assert.deepEqual(report(none, new Map(), []), ["No GPU: There is no driver."]);
  });
});
