// biome-ignore-all lint/suspicious/noTemplateCurlyInString: texts of cells.
/** Notebooks of tslab run here: what tslab documents, in the real kernel, in one session. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Content, TestKernel } from "./client";
import type { Behaviour } from "./tslab/behaviour";
import { files, modules } from "./tslab/modules";
import { types } from "./tslab/types";
import { values } from "./tslab/values";

describe("A notebook of tslab", function () {
  this.timeout(60_000);
  let kernel: TestKernel;

  before(async () => {
    kernel = await TestKernel.start();
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(kernel.folder, name)), { recursive: true });
      writeFileSync(join(kernel.folder, name), text);
    }
  });
  after(() => kernel.stop());

  function check(behaviours: readonly Behaviour[]): void {
    for (const [sentence, ...steps] of behaviours)
      it(sentence, async () => {
        for (const [code, shows] of steps) {
          const { reply, result } = await kernel.execute(code);
          if (shows instanceof RegExp)
            assert.match(`${reply.status} ${reply.evalue}`, new RegExp(`error.*${shows.source}`, "s"));
          else assert.deepEqual([reply.status, result], ["ok", shows], `${code}\n${reply.evalue ?? ""}`);
        }
      });
  }

  describe("has values and variables:", () => check(values));
  describe("has types:", () => check(types));
  describe("has modules:", () => check(modules));

  describe("has the module tslab:", () => {
    /** What the displays of a cell show. */
    async function shown(code: string): Promise<{ types: string[]; data: Content[] }> {
      const { messages, reply } = await kernel.execute(`import * as tslab from "tslab"; ${code}`);
      assert.equal(reply.status, "ok", reply.evalue);
      const displays = messages.filter((m) => /display_data$/.test(m.header.msg_type));
      return { types: displays.map((m) => m.header.msg_type), data: displays.map((m) => m.content.data) };
    }
    const base64 = Buffer.from("bytes").toString("base64");
    const kinds: [name: string, argument: string, data: Content][] = [
      ["html", "'<b>x</b>'", { "text/html": "<b>x</b>" }],
      ["markdown", "'# x'", { "text/markdown": "# x" }],
      ["latex", "'$x$'", { "text/latex": "$x$" }],
      ["svg", "'<svg/>'", { "image/svg+xml": "<svg/>" }],
      ["javascript", "'alert(1)'", { "text/javascript": "alert(1)" }],
      ["text", "'x'", { "text/plain": "x" }],
      ["png", "Buffer.from('bytes')", { "image/png": base64 }],
      ["jpeg", "Buffer.from('bytes')", { "image/jpeg": base64 }],
      ["gif", "new Uint8Array(Buffer.from('bytes'))", { "image/gif": base64 }],
      ["pdf", "Buffer.from('bytes')", { "application/pdf": base64 }],
      ["raw", "'application/json', '{}'", { "application/json": "{}" }],
    ];
    for (const [name, argument, data] of kinds)
      it(`display.${name} shows its kind`, async () => {
        assert.deepEqual((await shown(`tslab.display.${name}(${argument});`)).data, [data]);
      });

    it("newDisplay shows in one place, which each further call changes", async () => {
      const { types: how, data } = await shown(
        "const bar = tslab.newDisplay(); for (const n of [1, 2, 3]) bar.text(`progress: ${n}%`);",
      );
      assert.deepEqual(how, ["display_data", "update_display_data", "update_display_data"]);
      assert.deepEqual(data.at(-1), { "text/plain": "progress: 3%" });
    });

    it("versions names tslab's, TypeScript's and Node's", async () => {
      const { result } = await kernel.execute('import * as tslab from "tslab"; JSON.stringify(tslab.versions)');
      const versions = JSON.parse((result ?? "").slice(1, -1)) as Record<string, string>;
      assert.deepEqual(Object.keys(versions).sort(), ["node", "tslab", "typescript"]);
      assert.equal(versions.node, process.version);
      assert.equal(versions.tslab, "1.0.22");
    });
  });

  describe("can be written with help:", () => {
    async function complete(marked: string): Promise<string[]> {
      const cursor_pos = marked.indexOf("│");
      const code = marked.replace("│", "");
      return (await kernel.request("shell", "complete_request", { code, cursor_pos })).matches as string[];
    }
    async function inspect(marked: string): Promise<string> {
      const cursor_pos = marked.indexOf("│");
      const request = { code: marked.replace("│", ""), cursor_pos, detail_level: 0 };
      return String((await kernel.request("shell", "inspect_request", request)).data["text/plain"] ?? "");
    }

    const completions: [sentence: string, code: string, some: string[], none?: string[]][] = [
      ["members of a value", "let o1 = { alpha: 1, beta: 2 }; o1.│", ["alpha", "beta"]],
      ["members that begin so", "let o2 = { abcde: 1, abzzz: 2, xyz: 3 }; o2.ab│", ["abcde", "abzzz"], ["xyz"]],
      ["members of an imported module", 'import * as os from "os"; os.cp│', ["cpus"]],
      [
        "missing properties of an object",
        "interface P1 { alpha: number; beta: number } let p1: P1 = { alpha: 1, │ }",
        ["beta"],
        ["alpha"],
      ],
      ["globals", "Arr│", ["Array", "ArrayBuffer"]],
      ["variables of the cell", "let variableOfMine = 1; variableO│", ["variableOfMine"]],
      ["the strings that a type allows", "let side: 'left' | 'right' = '│'", ["left", "right"], ["Array"]],
    ];
    for (const [sentence, code, some, none = []] of completions)
      it(`completion offers ${sentence}`, async () => {
        const matches = await complete(code);
        for (const name of some) assert.ok(matches.includes(name), `${name} in ${matches.slice(0, 20)}`);
        for (const name of none) assert.ok(!matches.includes(name), name);
      });

    it("completion offers nothing in a comment", async () => {
      assert.deepEqual(await complete("// Arr│"), []);
    });

    it("inspection shows the type and the documentation of a name", async () => {
      const text = await inspect("/** xyz is a great variable */\nlet xyz = 10;\nxy│z");
      assert.match(text, /let xyz: number/);
      assert.match(text, /xyz is a great variable/);
    });

    it("inspection shows a method of the language with its parameters", async () => {
      assert.match(
        await inspect("'abc'.inde│xOf('b')"),
        /String\.indexOf\(searchString: string, position\?: number.*\): number/,
      );
    });

    it("an open function stays open after empty lines, on purpose: tslab takes those for its end and runs it, to fail", async () => {
      const { status } = await kernel.request("shell", "is_complete_request", { code: "function f() {\n\n" });
      assert.equal(status, "incomplete");
    });

    it("a console knows which text is complete, and how far to indent the next line", async () => {
      const ask = (code: string) => kernel.request("shell", "is_complete_request", { code });
      for (const code of ["let x = 10", "function f() {\n}", "class C {\n}", "  \n  "])
        assert.equal((await ask(code)).status, "complete", JSON.stringify(code));
      const open: [code: string, indent: string][] = [
        ["function f() {", "  "],
        ["function f() {\n  f()", "  "],
        ["fn(x,\n   y", "   "],
        ["let x = y +", ""],
        ["  function f() {", "    "],
      ];
      for (const [code, indent] of open) {
        const { status, indent: given } = await ask(code);
        assert.deepEqual([status, given], ["incomplete", indent], JSON.stringify(code));
      }
    });
  });

  it("can be stopped while it awaits, and goes on", async () => {
    const id = await kernel.submit("await new Promise((resolve) => setTimeout(resolve, 20_000));");
    await kernel.wait(() => kernel.of(id).find((m) => m.header.msg_type === "execute_input"));
    await kernel.request("control", "interrupt_request");
    assert.equal((await kernel.finished(id)).reply.ename, "KeyboardInterrupt");
    assert.equal((await kernel.execute("6 * 7")).result, "42");
  });

  it("costs little: twenty cells that add to a variable run in a moment", async () => {
    await kernel.execute("let added = 0;");
    const begun = Date.now();
    for (let i = 1; i <= 20; i++) await kernel.execute(`added += ${i};`);
    assert.equal((await kernel.execute("added")).result, "210");
    assert.ok(Date.now() - begun < 10_000, `${Date.now() - begun} ms`);
  });
});

describe("A notebook of jslab", function () {
  this.timeout(60_000);
  let kernel: TestKernel;

  before(async () => {
    kernel = await TestKernel.start({ command: (argv) => [...argv, "--javascript"] });
  });
  after(() => kernel.stop());

  const behaviours: Behaviour[] = [
    ["has the module tslab by require", ["const tslab = require('tslab'); typeof tslab.display.html", "'function'"]],
    [
      "assigns properties in a constructor without a declaration",
      [
        "class Hello { constructor(name) { this.name = name; } say() { return `Hello, ${this.name}`; } } new Hello('jslab').say()",
        "'Hello, jslab'",
      ],
    ],
    [
      "takes modules by require and by import",
      ["let os = require('os'); typeof os.cpus()", "'object'"],
      ["import * as path from 'path'; path.basename('a/b')", "'b'"],
    ],
    ["awaits at the top of a cell", ["await Promise.resolve('later')", "'later'"]],
    [
      "assigns values of another type: jslab says a type error there, this kernel checks no JavaScript, on purpose",
      ["let x = 123; x += ' hello'; x", "'123 hello'"],
    ],
    ["takes types in comments", ["/** @type {any} */ let y = 123; y += ' hello'; y", "'123 hello'"]],
  ];
  for (const [sentence, ...steps] of behaviours)
    it(sentence, async () => {
      for (const [code, shows] of steps) {
        const { reply, result } = await kernel.execute(code);
        assert.deepEqual([reply.status, result], ["ok", shows], `${code}\n${reply.evalue ?? ""}`);
      }
    });
});
