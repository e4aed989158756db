/** Tab on values whose types do not name their keys: the keys that they have at run time. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { liveKeys } from "../../../kernel/engine/run/keys";
import { TestKernel } from "../client";
import { complete } from "./asker";

const cell = `const parsed = JSON.parse('{"beta": {"deep": [{"x": 1}]}, "alpha": 1, "odd key": 2, "q\\\\"uote": 3, "item10": 1, "item2": 1}');
const counts: Record<string, number> = { red: 1, green: 2 };
const ages = new Map<string, number>([["Ada", 36], ["Alan", 41]]);
interface Open { size: number; [key: string]: unknown }
const open: Open = { size: 1, weight: 2 };
const closed: { size: number } = JSON.parse('{ "size": 1, "hidden": 2 }');
const ran: string[] = [];
class Pen { ink = 1; #cap = 2; static kinds = 3; get trap() { ran.push("trap"); return 1; } draw() { return this.#cap; } }
const pen: unknown = new Pen(); const anyPen: any = pen; const Loose: any = Pen;
const traps: any = { get inner() { ran.push("inner"); return { x: 1 }; }, plain: { y: 1 } };
const proxy: any = new Proxy({ a: 1 }, { ownKeys() { ran.push("keys"); return ["a"]; }, get() { ran.push("get"); }, getOwnPropertyDescriptor() { ran.push("own"); return undefined; }, getPrototypeOf() { ran.push("proto"); return null; } });
const list: any = [1, 2]; const words: any = "text"; const bytes: any = new Uint8Array(1e7);
const big: any = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [\`key\${i}\`, i]));
const nothing: any = null; let later: any;
globalThis.shared = { fromGlobal: 1 };`;

/** A text with its mark, and all that is offered. */
const exact: [text: string, matches: string[]][] = [
  ["parsed.│", ["alpha", "beta", "item2", "item10"]],
  ["parsed?.al│", ["alpha"]],
  ["parsed.AL│", ["alpha"]],
  ["parsed.beta.│", ["deep"]],
  ["parsed.beta.deep[0].│", ["x"]],
  ["(parsed as any)!.beta['│", ["deep"]],
  ['parsed["│', ["alpha", "beta", "item2", "item10", "odd key", 'q\\"uote']],
  ["parsed['q│", ['q"uote']],
  ['parsed["o│"]', ["odd key"]],
  ["parsed[`be│`]", ["beta"]],
  ["counts.│", ["green", "red"]],
  ['counts["gr│"]', ["green"]],
  ['ages.get("│")', ["Ada", "Alan"]],
  ['ages.has("Al│', ["Alan"]],
  ["open.│", ["size", "weight"]],
  ["closed.│", ["size"]],
  ['closed["│', ["size", "hidden"]],
  ["pen.│", ["draw", "ink", "trap"]],
  ["anyPen.dr│", ["draw"]],
  ["Loose.│", ["kinds"]],
  ["traps.│", ["inner", "plain"]],
  ["traps.plain.│", ["y"]],
  ["traps.inner.│", []],
  ["anyPen.trap.│", []],
  ["proxy.│", []],
  ["words.toUpp│", ["toUpperCase"]],
  ["list.toSor│", ["toSorted"]],
  ['bytes["│', []],
  ["nothing.│", []],
  ["later.│", []],
  ["shared.│", ["fromGlobal"]],
  ["process.env.HO│", ["HOME"]],
  ["Out[1].│", ["fromGlobal"]],
  ["((parsed: any) => { parsed.│ })", []],
  ["for (const parsed of [0 as any]) { parsed.│ }", []],
  ["const { parsed } = await import('fs') as any; parsed.nope.│", []],
  ["// parsed.│", []],
];

describe("Tab on a live value", function () {
  this.timeout(120_000);
  let kernel: TestKernel;

  before(async () => {
    kernel = await TestKernel.start({ env: { HOME: "/home/reader" } });
    const { reply } = await kernel.execute(`%typecheck warn\n${cell}`);
    assert.equal(reply.status, "ok", reply.evalue);
    await kernel.execute("%typecheck error");
  });
  after(() => kernel.stop());

  for (const [text, matches] of exact) {
    it(`offers ${matches.join(", ") || "nothing"} at ${text}`, async () => {
      assert.deepEqual((await complete(kernel, text)).matches, matches);
    });
  }

  it("offers keys in quotes behind a bracket, before the names of the session", async () => {
    const { matches } = await complete(kernel, "counts[│");
    assert.deepEqual(matches.slice(0, 2), ['"green"', '"red"']);
    assert.ok(matches.includes("parsed"));
  });

  it("offers the first thousand of many keys, each once", async () => {
    const { matches } = await complete(kernel, "big.│");
    assert.deepEqual([matches.length, new Set(matches).size], [1_000, 1_000]);
    assert.deepEqual(matches.slice(0, 3), ["key0", "key1", "key2"]);
    assert.deepEqual((await complete(kernel, "big.key499│")).matches.length, 11);
  });

  it("offers keys beyond the type where cells run with type errors", async () => {
    await kernel.execute("%typecheck off");
    assert.deepEqual((await complete(kernel, "closed.│")).matches, ["size", "hidden"]);
    await kernel.execute("%typecheck error");
  });

  it("offers the keys of the last value", async () => {
    await kernel.execute("({ lastOfAll: 1 }) as any");
    assert.deepEqual((await complete(kernel, "_.│")).matches, ["lastOfAll"]);
  });

  it("sees what a cell that awaits has done so far", async () => {
    const id = await kernel.submit(
      'later = { soFar: 1 }; console.log("in"); await new Promise((r) => setTimeout(r, 3000));',
    );
    await kernel.wait(() => kernel.of(id).find((m) => m.content.text?.includes("in")));
    assert.deepEqual((await complete(kernel, "later.│")).matches, ["soFar"]);
    await kernel.finished(id);
  });

  it("has run no getter and no trap of a proxy", async () => {
    assert.equal((await kernel.execute("ran")).result, "[]");
  });
});

describe("The keys of a live value", () => {
  const keys = (value: unknown): string[] => {
    const query = { path: ["it"], of: "keys", inherited: true, prefix: "" } as const;
    return liveKeys(() => value, query).map(({ text }) => text);
  };

  it("are a thousand at most, and of a list none: its elements go by number", () => {
    assert.deepEqual(
      keys(Array(1e7).fill(0)).filter((key) => /\d/.test(key)),
      [],
    );
    const large = Object.fromEntries(Array.from({ length: 1e6 }, (_, i) => [`key${i}`, i]));
    const first = keys(large);
    assert.equal(first.length, 1_000);
    assert.deepEqual(keys(large), first);
  });

  it("of what refuses to be looked at are none", () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    for (const value of [proxy, Object.create(proxy), undefined, Symbol("s"), 5n])
      assert.ok(Array.isArray(keys(value)), typeof value);
    assert.deepEqual(keys(proxy), []);
  });

  it("come in IPython's order, but for numbers in them, which count", function () {
    const python = join(__dirname, "../../../.venv/bin/python");
    if (!existsSync(python)) this.skip();
    const program = `
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.completer import provisionalcompleter
shell = InteractiveShell.instance()
shell.run_cell('d = {"beta": 1, "alpha": 2, "odd key": 3, "item2": 4}', silent=True)
with provisionalcompleter():
    print("\\n".join(c.text for c in shell.Completer.completions('d["', 3)))`;
    const theirs = execFileSync(python, ["-c", program], { encoding: "utf8" }).trim().split("\n");
    assert.deepEqual(keys({ beta: 1, alpha: 2, "odd key": 3, item2: 4 }), theirs);
  });
});
