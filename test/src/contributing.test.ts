/** What CONTRIBUTING.md shows is true: the plot that it writes compiles as the library does, and draws. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import ts from "typescript";
import type { Figure } from "../../src";

const root = resolve(__dirname, "../..");

describe("the plot of CONTRIBUTING.md", () => {
  let [folder, path] = ["", ""];

  before(() => {
    const section = /\n### A plot\n(.*?)\n### /s.exec(readFileSync(join(root, "CONTRIBUTING.md"), "utf8"))?.[1] ?? "";
    const code = /\n```ts\n(.*?)```\n/s.exec(section)?.[1] ?? "";
    folder = mkdtempSync(join(tmpdir(), "phi3lab-contributing-"));
    path = join(folder, "ranks.ts");
    writeFileSync(path, code.replaceAll('from "./', `from "${join(root, "src", "plots").replaceAll("\\", "/")}/`));
  });

  after(() => rmSync(folder, { recursive: true }));

  it("compiles under the library's own strict options", function () {
    this.timeout(60_000);
    const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile);
    const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [] }, ts.sys, root);
    const program = ts.createProgram([path], { ...options, noEmit: true, rootDir: undefined });
    const found = ts
      .getPreEmitDiagnostics(program)
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
    assert.deepEqual(found, []);
  });

  it("draws in each form", () => {
    const { plotRanks } = require(path) as { plotRanks: (watched: { label: string; ranks: number[] }[]) => Figure };
    const figure = plotRanks([
      { label: "␣Paris", ranks: [20311, 4000, 12, 1] },
      { label: "␣the", ranks: [3, 2, 1, 4] },
    ]);
    assert.match(String(figure), /^Rank after each layer\n␣Paris {2}[▁-█]{4} {2}from 20,311 to 1\n␣the /);
    assert.equal(figure.toSVG().match(/>␣Paris</g)?.length, 1);
    assert.equal((figure.layout.yaxis as { type: string }).type, "log");
    assert.throws(() => plotRanks([]), /Expected at least one token/);
  });

  it("is as long as it is said to be, and names files that there are", () => {
    const lines = readFileSync(path, "utf8").trimEnd().split("\n");
    const code = lines.filter((line) => !/^\s*(\/?\*|$)/.test(line));
    assert.ok(code.length <= 30, `${code.length} lines of code`);
    const section = /\n### A plot\n(.*?)```ts/s.exec(readFileSync(join(root, "CONTRIBUTING.md"), "utf8"))?.[1] ?? "";
    const names = [...section.matchAll(/`(src\/plots\/[a-z_]+\.ts)`/g)].map(([, name]) => name as string);
    assert.ok(names.length > 10);
    for (const name of names) readFileSync(join(root, name));
  });
});
