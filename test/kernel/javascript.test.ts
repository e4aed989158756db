/** The second kernelspec: notebooks of JavaScript. */
import assert from "node:assert/strict";
import { TestKernel } from "./client";

describe("A JavaScript notebook", function () {
  this.timeout(120_000);
  let kernel: TestKernel;

  before(async () => {
    kernel = await TestKernel.start({ command: (argv) => [...argv, "--javascript"] });
  });
  after(() => kernel.stop());

  it("says that it is JavaScript, of this Node", async () => {
    const { language_info } = await kernel.request("shell", "kernel_info_request");
    assert.equal(language_info.name, "javascript");
    assert.equal(language_info.version, process.versions.node);
  });

  const cells: [code: string, result: string][] = [
    ["n = 5; n + 1", "6"],
    ["n += 1; n", "6"],
    ["this.m = 3; m", "3"],
    ["let o = {}; o.foo = 1; o.foo", "1"],
    ["function F() { this.x = 1 } new F().x", "1"],
    ["var q = 'x'; q.nope === undefined", "true"],
    ["with (Math) { var pi = PI } pi > 3", "true"],
    ["import { join } from 'node:path'; join('a', 'b')", "'a/b'"],
    ["const { EOL } = await import('node:os'); EOL.length", "1"],
    ["const a = 1", ""],
    ["const a = 2; a", "2"],
  ];
  it("takes what TypeScript would refuse: undeclared names, `this` at the top, properties added later", async () => {
    for (const [code, result] of cells) {
      const execution = await kernel.execute(code);
      assert.equal(execution.result ?? "", result, code);
    }
  });

  it("has the same magics and completion", async () => {
    assert.match((await kernel.execute("%timeit -n 1 -r 1 a + 1")).stdout, /per loop/);
    const { matches } = await kernel.request("shell", "complete_request", { code: "o.f", cursor_pos: 3 });
    assert.deepEqual(matches, ["foo"]);
  });
});
