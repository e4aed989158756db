/** `_`, `In` and `Out`, as IPython has them; and values that are promises. */
import assert from "node:assert/strict";
import { TestKernel } from "../../client";

describe("The value of a cell", function () {
  this.timeout(120_000);
  let kernel: TestKernel;
  before(async () => {
    kernel = await TestKernel.start();
    await kernel.execute("0", {}, 60_000); // The compiler loads.
  });
  after(() => kernel.stop());

  /** The numbers and results of cells that run one after another. */
  const results = async (...cells: string[]): Promise<{ counts: number[]; shown: (string | undefined)[] }> => {
    const counts: number[] = [];
    const shown: (string | undefined)[] = [];
    for (const code of cells) {
      const { reply, result } = await kernel.execute(code);
      assert.equal(reply.status, "ok", `${code}: ${reply.evalue}`);
      counts.push(reply.execution_count);
      shown.push(result);
    }
    return { counts, shown };
  };

  it("is _ in the next cell, the ones before it __ and ___, and nothing that was not shown", async () => {
    const { shown } = await results("40 + 2", "_", "undefined", "let silent = 1;", "'a'", "'b'", "[_, __, ___]");
    assert.deepEqual(shown, ["42", "42", undefined, undefined, "'a'", "'b'", "[ 'b', 'a', 42 ]"]);
  });

  it("is Out[n] and _n by the cell's number, and its text is In[n]", async () => {
    const { counts } = await results("({ kept: true })");
    const [n] = counts;
    const { shown } = await results(`Out[${n}] === _${n}`, `_${n}.kept`, `In[${n}]`);
    assert.deepEqual(shown, ["true", "true", "'({ kept: true })'"]);
    assert.equal((await kernel.execute("Out[99999]")).result, undefined);
  });

  it("leaves _ alone once a cell has made it something else", async () => {
    const { shown } = await results("const _ = (x: number) => x + 1;", "_(1)", "_(2)", "Out[In.length - 2]");
    assert.deepEqual(shown, [undefined, "2", "3", "3"]);
  });

  it("is not waited for when it is a promise, which _ is then", async () => {
    const began = performance.now();
    const { shown } = await results(
      "const slow = new Promise((done) => setTimeout(() => done(5), 60_000)); slow",
      "Out[In.length - 2] === slow",
      "await Promise.resolve(6)",
      "%time 1 + 1",
    );
    assert.deepEqual(shown, ["Promise { <pending> }", "true", "6", "2"]);
    assert.ok(performance.now() - began < 30_000);
    const rejected = await kernel.execute(
      "const failed = Promise.reject(new Error('no')); failed.catch(() => 0); failed",
    );
    assert.match(rejected.result as string, /^Promise \{\n {2}<rejected> Error: no\n {6}at cell \[\d+\]:1:/);
  });
});
