/** What a reader sees of an error: thrown, printed, late, in a file, or made worse by the code itself. */
import assert from "node:assert/strict";
import { runInNewContext } from "node:vm";
import { TestKernel } from "../../client";
import { withoutColours } from "./session";

describe("An error", function () {
  this.timeout(120_000);
  let kernel: TestKernel;
  before(async () => {
    kernel = await TestKernel.start();
    await kernel.execute("0", {}, 60_000); // The compiler loads.
  });
  after(() => kernel.stop());

  const run = (code: string) => kernel.execute(code);
  /** What the reader sees of a cell that fails, with N for the cell's number. */
  const failure = async (code: string): Promise<string> => {
    const { reply } = await run(code);
    assert.equal(reply.status, "error");
    return withoutColours(reply.traceback.join("\n")).replaceAll(`cell [${reply.execution_count}]`, "cell [N]");
  };
  /** What a cell printed on stderr. */
  const printed = async (code: string): Promise<string> => {
    const { stderr, reply } = await run(code);
    return withoutColours(stderr).replaceAll(`cell [${reply.execution_count}]`, "cell [N]");
  };

  it("that is printed has the places of the cell, and no frames of the kernel", async () => {
    assert.equal(
      await printed('type T = 1;\ntry { throw new RangeError("r") } catch (e) { console.error(e) }'),
      "RangeError: r\n    at cell [N]:2:13\n",
    );
    assert.match(
      await printed('try { JSON.parse("{") } catch (e) { console.error(e) }'),
      /^SyntaxError.*\n {4}at cell \[N\]:1:12\n$/,
    );
    assert.equal(await printed('console.trace("here")'), "Trace: here\n    at cell [N]:1:9\n");
    const value = await run('new Error("as a value")');
    assert.equal(value.result, `Error: as a value\n    at cell [${value.reply.execution_count}]:1:1`);
    const { stdout, reply } = await run(
      'interface A {}\n\nfunction f() { return new Error("s").stack; }\nconsole.log(f())',
    );
    const at = `cell [${reply.execution_count}]`;
    assert.equal(stdout, `Error: s\n    at f (${at}:3:23)\n    at ${at}:4:13\n`);
  });

  it("names variables as Node does of the same text, and characters as themselves", async () => {
    const variables = "f = 3, o = {}, größe = 1, list$ = 4, u";
    await run(`let ${variables.replaceAll(/(f|o|größe|list\$|u)(?= =|$)/g, "$1: any")};`);
    const different: unknown[] = [];
    const codes = [
      ...["f()", "new f()", "o.p()", "größe()", "list$()", "o.größe()", 'o["größe"]()', 'o["a b"]()', "f`x`", "o.p.q"],
      ...["for (const x of f) {}", "[...f];", "u.z", "u()", "f.g.h()", "u?.a(); f?.()"],
      ...["class X extends f {}", "(() => f())()", "o.list$()", "f in f", "1 instanceof f", "Symbol() + f"],
    ];
    for (const code of codes) {
      let expected = "";
      try {
        runInNewContext(`let ${variables}; ${code}`);
      } catch (error) {
        expected = String(error);
      }
      assert.notEqual(expected, "", code);
      const shown = (await failure(`// @ts-nocheck\n${code}`)).split("\n")[0];
      if (shown !== expected) different.push([code, shown, expected]);
    }
    assert.deepEqual(different, []);
    assert.match(await failure("throw new Error('Ünïcode ✓ 漢字 🎉')"), /^Error: Ünïcode ✓ 漢字 🎉\n/);
    assert.match(await failure("const n: number = 'ü✓🎉';"), /> 1 \| const n: number = 'ü✓🎉';/);
  });

  it("points at the name that is called, as Node does", async () => {
    await run("const fails = (): void => { throw new Error('x'); };");
    assert.match(await failure("1;\n  fails()"), /at cell \[N\]:2:3$/);
    assert.match(await failure("const o2 = { fails };\no2.fails()"), /at cell \[N\]:2:4$/);
    assert.match(await failure("[1].map(() => fails())"), /at cell \[N\]:1:15\n {4}at cell \[N\]:1:5$/);
  });

  it("in a local file shows the file's own line, and the cell's that led there", async () => {
    const text =
      "interface A { x: number }\n\nexport async function boom(a: A): Promise<never> {\n  await null;\n  throw new Error('in helper ' + a.x);\n}\n";
    await run(`require("fs").writeFileSync("helper.ts", ${JSON.stringify(text)});`);
    const shown = await failure('import { boom } from "./helper";\nawait boom({ x: 1 });');
    assert.match(shown, /helper\.ts, line 5:\n[\s\S]*> 5 \| {3}throw new Error\('in helper ' \+ a\.x\);\n {4}\| {9}\^/);
    assert.match(shown, /cell \[N\], line 2:\n[\s\S]*> 2 \| await boom/);
    assert.match(shown, /at boom \(helper\.ts:5:9\)\n {4}at async cell \[N\]:2:1$/);
    assert.match(
      await printed("void boom({ x: 2 }); await new Promise((r) => setTimeout(r, 50));"),
      /helper\.ts, line 5:/,
    );
    const late = "setTimeout(() => {\n  throw new Error('late');\n}, 1); await new Promise((r) => setTimeout(r, 50));";
    assert.match(await printed(late), /Error: late\ncell \[N\], line 2:[\s\S]*> 2 \| {3}throw/);
  });

  it("of the compiler is said once a mistake, and at most five times", async () => {
    const shown = await failure("unknownThing; unknownThing; unknownThing();");
    assert.equal(shown.match(/Cannot find name/g)?.length, 1);
    const many = await failure(Array.from({ length: 17 }, (_, i) => `const n${i}: number = "s";`).join("\n"));
    assert.equal(many.match(/error TS2322/g)?.length, 5);
    assert.match(many, /… and 12 more$/);
  });

  it("shows its causes, and the first five of many that were gathered", async () => {
    const caused = await failure(
      'throw new Error("outer", { cause: new TypeError("middle", { cause: { code: 7 } }) })',
    );
    assert.match(caused, /Error: outer[\s\S]*Caused by TypeError: middle[\s\S]*Caused by \{ code: 7 \}/);
    const gathered = await failure(
      "throw new AggregateError(Array.from({ length: 9 }, (_, i) => new Error('e' + i)), 'all')",
    );
    assert.match(gathered, /AggregateError: all[\s\S]*\[1\] Error: e0[\s\S]*\[5\] Error: e4[\s\S]*… and 4 more$/);
    assert.doesNotMatch(gathered, /e5/);
  });

  it("that ended a cell is not reported again when a promise fails with it", async () => {
    const { messages } = await run(
      "const twice = new Error('one of a kind'); void Promise.reject(twice); throw twice;",
    );
    await run("await new Promise((r) => setTimeout(r, 50))");
    const all = kernel.log.filter((m) => m.channel === "iopub" && m.header.msg_type === "stream");
    assert.equal(all.filter((m) => m.content.text.includes("one of a kind")).length, 0);
    assert.equal(messages.filter((m) => m.header.msg_type === "error").length, 1);
  });

  it("is shown whatever the code makes of Error.prepareStackTrace and Error.stackTraceLimit", async () => {
    const sites = await run(
      "const original = Error.prepareStackTrace; Error.prepareStackTrace = (_, s) => s; const site = (new Error().stack as any)[0]; Error.prepareStackTrace = original; typeof site.getLineNumber()",
    );
    assert.equal(sites.result, "'number'");
    await run("Error.prepareStackTrace = () => { throw new Error('mine is broken'); };");
    assert.match(await failure("throw new RangeError('still shown')"), /^RangeError: still shown\ncell \[N\], line 1:/);
    await run("Error.prepareStackTrace = original; Error.stackTraceLimit = 0;");
    assert.equal(await failure("throw new RangeError('no stack')"), "RangeError: no stack");
    await run("Error.stackTraceLimit = 10; Error.captureStackTrace(globalThis);");
    assert.match(await failure("throw Object.freeze(new TypeError('frozen'))"), /^TypeError: frozen/);
  });
});
