/** What the kernel offers to magics, in this process: no sockets, a wire that only takes notes. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SessionCompiler } from "../../kernel/engine/compiler/compiler";
import { Runtime } from "../../kernel/engine/run/runtime";
import { tslabTypes } from "../../kernel/engine/run/tslab";
import type { Wire } from "../../kernel/protocol/wire";
import { Cell } from "../../kernel/session/cell";
import { ErrorReporter } from "../../kernel/session/errors";
import { History } from "../../kernel/session/history";
import { magicContext } from "../../kernel/session/magics";
import { Runner } from "../../kernel/session/runner";
import type { MagicContext } from "../../src/magic";

describe("The context of a magic", function () {
  this.timeout(60_000);
  const written: string[] = [];
  const wire = {
    write: (_serial: number, stream: string, text: string) => written.push(`${stream}: ${text}`),
    publish: (_serial: number, type: string, content: unknown) => written.push(`${type}: ${JSON.stringify(content)}`),
    setCapturing: () => undefined,
    mark: () => Promise.resolve(),
  } as unknown as Wire;
  let reporter: ErrorReporter;
  let cell: Cell;
  let context: MagicContext;
  let folder: string;
  const home = process.cwd();

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "phi3lab-context-"));
    process.chdir(folder);
    const compiler = new SessionCompiler({ folder, language: "typescript", tslabTypes });
    const runtime = new Runtime(compiler, folder, () => undefined);
    reporter = new ErrorReporter(runtime.stacks, runtime.places);
    cell = new Cell(wire, { serial: 1, count: 1, silent: false, allowStdin: true });
    context = magicContext(cell, { runner: new Runner(compiler, runtime, reporter), history: new History() });
  });
  after(() => {
    process.chdir(home);
    rmSync(folder, { recursive: true });
  });

  it("evaluates code as a cell does and gives the awaited value", async () => {
    assert.equal(await context.evaluate("let total = 1; Promise.resolve(total + 1)"), 2);
    assert.equal(await context.evaluate("const hidden = 3;"), undefined);
    assert.equal(await context.evaluate("hidden"), 3);
    await assert.rejects(context.evaluate("throw new RangeError('r')"), RangeError);
  });

  it("compiles a body once that sees and changes the session's names, and keeps its own inside", async () => {
    const body = await context.compile("const inside = 5;\nawait null;\ntotal += inside; // last line");
    for (let i = 0; i < 1_000; i++) {
      await body();
    }
    assert.equal(await context.evaluate("total"), 5_001);
    await assert.rejects(context.evaluate("inside"), /Cannot find name 'inside'/);
  });

  it("reports what does not compile, and what fails, at the line of the body", async () => {
    const failure = await context.compile("const a = 1;\nconst b: string = a;").catch((error: unknown) => error);
    assert.match(reporter.report(failure).traceback.join("\n"), /cell \[1\]:2:7 .*TS2322/);
    const body = await context.compile("const c = 1;\nthrow new Error(String(c));");
    const thrown = await body().catch((error: unknown) => error);
    assert.match(reporter.report(thrown).traceback.join("\n"), /cell \[1\], line 2:/);
  });

  it("sets variables, typed when asked, new and old", async () => {
    await context.setVariable("text", "abc", "string");
    assert.equal(await context.evaluate("text.length"), 3);
    await assert.rejects(context.evaluate("text.nope"), /Property 'nope' does not exist/);
    await context.setVariable("text", { any: 1 });
    assert.equal(await context.evaluate("text.any"), 1);
  });

  it("captures prints and displays, also nested, and gives the value", async () => {
    const captured = await context.capture(async () => {
      context.write("stdout", "out");
      context.write("stderr", "err");
      context.display({ "text/plain": "shown" });
      const inner = await context.capture(async () => context.write("stdout", "inner"));
      assert.equal(inner.stdout, "inner");
      return 9;
    });
    assert.deepEqual(captured, { value: 9, stdout: "out", stderr: "err", outputs: [{ "text/plain": "shown" }] });
    assert.deepEqual(written, []);
    await assert.rejects(
      context.capture(async () => {
        throw new Error("x");
      }),
      /x/,
    );
    context.write("stdout", "after");
    assert.deepEqual(written, ["stdout: after"]);
  });
});
