/** Tab, wherever something is typed: what is offered, and what it replaces. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { TestKernel } from "../client";
import { complete } from "./asker";

const files: Record<string, string> = {
  "data.csv": "",
  "data/rows.json": "[]",
  "models/tiny/config.json": "{}",
  "with space.txt": "",
  "helper.ts": "export const aid = 1;",
  "node_modules/left-lib/package.json": '{ "name": "left-lib", "version": "1.0.0", "types": "index.d.ts" }',
  "node_modules/left-lib/index.d.ts": "export declare function padLeft(text: string): string;",
  "node_modules/@some/scoped/package.json": '{ "name": "@some/scoped", "version": "1.0.0" }',
  "node_modules/.bin/left": "",
};

const cell = `import { AutoModelForCausalLM, pipeline } from "phi3lab"; import fs from "node:fs";
interface ShadeOptions { mode?: "fast" | "exact"; depth?: number }
function shade(colour: "red" | "green", options?: ShadeOptions) {}
function load(config_path: string, label = "") {}
class Brush { size = 1; draw() { return this; } static readonly kinds = 2; }
const brush = new Brush(); const loose: any = 5;`;

/** A text with its mark, all that is offered, and what that replaces. */
const exact: [text: string, matches: string[], replaced: string][] = [
  // Members and names.
  ["brush.│", ["draw", "size"], ""],
  ["brush?.dr│", ["draw"], "dr"],
  ["brush.draw().si│", ["size"], "si"],
  ["const { si│ } = brush", ["size"], "si"],
  ["bru│", ["brush"], "bru"],
  ["BRU│", ["Brush", "brush"], "BRU"],
  [`const s = \`\${bru│}\``, ["brush"], "bru"],
  ["let b: Bru│", ["Brush"], "Bru"],
  // Options.
  ['shade("│")', ["green", "red"], ""],
  ['shade("r│', ["red"], "r"],
  ['shade("red", { │ })', ["depth", "mode"], ""],
  ['shade("red", { mode: "ex│" })', ["exact"], "ex"],
  ['AutoModelForCausalLM.from_pretrained("x", { device: "c│" })', ["cpu", "cuda"], "c"],
  ['AutoModelForCausalLM.from_pretrained("x", { dev│', ["device", "device_map"], "dev"],
  // Modules.
  ['import x from "left│"', ["left-lib"], "left"],
  ['import x from "@some/│"', ["@some/scoped"], "@some/"],
  ['import x from "phi3│', ["phi3lab"], "phi3"],
  ['const x = await import("node:fs/│")', ["node:fs/promises"], "node:fs/"],
  ['import { pad│ } from "left-lib"', ["padLeft"], "pad"],
  ['import { aid } from "./he│"', ["helper"], "he"],
  ['require("./da│")', ["data"], "da"],
  // Files.
  ['AutoModelForCausalLM.from_pretrained("mod│")', ["models/"], "mod"],
  ['AutoModelForCausalLM.from_pretrained("./models/│', ["tiny/"], ""],
  ['AutoModelForCausalLM.from_pretrained("x", { cache_dir: "mo│" })', ["models/"], "mo"],
  ['pipeline("text-generation", "models/t│")', ["tiny/"], "t"],
  ['pipeline("│")', [], ""],
  ['fs.readFileSync("da│")', ["data.csv", "data/"], "da"],
  ["fs.createReadStream(`data/│`)", ["rows.json"], ""],
  ['fs.readFileSync("x", "utf-│")', ["utf-16le", "utf-8"], "utf-"],
  ['display.image("da│")', ["data.csv", "data/"], "da"],
  ['load("da│", "da")', ["data.csv", "data/"], "da"],
  ['load("x", "da│")', [], "da"],
  ['const path = "./da│"', ["data.csv", "data/"], "da"],
  ['const path = "data/│"', ["rows.json"], ""],
  ['const text = "da│"', [], "da"],
  ['const url = "https://│"', [], "https://"],
  ["!cat da│", ["data.csv", "data/"], "da"],
  ["const lines = !ls data/│", ["data/rows.json"], "data/"],
  ["!cat wi│", ["with\\ space.txt"], "wi"],
  ["!cat with\\ s│", ["with\\ space.txt"], "with\\ s"],
  ['!cat "wi│', ["with space.txt"], "wi"],
  ["%load wi│", ["with space.txt"], "wi"],
  // Behind emoji, of which JavaScript counts two units each.
  ['const face = "😀😀"; bru│', ["brush"], "bru"],
  ['"😀" + brush.si│', ["size"], "si"],
  ['shade("😀" as any, { mode: "ex│" })', ["exact"], "ex"],
  ['fs.readFileSync("😀/../da│")', ["data.csv", "data/"], "da"],
  ["!echo 😀 da│", ["data.csv", "data/"], "da"],
];

/** Where nothing is offered. */
const nothing = [
  ...[
    "const n = 5│",
    "const n = 5.│",
    "const n = 5.2│",
    "const n = 1_000│",
    "const n = 0x1f│",
    "const n = 1e│",
    "[1, 2│]",
  ],
  ...["// a bru│", "/* bru│ */", 'const s = "bru│"', "const s = `bru│`", "loose.bru│", "brush.nothing.│", "let bru│"],
  ...['"│"', "/bru│/"],
];

describe("Tab", function () {
  this.timeout(120_000);
  const folder = mkdtempSync(join(tmpdir(), "phi3lab-help-"));
  let kernel: TestKernel;

  before(async () => {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    kernel = await TestKernel.start({ cwd: folder });
    assert.equal((await kernel.execute(cell)).reply.status, "ok");
  });
  after(async () => {
    await kernel.stop();
    rmSync(folder, { recursive: true });
  });

  for (const [text, matches, replaced] of exact) {
    it(`offers ${matches.join(", ") || "nothing"} at ${text.replace("\n", "⏎")}`, async () => {
      const found = await complete(kernel, text);
      assert.deepEqual({ ...found, matches: found.matches.toSorted() }, { matches, replaced });
    });
  }

  it("offers nothing within numbers, comments and text", async () => {
    for (const text of nothing) assert.deepEqual((await complete(kernel, text)).matches, [], text);
  });

  it("offers packages first where a module is named, then Node's own modules", async () => {
    const { matches } = await complete(kernel, 'import x from "│"');
    const [first, second, ...others] = matches;
    assert.deepEqual([first, second], ["phi3lab", "tslab"]);
    assert.ok(others.indexOf("left-lib") < others.indexOf("node:fs"));
    for (const name of ["@some/scoped", "node:fs", "fs", "node:fs/promises"]) assert.ok(others.includes(name), name);
    assert.ok(!matches.some((name) => /^\.|^_|@types/.test(name)), "nothing that nobody imports");
  });

  it("offers what a value may be before the names of the session", async () => {
    const { matches } = await complete(kernel, 'shade("red", { mode: │ })');
    assert.deepEqual(matches.slice(0, 2), ['"exact"', '"fast"']);
    assert.ok(matches.includes("brush"));
  });

  it("offers what every function has behind a function's own members", async () => {
    const { matches } = await complete(kernel, "Brush.│");
    assert.equal(matches[0], "kinds");
    assert.ok(matches.indexOf("bind") > 0);
  });

  it("offers a package that was installed a moment ago", async () => {
    const manifest = join(folder, "node_modules/right-lib/package.json");
    mkdirSync(dirname(manifest), { recursive: true });
    writeFileSync(manifest, '{ "name": "right-lib", "version": "1.0.0" }');
    assert.deepEqual((await complete(kernel, 'import x from "righ│"')).matches, ["right-lib"]);
  });
});
