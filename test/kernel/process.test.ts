/** The life of the kernel's process: how it starts and by what it ends. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Subscriber } from "zeromq";
import { freePorts, kernelCommand, TestKernel } from "./client";

describe("The kernel's process", function () {
  this.timeout(60_000);

  it("tells a client that asks for nothing that it has begun and is idle, as soon as that can hear it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "phi3lab-begin-"));
    const file = join(folder, "connection.json");
    const [shell_port, iopub_port, stdin_port, control_port, hb_port] = await freePorts(5);
    const ports = { shell_port, iopub_port, stdin_port, control_port, hb_port };
    writeFileSync(file, JSON.stringify({ ...ports, transport: "tcp", ip: "127.0.0.1", key: "" }));
    const iopub = new Subscriber({ linger: 0 });
    iopub.connect(`tcp://127.0.0.1:${iopub_port}`);
    iopub.subscribe();
    const [program = "", ...args] = kernelCommand(file);
    const kernel = spawn(program, args, { cwd: folder, stdio: "ignore" });
    try {
      const states: string[] = [];
      for await (const frames of iopub) {
        states.push(JSON.parse(String(frames.at(-1))).execution_state);
        if (states.length === 2) break;
      }
      assert.deepEqual(states, ["starting", "idle"]);
    } finally {
      iopub.close();
      kernel.kill("SIGTERM");
      await new Promise((done) => kernel.once("exit", done));
      rmSync(folder, { recursive: true });
    }
  });

  it("ends on a shutdown request, with a reply that repeats whether to restart", async () => {
    const kernel = await TestKernel.start();
    await kernel.execute("1");
    const reply = kernel.request("control", "shutdown_request", { restart: true });
    assert.deepEqual(await reply, { status: "ok", restart: true });
    assert.equal(await kernel.exited(), 0);
    await kernel.stop();
    assert.equal(kernel.terminal, "");
  });

  it("ends on a shutdown request while a cell loops", async () => {
    const kernel = await TestKernel.start();
    const id = await kernel.submit('await 1; console.log("in"); for (;;) {}');
    await kernel.wait(() => kernel.of(id).find((m) => m.content.text?.includes("in")));
    await kernel.send("control", "shutdown_request", { restart: false });
    assert.equal(await kernel.exited(), 0);
    await kernel.stop();
  });

  it("ends on SIGTERM", async () => {
    const kernel = await TestKernel.start();
    kernel.process.kill("SIGTERM");
    assert.equal(await kernel.exited(), 0);
    await kernel.stop();
  });

  it("ends a cell on SIGINT and lives on", async () => {
    const kernel = await TestKernel.start();
    for (const code of ['console.log("in"); for (;;) {}', 'console.log("in"); await new Promise(() => {});']) {
      const id = await kernel.submit(code);
      await kernel.wait(() => kernel.of(id).find((m) => m.content.text?.includes("in")));
      kernel.process.kill("SIGINT");
      assert.equal((await kernel.finished(id)).reply.ename, "KeyboardInterrupt");
      assert.equal((await kernel.execute("6 * 7")).result, "42");
    }
    await kernel.stop();
  });

  it("ends when its parent has died, also while a cell loops", async () => {
    const kernel = await TestKernel.start({
      command: (argv) => ["/bin/sh", "-c", '"$@" & echo "pid $!"; wait', "sh", ...argv],
    });
    const pid = Number(/pid (\d+)/.exec(kernel.terminal)?.[1]);
    const id = await kernel.submit('console.log("in"); for (;;) {}');
    await kernel.wait(() => kernel.of(id).find((m) => m.content.text?.includes("in")));
    kernel.process.kill("SIGKILL");
    for (let i = 0; isAlive(pid) && i < 200; i++) {
      await sleep(100);
    }
    assert.equal(isAlive(pid), false);
    await kernel.stop();
  });

  it("lives on when its compiler is killed, keeps the variables, and leaves no compiler behind", async () => {
    const kernel = await TestKernel.start();
    await kernel.execute("const kept = 41;");
    const [compiler] = compilers(kernel);
    process.kill(compiler as number, "SIGKILL");
    // A cell that comes before the death is noticed is told of it.
    const [first, second] = [await kernel.execute("kept + 1"), await kernel.execute("kept + 1")];
    if (first.reply.status === "error")
      assert.match(first.reply.evalue, /^The compiler was ended by SIGKILL; it starts/);
    assert.equal(second.result, "42");
    assert.deepEqual((await kernel.request("shell", "complete_request", { code: "kep", cursor_pos: 3 })).matches, [
      "kept",
    ]);
    const after = compilers(kernel);
    assert.equal(after.length, 1);
    await kernel.stop();
    for (let i = 0; i < 100 && isAlive(after[0] as number); i++) await sleep(100);
    assert.equal(isAlive(after[0] as number), false);
  });

  it("works unsigned when the key is empty", async () => {
    const kernel = await TestKernel.start({ key: "" });
    assert.equal((await kernel.execute("2 + 3")).result, "5");
    await kernel.stop();
  });

  it("says in a sentence that its port is taken", async () => {
    const first = await TestKernel.start();
    const [node, ...args] = kernelCommand(join(first.folder, "connection.json"));
    const child = spawn(node as string, args, { stdio: ["ignore", "ignore", "pipe"] });
    let text = "";
    child.stderr.on("data", (data) => {
      text += data;
    });
    const code = await new Promise((done) => child.once("close", done));
    await first.stop();
    assert.equal(code, 1);
    assert.match(text, /^The kernel ends: Cannot open the sockets of the connection file: .*address/i);
  });

  it("says in a sentence what is wrong with its start", async () => {
    const [node, ...args] = kernelCommand("/no/such/file.json");
    const child = spawn(node as string, args, { stdio: ["ignore", "ignore", "pipe"] });
    let text = "";
    child.stderr.on("data", (data) => {
      text += data;
    });
    const code = await new Promise((done) => child.once("close", done));
    assert.equal(code, 1);
    assert.match(text, /connection file.*no such file/is);
  });
});

/** The processes in which a kernel compiles. */
function compilers(kernel: TestKernel): number[] {
  const lines = execFileSync("ps", ["-A", "-o", "pid=,ppid=,args="], { encoding: "utf8" }).split("\n");
  const all = lines.map((line) => /^\s*(\d+)\s+(\d+)\s(.*)/.exec(line) ?? []);
  const found = all.filter(([, , , args]) => args?.includes("compiler/process.js"));
  const parents = all.filter(([, , parent]) => Number(parent) === kernel.process.pid).map(([, pid]) => pid);
  return found.filter(([, , parent]) => parents.includes(parent)).map(([, pid]) => Number(pid));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
