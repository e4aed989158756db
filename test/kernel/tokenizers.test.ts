/** A tokenizer or a chat template that never ends does not hang the kernel, and an interrupt leaves both as they were. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { TestKernel } from "./client";

describe("A tokenizer that never ends", function () {
  this.timeout(120_000);
  let kernel: TestKernel;
  const folder = mkdtempSync(join(tmpdir(), "phi3lab-kernel-"));

  before(async () => {
    const pre_tokenizer = { type: "Split", pattern: { Regex: "(a+)+$" }, behavior: "Isolated" };
    const model = { type: "BPE", vocab: { a: 0, "!": 1 }, merges: [] };
    writeFileSync(join(folder, "tokenizer.json"), JSON.stringify({ pre_tokenizer, model }));
    kernel = await TestKernel.start();
    const { reply } = await kernel.execute(`
      import { AutoTokenizer } from "phi3lab";
      const tokenizer = await AutoTokenizer.from_pretrained(${JSON.stringify(folder)});
      const text = "a".repeat(40) + "!";
      const chat = [{ role: "user", content: "x" }];
      const render = (chat_template: string) => tokenizer.apply_chat_template(chat, { tokenize: false, chat_template });
      const nested = "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{% else %}{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}{% endif %}{% endmacro %}{{ f(150) }}";
    `);
    assert.equal(reply.status, "ok", JSON.stringify(reply));
  });
  after(async () => {
    await kernel.stop();
    rmSync(folder, { recursive: true });
  });

  /** Interrupts a cell half a second after it has begun, and holds it to have ended by that. */
  async function interrupt(code: string): Promise<void> {
    const id = await kernel.submit(`console.log("in"); ${code}`);
    await kernel.wait(() => kernel.of(id).find((message) => message.content.text?.includes("in")));
    await sleep(500);
    await kernel.send("control", "interrupt_request", {});
    const reply = await kernel.reply(id, 10_000);
    await kernel.idle(id);
    assert.equal(reply.status, "error");
    assert.doesNotMatch(String(reply.evalue), /more than 2 seconds/);
  }

  const encodes = /its pre_tokenizer took more than 2 seconds/;
  const renders = /it ran for more than 2 seconds/;

  it("is an error after two seconds, as is such a template", async () => {
    assert.match(String((await kernel.execute("tokenizer.encode(text)")).reply.evalue), encodes);
    assert.match(String((await kernel.execute("render(nested)")).reply.evalue), renders);
  });

  it("is stopped by an interrupt at once, and is still an error after two seconds the next time", async () => {
    await interrupt("tokenizer.encode(text)");
    await interrupt("render(nested)");
    assert.match(String((await kernel.execute("tokenizer.encode(text)")).reply.evalue), encodes);
    assert.match(String((await kernel.execute("render(nested)")).reply.evalue), renders);
    const after = await kernel.execute('String(tokenizer.encode("a!")) + render("{{ messages[0].content }}")');
    assert.equal(after.result, "'0,1x'");
  });
});
