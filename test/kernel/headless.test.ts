/** Notebooks that a program executes: nbconvert keeps only what comes while a cell runs, and belongs to it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { kernelCommand } from "./client";

const python = resolve(__dirname, "../../.venv/bin/python");

describe("nbconvert --execute", function () {
  this.timeout(180_000);
  let folder: string;

  before(function () {
    if (!existsSync(python)) {
      console.log("    skipped: no .venv with nbconvert; node scripts/setup.mjs brings it");
      this.skip();
    }
    folder = mkdtempSync(join(tmpdir(), "phi3lab-headless-"));
    const spec = join(folder, "kernels", "phi3lab-test");
    mkdirSync(spec, { recursive: true });
    const kernel = { argv: kernelCommand("{connection_file}"), display_name: "test", language: "typescript" };
    writeFileSync(join(spec, "kernel.json"), JSON.stringify({ ...kernel, interrupt_mode: "message" }));
  });
  after(() => folder && rmSync(folder, { recursive: true, force: true }));

  /** The texts of the streams of every cell, executed. */
  function execute(sources: string[]): string[] {
    const cells = sources.map((source, i) => ({
      id: `c${i}`,
      cell_type: "code",
      source,
      metadata: {},
      outputs: [],
      execution_count: null,
    }));
    const metadata = { kernelspec: { name: "phi3lab-test", display_name: "test", language: "typescript" } };
    writeFileSync(join(folder, "in.ipynb"), JSON.stringify({ cells, metadata, nbformat: 4, nbformat_minor: 5 }));
    const run = spawnSync(
      python,
      ["-m", "nbconvert", "--to", "notebook", "--execute", "in.ipynb", "--output", "out.ipynb"],
      {
        cwd: folder,
        env: { ...process.env, JUPYTER_PATH: folder },
        encoding: "utf8",
        timeout: 120_000,
      },
    );
    assert.equal(run.status, 0, run.stderr);
    const done = JSON.parse(readFileSync(join(folder, "out.ipynb"), "utf8")) as {
      cells: { outputs: { output_type: string; text?: string[] }[] }[];
    };
    return done.cells.map(({ outputs }) =>
      outputs
        .filter((each) => each.output_type === "stream")
        .flatMap(({ text }) => text ?? [])
        .join(""),
    );
  }

  it("has in the file what cells write late, by children and by failing promises", () => {
    const [rejected, , , waiting, inherited, last] = execute([
      'Promise.reject(new Error("mid")); 5',
      'setTimeout(() => Promise.reject(new Error("later")), 50); 1',
      'const until = Date.now() + 700; const soon = () => Date.now() < until ? setImmediate(soon) : console.log("from the loop"); soon(); 0',
      'await new Promise((r) => setTimeout(r, 1500)); "end"',
      'require("child_process").execSync("echo inherited", { stdio: "inherit" });',
      'setTimeout(() => { console.log("once"); setTimeout(() => console.log("the last"), 300); }, 1000); setTimeout(() => {}, 1e8).unref(); 0',
    ]);
    assert.match(stripVTControlCharacters(rejected as string), /Error: mid/);
    assert.match(waiting as string, /from the loop/);
    assert.equal(inherited, "inherited\n");
    assert.equal(last, "once\nthe last\n");
  });
});
