/** Interrupts: the signal first, force where nothing listens, and the session goes on. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { TestKernel } from "./client";

describe("An interrupt", function () {
  this.timeout(120_000);
  let kernel: TestKernel;

  before(async () => {
    kernel = await TestKernel.start();
  });
  after(() => kernel.stop());

  /** Runs `code` until it has printed "in", interrupts it and gives its reply. */
  async function interrupt(code: string, wait = 0): Promise<Record<string, unknown>> {
    const id = await kernel.submit(code);
    await kernel.wait(() => kernel.of(id).find((m) => m.content.text?.includes("in")));
    await sleep(wait);
    const asked = await kernel.send("control", "interrupt_request", {});
    assert.equal((await kernel.reply(asked)).status, "ok");
    const reply = await kernel.reply(id, 10_000);
    await kernel.idle(id);
    return reply;
  }

  async function assertAlive(): Promise<void> {
    const { result, reply } = await kernel.execute("6 * 7", { stop_on_error: true });
    assert.equal(reply.status, "ok");
    assert.equal(result, "42");
  }

  const loops: Record<string, string> = {
    "an endless loop": 'console.log("in"); while (true) {}',
    "an endless loop after an await": 'await 1; console.log("in"); while (true) {}',
    "an endless loop in a timer that the cell awaits":
      'await new Promise(() => setTimeout(() => { console.log("in"); while (true) {} }, 1));',
    "an endless chain of microtasks": 'console.log("in"); for (;;) { await null; }',
    "an endless chain of ticks":
      'console.log("in"); const go = () => process.nextTick(go); go(); await new Promise(() => {});',
    "a promise that nobody settles": 'console.log("in"); await new Promise(() => {});',
    "a loop that swallows every error": 'console.log("in"); for (;;) { try { for (;;) {} } catch {} }',
    "a regular expression that never ends": 'console.log("in"); /^(a+)+$/.test("a".repeat(40) + "b");',
    "a loop under async hooks":
      'import { AsyncLocalStorage } from "async_hooks"; const als = new AsyncLocalStorage<number>();' +
      'await als.run(1, async () => { console.log("in"); for (;;) { await null; } });',
    "a cell that prints without end": 'for (;;) { console.log("in"); }',
  };
  for (const [name, code] of Object.entries(loops)) {
    it(`ends ${name}, and the next cell runs`, async () => {
      const reply = await interrupt(code);
      assert.equal(reply.status, "error");
      assert.equal(reply.ename, "KeyboardInterrupt");
      await assertAlive();
    });
  }

  it("ends a child that the cell waits for at once, with the child's own children", async () => {
    await assertAlive();
    for (const command of ["sleep 20", "sleep 20; echo never", "sh -c 'trap : INT; sleep 20; sleep 20'"]) {
      const began = performance.now();
      const reply = await interrupt(
        `console.log("in"); require("child_process").execSync(${JSON.stringify(command)});`,
        200,
      );
      assert.equal(reply.ename, "KeyboardInterrupt", command);
      assert.ok(performance.now() - began < 3_000, command);
      await assertAlive();
    }
  });

  it("ends neither children of earlier cells, nor detached ones, nor the kernel's own", async () => {
    const own = join(__dirname, "../../dist/kernel/engine/compiler/process.js");
    await kernel.execute(
      `import { spawn, execSync as run } from "child_process"; const earlier = spawn("sleep", ["30"]); await new Promise((r) => setTimeout(r, 200));`,
    );
    await interrupt(
      `const detached = spawn("sleep", ["30"], { detached: true }), compiler = spawn("sh", ["-c", "sleep 30; true", ${JSON.stringify(own)}]), ours = spawn("sleep", ["30"]);
console.log("in"); run("sleep 20");`,
      200,
    );
    const { result } = await kernel.execute(
      `await new Promise((r) => setTimeout(r, 100));
const ended = [earlier, detached, compiler, ours].map(({ signalCode }) => signalCode); [earlier, detached, compiler].forEach((each) => each.kill()); ended`,
    );
    assert.equal(result, "[ null, null, null, 'SIGINT' ]");
  });

  it("ends a loop 50 times in a row", async () => {
    for (let i = 0; i < 50; i++) {
      const code = i % 2 === 0 ? loops["an endless loop after an await"] : loops["an endless chain of microtasks"];
      const reply = await interrupt(code as string, i % 5);
      assert.equal(reply.ename, "KeyboardInterrupt");
    }
    await assertAlive();
  });

  it("ends a loop that sleeps between its rounds for good", async () => {
    await kernel.execute("let rounds = 0;");
    await interrupt('console.log("in"); for (;;) { rounds += 1; await new Promise((r) => setTimeout(r, 5)); }');
    const first = await kernel.execute("rounds");
    await sleep(100);
    const second = await kernel.execute("rounds");
    assert.equal(first.result, second.result);
  });

  it("lets the cell's own code see the signal and end in its own way", async () => {
    const id = await kernel.submit(
      'import timers from "timers/promises"; console.log("in"); const { signal } = (globalThis as any)[Symbol.for("phi3lab.host")];' +
        'await new Promise<void>((done) => signal.addEventListener("abort", () => { console.log("tidy"); done(); })); "partial"',
    );
    await kernel.wait(() => kernel.of(id).find((m) => m.content.text?.includes("in")));
    await kernel.send("control", "interrupt_request", {});
    const { stdout, result } = await kernel.finished(id);
    assert.match(stdout, /tidy/);
    assert.equal(result, "'partial'");
  });

  it("between cells changes nothing", async () => {
    await kernel.request("control", "interrupt_request");
    await assertAlive();
  });

  it("ends a loop in a timer that outlived its cell", async () => {
    const { reply } = await kernel.execute("setTimeout(() => { for (;;) {} }, 50); 1");
    assert.equal(reply.status, "ok");
    await sleep(300);
    const id = await kernel.submit("6 * 7");
    await sleep(300);
    assert.equal(kernel.of(id).length, 0);
    await kernel.send("control", "interrupt_request", {});
    assert.equal((await kernel.finished(id)).result, "42");
  });

  it("may come at any moment: every cell is answered, and the session goes on", async () => {
    // What each gives when it is not interrupted; the last one always is.
    const cells: [code: string, ends: { result?: string; ename?: string; stdout?: RegExp } | undefined][] = [
      ["for (let i = 0; i < 3e7; i++) {} 'done'", { result: "'done'" }],
      ["await new Promise((r) => setTimeout(r, 60)); for (let i = 0; i < 3e7; i++) {} 1", { result: "1" }],
      ["for (let i = 0; i < 2e5; i++) await null; 2", { result: "2" }],
      ["for (let i = 0; i < 2000; i++) console.log(i); 3", { result: "3", stdout: /^0\n1\n[\s\S]*\n1999\n$/ }],
      ["throw new Error('own')", { ename: "Error" }],
      ["interface Long { a: 1 } const typed: Long = { a: 1 }; typed", { result: "{ a: 1 }" }],
      ["for (;;) await null;", undefined],
    ];
    for (let i = 0; i < 63; i++) {
      const [code, ends] = cells[i % cells.length] as (typeof cells)[number];
      const id = await kernel.submit(code);
      const pressed = Promise.all(
        [0, 1].map(async (n) => {
          await sleep(((i * 37) % 110) + n * 70);
          await kernel.reply(await kernel.send("control", "interrupt_request", {}));
        }),
      );
      const { reply, result, stdout } = await kernel.finished(id);
      await pressed;
      if (reply.ename === "KeyboardInterrupt") continue;
      assert.ok(ends, `${code} ended with ${reply.status}`);
      assert.equal(reply.ename, ends.ename, code);
      assert.equal(result, ends.result, code);
      if (ends.stdout) assert.match(stdout, ends.stdout);
    }
    await assertAlive();
  });

  it("aborts the cells that were queued behind", async () => {
    const id = await kernel.submit('console.log("in"); for (;;) {}');
    const queued = await kernel.submit('console.log("never")');
    await kernel.wait(() => kernel.of(id).find((m) => m.content.text?.includes("in")));
    await kernel.send("control", "interrupt_request", {});
    assert.equal((await kernel.reply(id)).status, "error");
    const { reply, stdout } = await kernel.finished(queued);
    assert.equal(reply.status, "aborted");
    assert.equal(stdout, "");
  });

  it("names the line that ran, in the cell and in a local file", async () => {
    const text = async (code: string) => {
      const { traceback } = (await interrupt(code)) as { traceback: string[] };
      // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are escape sequences.
      return traceback.join("\n").replace(/\x1b\[[\d;]*m/g, "");
    };
    assert.match(
      await text('console.log("in");\ntype T = 1;\nfor (;;) {}'),
      /^KeyboardInterrupt\ncell \[\d+\], line 3:/,
    );
    const after = 'await 1; console.log("in");\nfunction spin() {\n  for (;;) {}\n}\nspin();';
    assert.match(await text(after), /at spin \(cell \[\d+\]:3:\d+\)\n {4}at cell \[\d+\]:5:1$/);
    await kernel.execute(
      'require("fs").writeFileSync("spin.ts", "type T = 1;\\nexport function turn() {\\n  for (;;) {}\\n}");',
    );
    assert.match(
      await text('import { turn } from "./spin"; console.log("in");\nturn();'),
      /spin\.ts, line 3:[\s\S]*line 2:/,
    );
  });

  it("keeps the variables of the cell that it ended", async () => {
    await interrupt('const kept = 5; console.log("in"); for (;;) {}');
    assert.equal((await kernel.execute("kept")).result, "5");
  });
});
