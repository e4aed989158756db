/** The wire protocol: signatures, order, floods, and every kind of request. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { TestKernel } from "./client";

describe("The kernel's protocol server", function () {
  this.timeout(120_000);
  let kernel: TestKernel;

  before(async () => {
    kernel = await TestKernel.start();
  });
  after(() => kernel.stop());

  it("answers a heartbeat with the same bytes, also while a cell blocks", async () => {
    const id = await kernel.submit('console.log("in"); const end = Date.now() + 700; while (Date.now() < end) {}');
    await kernel.wait(() => kernel.of(id).find((m) => m.content.text?.includes("in")));
    await kernel.heartbeat.send("ping");
    assert.equal(String((await kernel.heartbeat.receive())[0]), "ping");
    assert.ok(!kernel.log.some((m) => m.channel === "shell" && m.parent.msg_id === id), "the cell still runs");
    await kernel.finished(id);
  });

  it("answers kernel_info while a cell blocks, and says again that the cell is busy", async () => {
    const id = await kernel.submit('console.log("in"); const end2 = Date.now() + 700; while (Date.now() < end2) {}');
    await kernel.wait(() => kernel.of(id).find((m) => m.content.text?.includes("in")));
    const info = await kernel.request("control", "kernel_info_request");
    assert.equal(info.language_info.name, "typescript");
    await kernel.wait(
      () => kernel.of(id).filter((m) => m.content.execution_state === "busy").length === 2 || undefined,
    );
    await kernel.finished(id);
  });

  it("puts busy first and idle last, and the input before the output", async () => {
    const { messages } = await kernel.execute('console.log("a"); 1');
    assert.deepEqual(
      messages.map((m) => m.header.msg_type),
      ["status", "execute_input", "stream", "execute_result", "status"],
    );
  });

  it("keeps stdout and stderr in the order in which they were written", async () => {
    const { messages } = await kernel.execute(
      "for (let i = 0; i < 200; i++) { (i % 3 === 0 ? console.error : console.log)('line ' + i); }",
    );
    const text = messages.map((m) => m.content.text ?? "").join("");
    assert.equal(text, Array.from({ length: 200 }, (_, i) => `line ${i}\n`).join(""));
  });

  it("says nothing to forged, cut, replayed and broken messages, and goes on", async () => {
    const before = kernel.log.length;
    const good = kernel.frames("execute_request", { code: "globalThis.forged = (globalThis.forged ?? 0) + 1" });
    const [delimiter, signature, ...parts] = good.frames as [string, string, ...string[]];
    const forged = [delimiter, "0".repeat(64), ...parts];
    const flipped = [delimiter, signature.replace(/^./, (c) => (c === "0" ? "1" : "0")), ...parts];
    const unsigned = [delimiter, "", ...parts];
    const broken = (text: string): string[] => [
      delimiter,
      kernel.sign([text, "{}", "{}", "{}"]),
      text,
      "{}",
      "{}",
      "{}",
    ];
    const bad = [
      ...[forged, flipped, unsigned, ["x"], [delimiter], [delimiter, signature], ["", ""]],
      ...[
        broken("{"),
        broken("[]"),
        broken("null"),
        broken('{"msg_type":"execute_request"}'),
        broken('{"msg_id":5,"msg_type":1}'),
      ],
    ];
    for (const frames of bad) {
      await kernel.shell.send(frames);
      await kernel.control.send(frames);
      await kernel.stdin.send(frames);
    }
    await sleep(200);
    assert.equal(kernel.log.length, before, "no answer at all");
    await kernel.shell.send(good.frames);
    await kernel.shell.send(good.frames); // A replay of what was accepted.
    await kernel.control.send(good.frames);
    await kernel.finished(good.id);
    const { result } = await kernel.execute("(globalThis as any).forged");
    assert.equal(result, "1");
    assert.equal(kernel.of(good.id).filter((m) => m.content.execution_state === "busy").length, 1);
  });

  it("answers every one of 2,000 requests sent in one tick, each with busy and idle", async () => {
    const requests = Array.from({ length: 2_000 }, () => kernel.frames("kernel_info_request", {}));
    // The client's own library refuses more than some hundreds unawaited; the socket still gets them in one burst.
    for (const { frames } of requests) {
      await kernel.shell.send(frames);
    }
    for (const { id } of requests) {
      await kernel.reply(id);
      await kernel.idle(id);
    }
  });

  it("loses nothing of 2,000 displays and 100,000 lines of one cell", async () => {
    const { messages, stdout } = await kernel.execute(
      "for (let i = 0; i < 2000; i++) display(i); for (let i = 0; i < 100_000; i++) console.log(i);",
    );
    const displays = messages.filter((m) => m.header.msg_type === "display_data");
    assert.deepEqual(
      displays.map((m) => m.content.data["text/plain"]),
      Array.from({ length: 2_000 }, (_, i) => String(i)),
    );
    assert.equal(stdout, `${Array.from({ length: 100_000 }, (_, i) => i).join("\n")}\n`);
  });

  it("gathers a thousand prints into a few messages", async () => {
    const { messages } = await kernel.execute("for (let i = 0; i < 1000; i++) console.log(i);");
    assert.ok(messages.filter((m) => m.header.msg_type === "stream").length < 50);
  });

  it("carries 150 MB through a slow reader: the writing cell waits", async () => {
    const { stdout } = await kernel.execute(
      'const mb = "x".repeat(1 << 20); for (let i = 0; i < 150; i++) process.stdout.write(mb);',
    );
    assert.equal(stdout.length, 150 * 2 ** 20);
  });

  it("keeps characters whole that were written byte by byte", async () => {
    const { stdout } = await kernel.execute(
      'for (const byte of Buffer.from("€😀é")) { process.stdout.write(Uint8Array.of(byte)); } process.stdout.write("\\u{1F600}"[0]!); process.stdout.write("\\u{1F600}"[1]!);',
    );
    assert.equal(stdout, "€😀é😀");
  });

  it("aborts exactly the cells that were queued when an error came", async () => {
    const failing = await kernel.submit("await new Promise((r) => setTimeout(r, 100)); throw new Error('stop');");
    const queued = [await kernel.submit("1"), await kernel.submit("2")];
    await kernel.wait(() => kernel.of(failing).find((m) => m.header.msg_type === "error"));
    const later = await kernel.submit("40 + 2");
    for (const id of queued) {
      assert.equal((await kernel.finished(id)).reply.status, "aborted");
    }
    assert.equal((await kernel.finished(later)).result, "42");
  });

  it("runs the queued cells after an error when stop_on_error is false", async () => {
    const failing = await kernel.submit("throw 1", { stop_on_error: false });
    const next = await kernel.submit("'ran'");
    assert.equal((await kernel.finished(failing)).reply.status, "error");
    assert.equal((await kernel.finished(next)).result, "'ran'");
  });

  it("asks for a line of text, hides a password, and refuses where nobody can answer", async () => {
    const id = await kernel.submit(
      'const [who, secret] = [await input("who? "), await input("key? ", { password: true })]; who + secret',
    );
    for (const [prompt, password, value] of [
      ["who? ", false, "Ada"],
      ["key? ", true, "λ😀"],
    ]) {
      const ask = await kernel.wait(() => kernel.log.find((m) => m.channel === "stdin" && m.content.prompt === prompt));
      assert.equal(ask.content.password, password);
      assert.equal(ask.parent.msg_id, id);
      await kernel.send("stdin", "input_reply", { value, status: "ok" }, ask.header);
    }
    assert.equal((await kernel.finished(id)).result, "'Adaλ😀'");
    const refused = await kernel.execute('await input("?")', { allow_stdin: false });
    assert.match(refused.reply.evalue, /does not answer questions/);
  });

  it("ends a cell that waits for an answer when it is interrupted", async () => {
    const id = await kernel.submit('await input("never?")');
    await kernel.wait(() => kernel.log.find((m) => m.channel === "stdin" && m.content.prompt === "never?"));
    await kernel.send("control", "interrupt_request", {});
    assert.equal((await kernel.finished(id)).reply.ename, "KeyboardInterrupt");
    assert.equal((await kernel.execute("1")).result, "1");
  });

  it("is silent when asked to be, counts what is stored, and remembers it", async () => {
    const first = (await kernel.execute("'a'")).reply.execution_count as number;
    const silent = await kernel.execute("console.log('shown'); 'quiet'", { silent: true });
    assert.deepEqual(
      silent.messages.map((m) => m.header.msg_type),
      ["status", "stream", "status"],
    );
    const unstored = await kernel.execute("'c'", { store_history: false });
    assert.equal(unstored.reply.execution_count, first);
    const next = await kernel.execute("'d'");
    assert.equal(next.reply.execution_count, first + 1);
    const tail = await kernel.request("shell", "history_request", {
      hist_access_type: "tail",
      n: 2,
      output: true,
      raw: true,
    });
    assert.deepEqual(tail.history, [
      [1, first, ["'a'", "'a'"]],
      [1, first + 1, ["'d'", "'d'"]],
    ]);
    const search = await kernel.request("shell", "history_request", {
      hist_access_type: "search",
      pattern: "'?'",
      n: 1,
    });
    assert.deepEqual(search.history, [[1, first + 1, "'d'"]]);
    const range = await kernel.request("shell", "history_request", {
      hist_access_type: "range",
      session: 0,
      start: first,
      stop: first + 1,
    });
    assert.deepEqual(range.history, [[1, first, "'a'"]]);
  });

  it("evaluates user expressions, good and bad", async () => {
    const { reply } = await kernel.execute("const ue = 4;", { user_expressions: { good: "ue * 2", bad: "nope" } });
    assert.equal(reply.user_expressions.good.data["text/plain"], "8");
    assert.equal(reply.user_expressions.bad.status, "error");
  });

  it("completes and inspects with cursors in code points", async () => {
    const code = 'const face = "😀😀"; face.toUp';
    const complete = await kernel.request("shell", "complete_request", { code, cursor_pos: [...code].length });
    assert.ok(complete.matches.includes("toUpperCase"));
    assert.equal(complete.cursor_start, [...code].length - "toUp".length);
    assert.equal(complete.cursor_end, [...code].length);
    const inspected = await kernel.request("shell", "inspect_request", { code: '"😀"; Math.max(1)', cursor_pos: 12 });
    assert.equal(inspected.found, true);
    assert.match(inspected.data["text/plain"], /max\(/);
    const nothing = await kernel.request("shell", "inspect_request", { code: "   ", cursor_pos: 1 });
    assert.equal(nothing.found, false);
  });

  it("says whether a text is complete", async () => {
    const ask = (code: string) => kernel.request("shell", "is_complete_request", { code });
    assert.equal((await ask("const a = 1")).status, "complete");
    assert.deepEqual(await ask("function f() {"), { status: "incomplete", indent: "  " });
  });

  it("survives content of the wrong shape", async () => {
    for (const type of [
      "execute_request",
      "complete_request",
      "inspect_request",
      "is_complete_request",
      "history_request",
    ]) {
      const id = await kernel.send("shell", type, { code: 5, cursor_pos: "x", n: "y", user_expressions: 7 });
      await kernel.reply(id);
      await kernel.idle(id);
    }
    const unknown = await kernel.send("shell", "no_such_request", {});
    await kernel.idle(unknown);
    const comm = await kernel.send("shell", "comm_open", { comm_id: "c", target_name: "t", data: {} });
    await kernel.wait(() => kernel.of(comm).find((m) => m.header.msg_type === "comm_close"));
    assert.deepEqual((await kernel.request("shell", "comm_info_request")).comms, {});
  });
});
