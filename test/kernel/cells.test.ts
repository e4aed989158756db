/** What cells can do: values, errors, imports, displays, names across cells. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";
import { type Received, TestKernel } from "./client";

describe("A cell", function () {
  this.timeout(120_000);
  let kernel: TestKernel;

  before(async () => {
    kernel = await TestKernel.start();
  });
  after(() => kernel.stop());

  const run = (code: string) => kernel.execute(code);
  const displays = (messages: Received[]) => messages.filter((m) => /display_data/.test(m.header.msg_type));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are escape sequences.
  const plain = (traceback: string[]) => traceback.join("\n").replace(/\x1b\[[\d;]*m/g, "");

  it("uses names of earlier cells in shorthand, also to assign them", async () => {
    await run("let first = 1; const second = { third: 3 }; function fourth() { return 4; }");
    assert.equal(
      (await run("({ first, second, fourth: fourth() })")).result,
      "{ first: 1, second: { third: 3 }, fourth: 4 }",
    );
    assert.equal((await run("(({ fourth }) => fourth())({ fourth })")).result, "4");
    assert.equal((await run("({ first = 9 } = {} as any); first")).result, "9");
  });

  it("shows its last value as Node would print it, and undefined not at all", async () => {
    const values: [string, unknown][] = [
      ...([
        ["1 + 1", 2],
        ["'text'", "text"],
        ["null", null],
        ["false", false],
        ["0", 0],
        ["''", ""],
      ] as [string, unknown][]),
      ...([
        ["[1, [2, { a: 3 }]]", [1, [2, { a: 3 }]]],
        ["new Map([[1, 'x']])", new Map([[1, "x"]])],
      ] as [string, unknown][]),
      ...([
        ["10n", 10n],
        ["Symbol('s')", Symbol("s")],
        ["new Float32Array(3)", new Float32Array(3)],
      ] as [string, unknown][]),
    ];
    for (const [code, value] of values) {
      assert.equal((await run(code)).result, inspect(value), code);
    }
    for (const code of ["undefined", "let unseen = 5;", "void 0", "", "// nothing", "function unseen2() {}"]) {
      const { result, reply } = await run(code);
      assert.equal(result, undefined, code);
      assert.equal(reply.status, "ok", code);
    }
  });

  it("shows a promise that is its last value as it is, and awaits at its top level", async () => {
    assert.equal((await run("Promise.resolve(7)")).result, inspect(Promise.resolve(7)));
    assert.equal((await run("new Promise(() => {})")).result, inspect(new Promise(() => {})));
    assert.equal((await run("await Promise.resolve(7)")).result, "7");
    assert.equal((await run("await (async () => 8)()")).result, "8");
    assert.equal((await run("let sum = 0; for await (const x of [1, Promise.resolve(2)]) sum += x; sum")).result, "3");
    assert.equal((await run("await Promise.reject(new RangeError('late'))")).reply.ename, "RangeError");
  });

  it("sees the names of earlier cells, and may declare them anew with another type", async () => {
    await run("const a = 1; class P { constructor(readonly x: number) {} } interface I { x: number } type T = 'q';");
    assert.equal((await run("const b: I = new P(a); b.x")).result, "1");
    await run("const a = 'now text';");
    assert.equal((await run("a.length")).result, "8");
    await run("namespace N { export const q = 4; export type Q = 4; } enum E { A, B }");
    await run("1");
    assert.equal((await run("const nq: N.Q = N.q; nq + E.B")).result, "5");
    await run("const N = 'no longer a namespace';");
    assert.equal((await run("N.length")).result, "21");
  });

  it("takes code that was written as a module", async () => {
    const code =
      "export const e1 = 1;\nexport default function e2() { return 2; }\nexport class E3 {}\nexport type E4 = 4;";
    assert.equal((await run(`${code}\n[e1, e2(), typeof E3]`)).result, "[ 1, 2, 'function' ]");
    assert.equal((await run("const e4: E4 = 4; e1 + e2() + e4")).result, "7");
  });

  it("keeps what a failed cell declared before it failed", async () => {
    await run("const survivor = 5; throw new Error('x');");
    assert.equal((await run("survivor")).result, "5");
  });

  it("points with an error at the line that threw it, whatever types stand before", async () => {
    const lines = [
      "interface Gone { a: number }",
      "type Also = string;",
      "",
      "function deep(x: Gone | null): number {",
    ];
    const code = [...lines, "  return x!.a;", "}", "const fine: number = 1;", "deep(null);"].join("\n");
    const { reply } = await run(code);
    const count = reply.execution_count;
    assert.equal(reply.ename, "TypeError");
    const text = plain(reply.traceback);
    assert.match(text, new RegExp(`cell \\[${count}\\], line 5:`));
    assert.match(text, /> 5 \| {3}return x!\.a;/);
    assert.match(text, new RegExp(`at deep \\(cell \\[${count}\\]:5:\\d+\\)`));
    assert.match(text, new RegExp(`at cell \\[${count}\\]:8:1`));
    assert.doesNotMatch(text, /node:|tslab|kernel/);
  });

  it("points at line N for an error in line N, synchronous or after an await, in an earlier cell's function too", async () => {
    for (let line = 1; line <= 40; line += 13) {
      for (const before of ["", "await null; "]) {
        const { reply } = await run(`${"// x\n".repeat(line - 1)}${before}throw new Error('here')`);
        assert.match(plain(reply.traceback), new RegExp(`cell \\[${reply.execution_count}\\], line ${line}:`));
      }
    }
    const { reply: defined } = await run("const fails = () => {\n  throw new Error('defined elsewhere');\n};");
    const { reply } = await run("\n\nfails()");
    assert.match(plain(reply.traceback), new RegExp(`cell \\[${defined.execution_count}\\], line 2:`));
    assert.match(plain(reply.traceback), new RegExp(`at cell \\[${reply.execution_count}\\]:3:1`));
  });

  it("shows the reader's own lines when a magic has rewritten the cell", async () => {
    const rewritten = await run("const m = 1;\n%time m + 1\nconst listed = !echo x\nthrow new Error('fourth');");
    const text = plain(rewritten.reply.traceback);
    assert.match(text, /line 4:[\s\S]*3 \| const listed = !echo x\n> 4 \| throw new/);
    const timed = plain((await run("%%timeit -n 1 -r 1\nlet fine = 1;\nunknownName;")).reply.traceback);
    assert.match(timed, /:3:1 - error TS2304/);
    assert.match(timed, /1 \| %%timeit -n 1 -r 1\n {2}2 \| let fine = 1;\n> 3 \| unknownName;/);
    assert.match(plain((await run("%time zzyzx2")).reply.traceback), /\| %time zzyzx2\n {4}\| {7}\^{6}/);
  });

  it("shows compile errors with line, column, source and caret", async () => {
    const { reply, messages } = await run("const ok = 1;\n\tconst bad: number = 'x'; zzyzx;");
    assert.equal(reply.ename, "CompileError");
    const text = plain(reply.traceback);
    assert.match(text, /:2:8 - error TS2322: Type 'string' is not assignable to type 'number'/);
    assert.match(text, /\| \t {6}\^\^\^\n/);
    assert.match(text, /error TS2304: Cannot find name 'zzyzx'/);
    assert.ok(messages.some((m) => m.header.msg_type === "error"));
    assert.equal((await run("const (")).reply.status, "error");
  });

  it("shows causes, gathered errors, fields, and thrown things that are no errors", async () => {
    const caused = plain((await run("throw new Error('outer', { cause: new TypeError('inner') })")).reply.traceback);
    assert.match(caused, /Error: outer[\s\S]*Caused by TypeError: inner/);
    const gathered = plain((await run("await Promise.any([Promise.reject(new Error('one'))])")).reply.traceback);
    assert.match(gathered, /AggregateError[\s\S]*\[1\] Error: one/);
    assert.match(plain((await run("import fs from 'fs'; fs.readFileSync('/none')")).reply.traceback), /code: 'ENOENT'/);
    assert.match((await run("throw { a: 1 }")).reply.evalue, /a: 1/);
    assert.equal((await run("throw undefined")).reply.status, "error");
    assert.equal((await run("throw Object.create(null)")).reply.status, "error");
    assert.equal(
      (await run("const odd = new Error('e'); odd.stack = 5 as any; (odd as any).cause = odd; throw odd")).reply.ename,
      "Error",
    );
  });

  it("prints errors of late code and lives on", async () => {
    const { messages } = await run(
      "setTimeout(() => { throw new Error('from a timer'); }, 1); void Promise.reject(new Error('nobody caught'));",
    );
    const id = messages[0]?.parent.msg_id;
    const text = () =>
      kernel
        .of(id)
        .map((m) => m.content.text ?? "")
        .join("");
    await kernel.wait(() => /from a timer/.test(text()) && /nobody caught/.test(text()));
    assert.equal((await run("1")).result, "1");
  });

  it("prints of a timer go below the cell that set it", async () => {
    const first = await run("setTimeout(() => console.log('from the first'), 150); 1");
    const id = first.messages[0]?.parent.msg_id;
    await run("await new Promise((r) => setTimeout(r, 300))");
    assert.ok(kernel.of(id).some((m) => m.content.text === "from the first\n"));
  });

  it("errors of a timer go below the cell that set it", async () => {
    const first = await run("setTimeout(() => { throw new Error('of the first'); }, 150); 1");
    const id = first.messages[0]?.parent.msg_id;
    const second = await run("await new Promise((r) => setTimeout(r, 300)); console.log('of the second')");
    assert.ok(kernel.of(id).some((m) => /of the first/.test(m.content.text ?? "")));
    assert.equal(second.stdout, "of the second\n");
  });

  it("a promise that fails later is reported below the cell that started it", async () => {
    const first = await run(
      "const failLater = async () => { await new Promise((r) => setTimeout(r, 150)); throw new Error('of the promise'); }; void failLater(); 1",
    );
    const id = first.messages[0]?.parent.msg_id;
    const second = await run("await new Promise((r) => setTimeout(r, 400)); console.log('of the second')");
    assert.ok(kernel.of(id).some((m) => /of the promise/.test(m.content.text ?? "")));
    assert.equal(second.stderr, "");
  });

  it("refuses process.exit with a sentence", async () => {
    assert.match((await run("process.exit(0)")).reply.evalue, /would end the kernel/);
  });

  it("shows objects by their Jupyter.display method, which may be asynchronous and may fail", async () => {
    const show = "[Symbol.for('Jupyter.display')]";
    const { messages } = await run(`({ ${show}: async () => { await null; return { 'text/html': '<b>1</b>' }; } })`);
    const result = messages.find((m) => m.header.msg_type === "execute_result");
    assert.equal(result?.content.data["text/html"], "<b>1</b>");
    assert.equal(typeof result?.content.data["text/plain"], "string");
    const failing = await run(`({ ${show}() { throw new Error('no picture'); } })`);
    assert.match(failing.stderr, /no picture/);
    assert.equal(failing.reply.status, "ok");
    assert.ok(failing.result);
    const bytes = await run("display({ 'image/png': Uint8Array.of(1, 2, 3) }, { raw: true });");
    assert.equal(displays(bytes.messages)[0]?.content.data["image/png"], "AQID");
  });

  it("updates a display in place, by handle and by id, and shows no handle", async () => {
    const { messages, result } = await run(
      "const bar = display('10%', { display_id: 'bar' }); await bar.update('20%'); bar",
    );
    const [first, second] = displays(messages);
    assert.equal(first?.header.msg_type, "display_data");
    assert.equal(second?.header.msg_type, "update_display_data");
    assert.equal(second?.content.transient.display_id, "bar");
    assert.equal(second?.content.data["text/plain"], "'20%'");
    assert.equal(result, undefined);
    const later = await run("await bar.update('done')");
    assert.equal(displays(later.messages)[0]?.content.data["text/plain"], "'done'");
    const cleared = await run("console.log('x'); clear_output({ wait: true });");
    assert.deepEqual(cleared.messages.find((m) => m.header.msg_type === "clear_output")?.content, { wait: true });
  });

  it("runs tslab's display functions and module cells", async () => {
    const { messages } = await run(
      "import * as tslab from 'tslab'; tslab.display.html('<i>y</i>'); tslab.display.png(Buffer.from('p'));",
    );
    assert.deepEqual(
      displays(messages).map((m) => m.content.data),
      [{ "text/html": "<i>y</i>" }, { "image/png": Buffer.from("p").toString("base64") }],
    );
    const two = await run("const d = tslab.newDisplay(); d.text('a'); d.text('b');");
    assert.deepEqual(
      displays(two.messages).map((m) => m.header.msg_type),
      ["display_data", "update_display_data"],
    );
    assert.equal((await run("/** @module mylib */ export const naive = (a: number) => a * 2;")).reply.status, "ok");
    assert.equal((await run("import { naive } from './mylib'; naive(21)")).result, "42");
    assert.equal((await run("/** @module broken */ export const x: number = 'text';")).reply.ename, "CompileError");
  });

  it("imports packages with exports, ES modules, and modules that await at their top level, from the notebook's folder", async () => {
    const make = (name: string, manifest: object, files: Record<string, string>): void => {
      const folder = join(kernel.folder, "node_modules", name);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, "package.json"), JSON.stringify({ name, version: "1.0.0", ...manifest }));
      for (const [file, text] of Object.entries(files)) {
        writeFileSync(join(folder, file), text);
      }
    };
    make(
      "with-exports",
      { exports: { ".": { types: "./t.d.ts", default: "./m.js" }, "./sub": { types: "./s.d.ts", default: "./s.js" } } },
      {
        "m.js": "exports.main = 1;",
        "t.d.ts": "export declare const main: number;",
        "s.js": "exports.sub = 2;",
        "s.d.ts": "export declare const sub: number;",
      },
    );
    make(
      "only-import",
      { type: "module", exports: { import: { types: "./t.d.ts", default: "./m.js" } } },
      {
        "m.js": "export const esm = 3; export default 30;",
        "t.d.ts": "export declare const esm: number; declare const d: number; export default d;",
      },
    );
    make(
      "top-level-await",
      { type: "module", main: "./m.js", types: "./t.d.ts" },
      {
        "m.js": "export const waited = await Promise.resolve(4);",
        "t.d.ts": "export declare const waited: number;",
      },
    );
    make(
      "plain-esm",
      { type: "module", main: "./m.js", types: "./t.d.ts" },
      {
        "m.js": "export default class K { static v = 5; }",
        "t.d.ts": "export default class K { static v: number; }",
      },
    );
    const code = [
      "import K from 'plain-esm';",
      "import { main } from 'with-exports';",
      "import { sub } from 'with-exports/sub';",
      "import d, { esm } from 'only-import';",
      "import { waited } from 'top-level-await';",
      "import { join } from 'node:path';",
      "[main, sub, esm, d, waited, K.v, typeof join]",
    ];
    const { result, reply } = await run(code.join("\n"));
    assert.equal(result, "[ 1, 2, 3, 30, 4, 5, 'function' ]", plain(reply.traceback ?? []));
    assert.equal((await run("(await import('top-level-await')).waited")).result, "4");
    assert.match(
      (await run("import x from 'not-installed'; x")).reply.evalue,
      /There is no package "not-installed" here: "%npm install not-installed" installs it\./,
    );
  });

  it("imports phi3lab in any folder: one copy, typed, completed", async () => {
    const { result, reply } = await run("import * as phi3lab from 'phi3lab'; typeof phi3lab");
    assert.equal(result, "'object'", plain(reply.traceback ?? []));
    assert.equal((await run("(await import('phi3lab')) === phi3lab")).result, "true");
    assert.match((await run("phi3lab.noSuchName")).reply.evalue, /Property 'noSuchName' does not exist/);
    const code = "phi3lab.";
    const { matches } = await kernel.request("shell", "complete_request", { code, cursor_pos: code.length });
    assert.ok(matches.length > 0);
  });

  it("knows Node's types and globals without an import", async () => {
    const { reply } = await run(
      "const n: NodeJS.Platform = process.platform; new URL('x:y'); Buffer.from('x'); [2, 1].toSorted(); n.length",
    );
    assert.equal(reply.status, "ok", plain(reply.traceback ?? []));
  });

  it("stays typed and right over 100 cells", async () => {
    for (let i = 0; i < 100; i++) {
      await kernel.submit(i === 0 ? "let v0 = 0;" : `let v${i} = v${i - 1} + 1;`);
    }
    assert.equal((await kernel.execute("v99", {}, 60_000)).result, "99");
    await sleep(0);
  });
});
