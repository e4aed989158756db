/** Help while a cell is typed comes at any time: also while another one computes. */
import assert from "node:assert/strict";
import { type Content, TestKernel } from "../client";

describe("While a cell computes and never yields, the kernel", function () {
  this.timeout(120_000);
  let kernel: TestKernel;
  let running: string;

  before(async () => {
    kernel = await TestKernel.start();
    await kernel.execute("const table = { alpha: 1, beta: [2] }; function shade(colour: string, depth = 1) {}");
    await kernel.execute(`import { registerMagic } from "phi3lab";
      registerMagic({ name: "shout", kinds: ["line"], summary: "Prints loudly.", values: () => ["now", "never"], async run() {} });`);
    running = await kernel.submit('console.log("in"); for (;;) {}');
    await kernel.wait(() => kernel.of(running).find((m) => m.content.text?.includes("in")));
  });
  after(() => kernel.stop());

  /** Asks at `│`, while the cell runs. */
  async function ask(type: string, marked: string): Promise<Content> {
    const at = [...marked].indexOf("│");
    const code = marked.replace("│", "");
    const reply = await kernel.request("shell", type, { code, cursor_pos: at < 0 ? code.length : at });
    assert.ok(!kernel.log.some((m) => m.channel === "shell" && m.parent.msg_id === running), "the cell still runs");
    return reply;
  }

  it("completes the session's names and their members", async () => {
    assert.deepEqual((await ask("complete_request", "tabl│")).matches, ["table"]);
    assert.deepEqual((await ask("complete_request", "table.│")).matches, ["alpha", "beta"]);
  });

  it("knows the session's variables: what is negated is no command", async () => {
    assert.deepEqual((await ask("complete_request", "!table│")).matches, ["table"]);
    assert.deepEqual((await ask("complete_request", "!tables│")).matches, []);
  });

  it("shows types and signatures", async () => {
    assert.match((await ask("inspect_request", "ta│ble")).data["text/plain"], /const table: \{/);
    assert.match((await ask("inspect_request", 'shade("red", │)')).data["text/plain"], /‹depth\?: number›/);
  });

  it("says whether a text is complete", async () => {
    assert.equal((await ask("is_complete_request", "if (table) {")).status, "incomplete");
    assert.equal((await ask("is_complete_request", "%%time\n1\n")).status, "complete");
  });

  it("completes magics, their arguments and files, those that cells added too", async () => {
    assert.deepEqual((await ask("complete_request", "%timei│")).matches, ["%timeit"]);
    assert.deepEqual((await ask("complete_request", "%typecheck w│")).matches, ["warn"]);
    assert.deepEqual((await ask("complete_request", "!cat connec│")).matches, ["connection.json"]);
    assert.deepEqual((await ask("complete_request", "%shou│")).matches, ["%shout"]);
    assert.deepEqual((await ask("complete_request", "%shout ne│")).matches, ["never"]);
    assert.match((await ask("inspect_request", "%shout│")).data["text/plain"], /Prints loudly\./);
  });

  it("still obeys an interrupt, and goes on", async () => {
    await kernel.send("control", "interrupt_request", {});
    assert.equal((await kernel.finished(running)).reply.ename, "KeyboardInterrupt");
    assert.equal((await kernel.execute("table.alpha + 41")).result, "42");
    assert.deepEqual((await kernel.request("shell", "complete_request", { code: "tab", cursor_pos: 3 })).matches, [
      "table",
    ]);
  });
});
