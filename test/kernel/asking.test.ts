/** Cells ask their reader: `prompt`, `confirm`, `alert`, and `readline` on `process.stdin`. */
import assert from "node:assert/strict";
import { type Execution, TestKernel } from "./client";

describe("A cell that asks", function () {
  this.timeout(120_000);
  let kernel: TestKernel;

  before(async () => {
    kernel = await TestKernel.start();
    await kernel.execute(
      'import readline from "node:readline"; import { createInterface } from "node:readline/promises";',
    );
  });
  after(() => kernel.stop());

  /** The questions of request `id`, as far as they have come. */
  const questions = (id: string) =>
    kernel.log.filter((m) => m.header.msg_type === "input_request" && m.parent.msg_id === id);

  /** Runs a cell and answers its questions; they are in `asked`. */
  async function answer(code: string, ...answers: string[]): Promise<Execution & { asked: string[] }> {
    const id = await kernel.submit(code);
    for (const [i, value] of answers.entries()) {
      const { header } = await kernel.wait(() => questions(id)[i]);
      await kernel.send("stdin", "input_reply", { value }, header);
    }
    const done = await kernel.finished(id);
    return { ...done, asked: questions(id).map((m) => m.content.prompt) };
  }

  it("by prompt waits for the answer, which may be the default or none", async () => {
    const { result, asked } = await answer(
      '[prompt("Name?"), prompt("Town?", "Rome"), prompt("Street?")]',
      "Ann",
      "",
      "",
    );
    assert.equal(result, "[ 'Ann', 'Rome', null ]");
    assert.deepEqual(asked, ["Name? ", "Town? [Rome] ", "Street? "]);
  });

  it("by prompt in a function without await, with what was printed before the question", async () => {
    const code =
      'const twice = () => Number(prompt("n")) * 2; console.log("first"); require("fs").writeSync(1, "second\\n"); twice()';
    const id = await kernel.submit(code);
    const { header } = await kernel.wait(() => questions(id)[0]);
    await kernel.wait(() => kernel.of(id).some((m) => /second/.test(m.content.text ?? "")) || undefined);
    await kernel.send("stdin", "input_reply", { value: "21" }, header);
    const { result, stdout } = await kernel.finished(id);
    assert.equal(result, "42");
    assert.equal(stdout, "first\nsecond\n");
  });

  it("by confirm gets yes or no, and by alert goes on after Enter", async () => {
    const { result, asked } = await answer(
      '[confirm("Sure?"), confirm("Sure?"), confirm("Sure?"), alert("Done.")]',
      "y",
      "no",
      "",
      "",
    );
    assert.equal(result, "[ true, false, false, undefined ]");
    assert.equal(asked.at(-1), "Done. [Enter] ");
  });

  it("by readline gets its answer, promised or called back", async () => {
    const promised = await answer(
      'const rl = createInterface({ input: process.stdin, output: process.stdout }); const q = await rl.question("q? "); rl.close(); q',
      "an answer",
    );
    assert.equal(promised.result, "'an answer'");
    assert.deepEqual(promised.asked, ["q? "]);
    const called = await answer(
      'const old = readline.createInterface({ input: process.stdin }); old.question("old? ", (text) => { console.log("got " + text); old.close(); });',
      "it",
    );
    assert.equal(called.stdout, "got it\n");
  });

  it("by readline reads line after line for as long as it wants", async () => {
    const code =
      'for await (const line of readline.createInterface({ input: process.stdin })) { console.log("line " + line); if (line === "end") break; }';
    const { stdout, asked } = await answer(code, "a", "b", "end");
    assert.equal(stdout, "line a\nline b\nline end\n");
    assert.equal(asked.length, 3);
    assert.equal((await kernel.execute("6 * 7")).result, "42");
  });

  it("ends at an interrupt while it waits, and the next one can ask again", async () => {
    const codes = [
      'prompt("never")',
      'try { prompt("never") } catch { prompt("never again") }',
      'const rl2 = createInterface({ input: process.stdin }); await rl2.question("never")',
      "for await (const _ of readline.createInterface({ input: process.stdin })) {}",
    ];
    for (const code of codes) {
      const id = await kernel.submit(code);
      await kernel.wait(() => questions(id)[0]);
      await kernel.send("control", "interrupt_request", {});
      assert.equal((await kernel.finished(id)).reply.ename, "KeyboardInterrupt", code);
      assert.equal((await answer('prompt("now?")', "yes")).result, "'yes'", code);
    }
  });

  it("is told where nobody can answer", async () => {
    for (const [name, code] of [
      ["prompt", 'prompt("x")'],
      ["confirm", "confirm()"],
      ["input", 'await createInterface({ input: process.stdin }).question("x")'],
    ]) {
      const { reply } = await kernel.execute(code as string, { allow_stdin: false });
      assert.match(reply.evalue, new RegExp(`${name}\\(\\) was called, but this front end does not answer questions`));
    }
  });
});
