/** Everything that a cell causes to be written reaches the notebook, in order and below its cell. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Content, TestKernel } from "./client";

describe("What a cell writes", function () {
  this.timeout(120_000);
  let kernel: TestKernel;

  before(async () => {
    kernel = await TestKernel.start();
    await kernel.execute('import fs from "node:fs"; import { execSync, spawn, spawnSync } from "node:child_process";');
  });
  after(() => kernel.stop());

  const run = (code: string) => kernel.execute(code);

  it("is shown when it goes to the process's own descriptors", async () => {
    const { stdout, stderr } = await run(
      'fs.writeSync(1, "to 1 ✓\\n"); fs.writeSync(2, "to 2\\n"); fs.writeFileSync("/dev/stdout", "as a file\\n");',
    );
    assert.equal(stdout, "to 1 ✓\nas a file\n");
    assert.equal(stderr, "to 2\n");
  });

  it("is shown when children inherit the descriptors, blocking or not", async () => {
    const blocking = await run('execSync("echo out; echo err >&2", { stdio: "inherit" });');
    assert.deepEqual([blocking.stdout, blocking.stderr], ["out\n", "err\n"]);
    const awaited = await run(
      'const child = spawn("sh", ["-c", "echo later; sleep 0.1; echo last"], { stdio: "inherit" }); await new Promise((r) => child.on("close", r)); console.log("closed");',
    );
    assert.equal(awaited.stdout, "later\nlast\nclosed\n");
    const given = await run(
      'spawnSync("sh", ["-c", "echo by stream"], { stdio: ["ignore", process.stdout, process.stderr] });',
    );
    assert.equal(given.stdout, "by stream\n");
  });

  it("is shown when native code prints: the process that runs the cell is the one that prints", async () => {
    const { stderr } = await run('(process as any)._rawDebug("from C++");');
    assert.equal(stderr, "from C++\n");
  });

  it("keeps its order whoever writes", async () => {
    const { stdout, messages } = await run(
      'for (let i = 0; i < 50; i++) { console.log("js", i); fs.writeSync(1, "fd " + i + "\\n"); if (i % 10 === 0) execSync("echo child " + i, { stdio: "inherit" }); }' +
        'fs.writeSync(1, "before the display\\n"); display("shown"); fs.writeSync(1, "after\\n"); "result"',
    );
    const expected = Array.from({ length: 50 }, (_, i) => `js ${i}\nfd ${i}\n${i % 10 === 0 ? `child ${i}\n` : ""}`);
    assert.equal(stdout, `${expected.join("")}before the display\nafter\n`);
    const kinds = messages.map(({ header, content }) =>
      header.msg_type === "stream" ? content.text.trim().split("\n").at(-1) : header.msg_type,
    );
    const [before, shown, after, result] = ["before the display", "display_data", "after", "execute_result"].map(
      (kind) => kinds.indexOf(kind),
    );
    assert.ok(
      (before as number) < (shown as number) &&
        (shown as number) < (after as number) &&
        (after as number) < (result as number),
      kinds.join(),
    );
  });

  it("appears while the cell blocks, and whole when it is much", async () => {
    const id = await kernel.submit('execSync("echo at once; sleep 3", { stdio: "inherit" });');
    await kernel.wait(() => kernel.of(id).find((m) => m.content.text === "at once\n"), 2_500);
    await kernel.finished(id);
    const { stdout } = await run('execSync("seq 1 300000", { stdio: "inherit" }); console.log("end");');
    assert.equal(stdout, `${Array.from({ length: 300_000 }, (_, i) => i + 1).join("\n")}\nend\n`);
  });

  it("belongs to the magic that keeps it", async () => {
    const { stdout } = await run("const kept = !echo one; echo two\nkept.length");
    assert.equal(stdout, "");
  });

  it("is text like console.log's: a character that comes in two pieces stays one", async () => {
    const { stdout } = await run(
      'const bytes = Buffer.from("é€😀\\n"); for (const byte of bytes) { fs.writeSync(1, Buffer.of(byte)); await new Promise((r) => setTimeout(r, 30)); }',
    );
    assert.equal(stdout, "é€😀\n");
  });

  it("of a child that outlives its cell is shown, too", async () => {
    const { messages } = await run('spawn("sh", ["-c", "sleep 0.3; echo afterwards"], { stdio: "inherit" }); 1');
    const id = messages[0]?.parent.msg_id;
    await kernel.wait(() => kernel.of(id).find((m) => m.content.text === "afterwards\n"));
  });

  it("is without colours where the client is no front end, with colours in one", async () => {
    const plain = await run("console.log(1, { a: 'x' }); ({ a: 1 })");
    assert.equal(plain.stdout, "1 { a: 'x' }\n");
    assert.equal(plain.result, "{ a: 1 }");
    const id = await kernel.submit("console.log(1, { a: 'x' }); ({ a: 1 })", {}, { cellId: "c1" });
    const coloured = await kernel.finished(id);
    assert.equal(coloured.stdout, "\x1b[33m1\x1b[39m { a: \x1b[32m'x'\x1b[39m }\n");
    assert.equal(coloured.result, "{ a: \x1b[33m1\x1b[39m }");
    assert.equal(
      (await run("console.log(process.env.FORCE_COLOR, execSync('echo $FORCE_COLOR').toString())")).stdout,
      "1 1\n\n",
    );
  });
});

describe("A kernel that dies", function () {
  this.timeout(120_000);

  const die = async (
    code: string,
    env: NodeJS.ProcessEnv = {},
  ): Promise<{ error: Content; reply: Content; stdout: string }> => {
    const kernel = await TestKernel.start({ env });
    try {
      const id = await kernel.submit(code);
      const { reply, messages, stdout } = await kernel.finished(id, 90_000);
      const error = messages.find((m) => m.header.msg_type === "error")?.content ?? {};
      assert.notEqual(await kernel.exited(), 0, "the process ends with a failure, so that Jupyter starts another");
      return { error, reply, stdout };
    } finally {
      await kernel.stop();
    }
  };

  it("by a kill says so below the cell that ran, after what it printed", async () => {
    const { error, reply, stdout } = await die(
      'console.log("soon"); await new Promise((r) => setTimeout(r, 100)); process.kill(process.pid, "SIGKILL"); for (;;) {}',
    );
    assert.match(error.evalue, /its process was killed \(SIGKILL\)/);
    assert.equal(reply.status, "error");
    assert.equal(reply.ename, "KernelDied");
    assert.equal(stdout, "soon\n");
  });

  it("by V8's heap limit says so, and how to raise it", async () => {
    const code = "const all: unknown[] = []; for (;;) all.push(new Array(1000).fill(all.length));";
    const { error } = await die(code, { NODE_OPTIONS: "--max-old-space-size=150" });
    assert.match(error.evalue, /V8's heap limit.*--max-old-space-size/);
    assert.match(error.traceback.join("\n"), /JavaScript heap out of memory/);
  });

  it("by native code that crashes says which signal it was", async () => {
    const { error } = await die("process.abort()");
    assert.match(error.evalue, /native code crashed \(SIGABRT\)/);
    // Node's own dump of the stack names the kernel's files, and lines of what the cell was compiled to.
    assert.deepEqual(error.traceback, [`\x1b[31mKernelDied\x1b[0m: ${error.evalue}`]);
  });

  it("between two cells says nothing and ends, and leaves no file behind", async () => {
    const TMPDIR = mkdtempSync(join(tmpdir(), "phi3lab-output-"));
    const kernel = await TestKernel.start({ env: { TMPDIR } });
    const pid = Number((await kernel.execute("process.pid")).result);
    const before = kernel.log.length;
    await sleep(200);
    process.kill(pid, "SIGKILL");
    assert.equal(await kernel.exited(), 137);
    assert.equal(kernel.log.slice(before).filter((m) => m.header.msg_type === "error").length, 0);
    await kernel.stop();
    assert.deepEqual(readdirSync(TMPDIR), []);
    rmdirSync(TMPDIR);
  });

  it("ends with the process that Jupyter knows, when that is killed", async () => {
    const kernel = await TestKernel.start();
    const pid = Number((await kernel.execute("process.pid")).result);
    assert.notEqual(pid, kernel.process.pid);
    kernel.process.kill("SIGKILL");
    for (let i = 0; i < 100 && alive(pid); i++) {
      await sleep(50);
    }
    assert.equal(alive(pid), false);
    await kernel.stop();
  });
});

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
