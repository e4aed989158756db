/** What a cell can import, and what it sees of it when the disk changes. */
import assert from "node:assert/strict";
import { rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { EngineSession, withoutColours } from "./session";

describe("An import of a cell", function () {
  this.timeout(120_000);
  let session: EngineSession;
  beforeEach(() => {
    session = new EngineSession();
  });
  afterEach(() => session.remove());

  it("finds a local file by any spelling of its path", async () => {
    session.write({
      "hello.ts": 'export const hello = (w: string) => "hello " + w;',
      "comp.tsx": "export const n: number = 4;",
      "mod.mts": "export const mm: number = 3;",
      "old.cts": "const c: number = 5;\nexport = { c };",
      "lib/index.ts": "export default class K { static v = 6 }",
      "plain.js": "export const p = 7;",
    });
    const cells: [string, unknown][] = [
      ['import { hello } from "./hello.ts"; hello("x")', "hello x"],
      ['import { hello as h2 } from "./hello.js"; h2("y")', "hello y"],
      ['import { hello as h3 } from "./hello"; h3 === hello', true],
      ['import { n } from "./comp"; n', 4],
      ['import { mm } from "./mod.mjs"; mm', 3],
      ['import old from "./old.cjs"; old.c', 5],
      ['import K from "./lib"; K.v', 6],
      ['import { p } from "./plain.js"; p', 7],
      ['(await import("./comp.tsx")).n', 4],
    ];
    for (const [code, value] of cells) assert.equal(await session.run(code), value, code);
  });

  it("shows exports as they are now", async () => {
    session.write({ "counter.ts": "export let count = 0;\nexport function inc() { count++; }" });
    assert.equal(await session.run('import { count, inc } from "./counter"; inc(); count'), 1);
    await session.run("inc(); inc()");
    assert.equal(await session.run("count"), 3);
  });

  it("reads a changed file anew, and what imports it, and leaves the others as they are", async () => {
    const log = (name: string) => `(globalThis as any).ran.push("${name}");`;
    session.write({
      "leaf.ts": `export const leaf = 1; ${log("leaf")}`,
      "middle.ts": `import { leaf } from "./leaf"; export const middle = leaf * 10; ${log("middle")}`,
      "other.ts": `export const other = {}; ${log("other")}`,
      "top.ts": `import { middle } from "./middle"; import { other } from "./other"; export const top = middle + 1; export { other }; ${log("top")}`,
    });
    await session.run("(globalThis as any).ran = []; const ran: string[] = (globalThis as any).ran;");
    assert.equal(await session.run('import { top, other } from "./top"; top'), 11);
    await session.run("const before = other;");
    assert.deepEqual(await session.run("ran.splice(0)"), ["leaf", "middle", "other", "top"]);
    await session.run('import { top } from "./top"; import { middle } from "./middle";');
    assert.deepEqual(await session.run("ran.splice(0)"), []);
    for (const value of [2, 3, 4]) {
      session.write({ "leaf.ts": `export const leaf = ${value}; ${log("leaf")}` });
      assert.equal(await session.run('import { top, other } from "./top"; top'), value * 10 + 1);
      assert.deepEqual(await session.run("ran.splice(0)"), ["leaf", "middle", "top"]);
      assert.equal(await session.run("other === before"), true);
    }
  });

  it("is never old, however soon after a change it comes", async () => {
    for (let version = 0; version < 20; version++) {
      session.write({ "hv.ts": `export const version = ${version};` });
      assert.equal(await session.run('import { version } from "./hv"; version'), version);
    }
  });

  it("works on the first try after the file or the package was made, where it failed before", async () => {
    const found = 'import { a } from "./later"; a';
    await assert.rejects(session.run(found));
    session.write({ "later.ts": "export const a = 1;" });
    assert.equal(await session.run(found), 1);
    const packaged = 'import { b } from "made-later"; b';
    await assert.rejects(session.run(packaged), /There is no package "made-later" here: "%npm install made-later"/);
    await assert.rejects(session.run("require('made-later')"), /There is no package "made-later" here/);
    await assert.rejects(session.run("await import('made-later' as string)"), /There is no package "made-later" here/);
    session.install("made-later", { main: "lib/m.js" }, { "lib/m.js": "exports.b = 2;" });
    assert.equal(await session.run(packaged), 2);
    assert.equal(await session.run("require('made-later').b"), 2);
    assert.equal(await session.run("(await import('made-later' as string)).b"), 2);
  });

  it("of files that import each other gives what there is so far, and ends", async () => {
    session.write({
      "even.ts":
        'import { odd } from "./odd"; export function even(n: number): boolean { return n === 0 || odd(n - 1); } export const evenAt = 2;',
      "odd.ts":
        'import { even, evenAt } from "./even"; export function odd(n: number): boolean { return n !== 0 && even(n - 1); } export const later = () => evenAt;',
      "self.ts": 'import * as self from "./self"; export const me = () => self; export const v = 1;',
    });
    assert.equal(await session.run('import { odd, later } from "./odd"; odd(7) && later() === 2'), true);
    const both = 'const [o, e] = await Promise.all([import("./odd"), import("./even")]); o.odd(4) || e.even(3)';
    session.write({
      "even.ts":
        'import { odd } from "./odd"; export const even = (n: number): boolean => n === 0 || odd(n - 1); export const evenAt = 3;',
    });
    assert.equal(await session.run(both), false);
    assert.equal(await session.run('import { me } from "./self"; me().v'), 1);
  });

  it("takes JSON without being told, and reads it anew when it has changed", async () => {
    session.write({ "d.json": '{ "k": 42, "not a name": 1 }', "list.json": "[1, 2]" });
    assert.equal(await session.run('import d, { k } from "./d.json"; d.k + k'), 84);
    assert.deepEqual(await session.run('import list from "./list.json" with { type: "json" }; list'), [1, 2]);
    session.write({ "d.json": '{ "k": 43 }' });
    assert.equal(await session.run('import e from "./d.json"; e.k'), 43);
    session.write({ "bad.json": "{" });
    await assert.rejects(session.run('await import("./bad.json" as string)'), /bad\.json: .*JSON/);
  });

  it("knows phi3lab and tslab in any folder, one copy of each, by import and by require", async () => {
    assert.equal(await session.run("import * as lab from 'phi3lab'; typeof lab.AutoTokenizer"), "function");
    assert.equal(await session.run("(await import('phi3lab')) === lab"), true);
    assert.equal(await session.run("require('phi3lab').AutoTokenizer === lab.AutoTokenizer"), true);
    assert.equal(await session.run("import * as tslab from 'tslab'; require('tslab').display === tslab.display"), true);
    session.write({ "uses.ts": 'import { AutoTokenizer } from "phi3lab"; export const same = AutoTokenizer;' });
    assert.equal(await session.run("import { same } from './uses'; same === lab.AutoTokenizer"), true);
  });

  it("takes the default of a CommonJS package as Node does, and as its types say where a compiler made it", async () => {
    session.install("plain-cjs", { main: "m.js" }, { "m.js": "module.exports = Object.assign(() => 5, { x: 6 });" });
    assert.equal(await session.run("import p, { x } from 'plain-cjs'; p() + x"), 11);
    const marked =
      "Object.defineProperty(exports, '__esModule', { value: true }); exports.default = class X {}; exports.y = 2;";
    session.install("marked-cjs", { main: "m.js" }, { "m.js": marked });
    assert.equal(await session.run("import X, { y } from 'marked-cjs'; [typeof X, X.name, y].join()"), "function,X,2");
    session.write({ "uses.ts": "import X from 'marked-cjs'; export const made = new X();" });
    assert.equal(await session.run("import { made } from './uses'; made instanceof X"), true);
  });

  it("follows links to packages of TypeScript, and the paths of tsconfig.json", async () => {
    session.write({
      "packages/lib/package.json": '{"name":"@w/lib","version":"1.0.0","main":"src/index.ts","types":"src/index.ts"}',
      "packages/lib/src/index.ts": 'export const fromWs: string = "workspace";',
      "node_modules/@w/.keep": "",
      "lib/al.ts": "export const aliased = 7;",
      "tsconfig.json": '{ "compilerOptions": { "paths": { "@lib/*": ["./lib/*"] } } }',
    });
    symlinkSync("../../packages/lib", join(session.folder, "node_modules/@w/lib"));
    assert.equal(await session.run('import { fromWs } from "@w/lib"; fromWs'), "workspace");
    assert.equal(await session.run('import { aliased } from "@lib/al"; aliased'), 7);
  });

  it("evaluates a CommonJS file with what it requires, anew when that has changed", async () => {
    session.write({
      "a.cjs": "exports.a = require('./b.cjs').b + 1; exports.where = __dirname;",
      "b.cjs": "exports.b = 1;",
      "esm.mjs": "export const m = 9;",
    });
    assert.equal(await session.run("import { a } from './a.cjs'; a"), 2);
    session.write({ "b.cjs": "exports.b = 5;" });
    assert.equal(await session.run("import { a } from './a.cjs'; a"), 6);
    assert.equal(await session.run("require('./a.cjs').where"), session.folder);
    assert.equal(await session.run("require('./esm.mjs').m"), 9);
  });

  it("gives import.meta, __dirname and require the notebook's folder, and a file its own", async () => {
    session.write({
      "sub/m.ts":
        "export const url = import.meta.url; export const dirname = import.meta.dirname; export const near = import.meta.resolve('./x.js');",
    });
    assert.equal(await session.run("import.meta.dirname"), session.folder);
    assert.equal(await session.run("__dirname"), session.folder);
    assert.equal(
      await session.run('new URL("./data.csv", import.meta.url).pathname'),
      join(session.folder, "data.csv"),
    );
    assert.equal(await session.run('import.meta.resolve("fs")'), "node:fs");
    assert.equal(await session.run("import * as m from './sub/m'; m.dirname"), join(session.folder, "sub"));
    assert.equal(await session.run("m.near"), `file://${join(session.folder, "sub/x.js")}`);
  });

  it("works in text that a cell or a file evaluates", async () => {
    session.write({
      "evals.ts": "export const load = new Function('id', 'return import(id)') as (id: string) => Promise<any>;",
    });
    assert.equal(
      typeof (await session.run("(await new Function('return import(\"fs\")')()).readFileSync")),
      "function",
    );
    assert.equal(typeof (await session.run("(await eval('import(\"fs\")')).readFileSync")), "function");
    assert.equal(
      typeof (await session.run("import { load } from './evals'; (await load('fs')).readFileSync")),
      "function",
    );
  });

  it("lets a cell declare names that it is given", async () => {
    assert.equal(await session.run('const __dirname = "mine"; const require = 5; __dirname + require'), "mine5");
  });

  it("brings the names of another module with export * and export { a as b }", async () => {
    await session.run('export * from "fs"');
    assert.equal(await session.run("typeof readFileSync"), "function");
    await session.run("const a1 = 5");
    await session.run("export { a1 as zz }");
    assert.equal(await session.run("zz"), 5);
  });

  it("warns once of what is wrong in tsconfig.json, and goes by the rest", async () => {
    session.write({ "tsconfig.json": '{\n  "compilerOptions": { "strict": true, "stric": 1, "target": "es3000" }\n}' });
    session.written = "";
    assert.equal(await session.run("1 + 1"), 2);
    const warned = withoutColours(session.written);
    assert.match(warned, /tsconfig\.json:2:40 - TS5025: Unknown compiler option 'stric'\. Did you mean 'strict'/);
    assert.match(warned, /tsconfig\.json:2:62 - TS6046: Argument for '--target' option must be/);
    assert.match(
      await session.failure("function f(s: string | undefined) { return s.length; }"),
      /possibly 'undefined'/,
    );
    session.written = "";
    await session.run("2 + 2");
    assert.equal(session.written, "");
    session.write({ "tsconfig.json": '{ "compilerOptions": { "strict": true ' });
    await session.run("3 + 3");
    assert.match(withoutColours(session.written), /tsconfig\.json:1:\d+ - TS1005: '}' expected/);
    rmSync(join(session.folder, "tsconfig.json"));
  });

  it("warns of a type error in a local file that runs all the same, with file, line and column", async () => {
    session.write({ "typeerr.ts": 'export const ok = 1;\nexport function f(): number { return "no"; }\n' });
    assert.equal(await session.run('import { ok } from "./typeerr"; ok'), 1);
    assert.match(session.written, /^typeerr\.ts:2:31 - TS2322: Type 'string' is not assignable to type 'number'\.\n$/);
  });

  it("says where a local file does not compile, with its line", async () => {
    session.write({ "broken.ts": "export const a = 1;\nexport const b = ;\n" });
    const shown = await session.failure('import { a } from "./broken"; a');
    assert.match(
      shown,
      /broken\.ts:2:18 - error TS1109: Expression expected\.\n {2}1 \| .*\n> 2 \| export const b = ;\n {4}\| {18}\^/,
    );
  });

  it("may fail while it runs, and runs anew the next time", async () => {
    session.write({
      "once.ts":
        "const g = globalThis as any; g.tries = (g.tries ?? 0) + 1; if (g.tries === 1) throw new Error('first'); export const tries = g.tries as number;",
    });
    await assert.rejects(session.run('import { tries } from "./once"; tries'), /first/);
    assert.equal(await session.run('import { tries } from "./once"; tries'), 2);
  });

  it("says in one sentence what to type for what is not there", async () => {
    const cells: [string, RegExp][] = [
      ["import x from 'left-pad'", /"%npm install left-pad" installs it\./],
      ["import x from 'lodash/fp'", /"%npm install lodash" installs it\./],
      ["import x from '@scope/x/y'", /"%npm install @scope\/x" installs it\./],
      ["await import('left-pad' as string)", /"%npm install left-pad" installs it\./],
      ["require('left-pad')", /"%npm install left-pad" installs it\./],
      ['import { nanoid } from "npm:nanoid@5"', /"%npm install nanoid@5" installs this one, then import "nanoid"/],
      ["await import('npm:nanoid@5' as string)", /"%npm install nanoid@5" installs this one/],
      ["await import('https://esm.sh/x' as string)", /not loaded from the network/],
      ["require('./nowhere')", /Cannot find module '\.\/nowhere' from the notebook's folder\.$/],
      ["await import('./nowhere' as string)", /Cannot find module '\.\/nowhere' from the notebook's folder\.$/],
    ];
    for (const [code, message] of cells) await assert.rejects(session.run(code), message, code);
    session.install(
      "needs-peer",
      { type: "module", main: "m.js" },
      { "m.js": "import { z } from '@a/peer/x'; export const a = z" },
    );
    session.install("needs-old", { main: "m.js" }, { "m.js": "exports.a = require('peer2')" });
    const needs = (name: string, peer: string) =>
      new RegExp(
        `"${name}" needs the package "${peer}", which is not there: "%npm install ${peer}" installs it; then restart`,
      );
    await assert.rejects(session.run("await import('needs-peer' as string)"), needs("needs-peer", "@a/peer"));
    await assert.rejects(session.run("await import('needs-old' as string)"), needs("needs-old", "peer2"));
  });
});
