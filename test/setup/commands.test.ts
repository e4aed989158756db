/** The commands that readers type: the notebook without a browser, the tests' closing line. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { findChromium } from "../jupyterlab/chromium";
import { cleanEnvironment, ended, root } from "./sandbox";

const plotly = "application/vnd.plotly.v1+json";

const plotCell = `const plot = { [Symbol.for("Jupyter.display")]: () => ({
  "${plotly}": { data: [{ type: "bar", x: [1, 2], y: ["a", "</script><b>"], orientation: "h" }], layout: {} },
  "text/html": "<img alt='still'/>", "text/plain": "a plot of two bars" }) };
plot`;

const cell = (source: string) => ({ cell_type: "code", execution_count: 9, metadata: {}, outputs: [], source });

describe("npm run chapter", function () {
  this.timeout(120_000);
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "phi3lab-chapter-")));
  after(() => rmSync(folder, { recursive: true, force: true }));

  function notebook(name: string, sources: string[]): string {
    const path = join(folder, `${name}.ipynb`);
    const kernelspec = { name: "phi3lab", display_name: "TypeScript (phi3lab)", language: "typescript" };
    const cells = [{ cell_type: "markdown", metadata: {}, source: "# A small notebook" }, ...sources.map(cell)];
    writeFileSync(path, JSON.stringify({ cells, metadata: { kernelspec }, nbformat: 4, nbformat_minor: 4 }));
    return path;
  }

  function start(path: string, ...flags: string[]) {
    const args = [join(root, "scripts/chapter.mjs"), path, "--out", join(folder, "out"), ...flags];
    return spawn(process.execPath, args, { env: cleanEnvironment() });
  }
  const read = (name: string) => readFileSync(join(folder, "out", name), "utf8");

  it("prints each cell's title and outputs as they come, and writes the executed notebook", async () => {
    const path = notebook("good", [
      'console.log("first");\nawait new Promise((done) => setTimeout(done, 3000));\nconsole.log("second");',
      "40 + 2",
      plotCell,
    ]);
    const child = start(path);
    const seen: [string, number][] = [];
    child.stdout.on("data", (chunk) => seen.push([String(chunk), performance.now()]));
    const { code, output } = await ended(child);
    assert.equal(code, 0, output);
    assert.match(output, /\[1\] console\.log\("first"\);\nfirst\nsecond\n/);
    assert.match(output, /\[2\] 40 \+ 2\n42\n/);
    assert.match(output, /a plot of two bars/);
    const when = (text: string) => seen.find(([chunk]) => chunk.includes(`${text}\n`))?.[1] ?? Number.NaN;
    assert.ok(when("second") - when("first") > 1500, "the first line must be shown while the cell still runs");
    const executed = JSON.parse(read("good.ipynb"));
    assert.deepEqual(executed.cells[2].outputs[0].data["text/plain"], "42".split("\n"));
    assert.deepEqual(
      executed.cells.slice(1).map((one: { execution_count: number }) => one.execution_count),
      [1, 2, 3],
    );
    assert.deepEqual(JSON.parse(readFileSync(path, "utf8")).cells[1].outputs, [], "the source stays as it was");
  });

  it("writes a page that shows its plots live and asks no server for anything", async function () {
    const browserPath = findChromium();
    if (!browserPath) {
      console.log("      skipped: no Chromium found; apt-get install chromium, or name one in PHI3LAB_CHROMIUM");
      return this.skip();
    }
    const browser = await chromium.launch({ executablePath: browserPath, args: ["--no-sandbox", "--disable-gpu"] });
    try {
      const page = await browser.newPage();
      const asked: string[] = [];
      const errors: string[] = [];
      page.on("request", (request) => asked.push(request.url()));
      page.on("pageerror", (error) => errors.push(error.message));
      const address = pathToFileURL(join(folder, "out", "good.html")).href;
      await page.goto(address);
      await page.waitForSelector("svg.main-svg");
      assert.match((await page.locator(".yaxislayer-above").textContent()) ?? "", /a.*<\/script>/);
      assert.equal(await page.locator("img[alt=still]").count(), 0, "the still picture gives way");
      const size = () => page.locator("svg.main-svg").first().boundingBox();
      const [wide, narrow] = [await size(), { width: 700, height: 600 }];
      await page.setViewportSize(narrow);
      // Plotly waits 0.1 s before it takes a new size.
      await pause(1_000);
      const now = await size();
      assert.ok(wide && now && now.width < Math.min(wide.width, narrow.width), "the plot follows the window's width");
      assert.equal(now.height, wide.height);
      assert.deepEqual(asked, [address]);
      assert.deepEqual(errors, []);
    } finally {
      await browser.close();
    }
  });

  it("writes a copy whose drawings are pictures and text, for places without scripts, where --static asks for it", async () => {
    const path = notebook("still", [
      'import { plotTimings } from "phi3lab";\nplotTimings({ cached: { average: 1 }, uncached: { average: 2 } })',
    ]);
    const { code, output } = await ended(start(path, "--static"));
    assert.equal(code, 0, output);
    const { data } = JSON.parse(read("still-static.ipynb")).cells[1].outputs[0];
    assert.deepEqual(Object.keys(data).sort(), ["image/png", "text/plain"]);
    assert.match(read("still-static.html"), /<img[^>]*src="data:image\/png;base64,/);
  });

  it("ends with 1 at a cell that fails, names the error, and still writes both files", async () => {
    const path = notebook("bad", ['console.log("before")', 'throw new RangeError("too far")', 'console.log("after")']);
    const { code, output } = await ended(start(path));
    assert.equal(code, 1, output);
    assert.match(output, /\[1\].*\nbefore\n/);
    assert.match(output, /This cell failed \(RangeError: too far\); the cells after this one were not run/);
    assert.doesNotMatch(output, /^after$/m);
    const executed = JSON.parse(read("bad.ipynb"));
    assert.equal(executed.cells[2].outputs[0].ename, "RangeError");
    assert.deepEqual(executed.cells[3].outputs, []);
    assert.match(read("bad.html"), /RangeError/);
  });

  it("stops at Ctrl-C with 130 and still writes what there is", async () => {
    const child = start(
      notebook("endless", ['console.log("begun");\nawait new Promise(() => setInterval(() => {}, 1000));']),
    );
    const result = ended(child);
    await new Promise<void>((ready) => {
      child.stdout.on("data", (chunk) => /^begun/m.test(String(chunk)) && ready());
    });
    // A terminal's Ctrl-C reaches the whole group; the program in the foreground is the one that counts.
    const python = (await ended(spawn("pgrep", ["-P", String(child.pid)]))).output.trim();
    process.kill(Number(python), "SIGINT");
    const { code, output } = await result;
    assert.equal(code, 130, output);
    assert.match(output, /Interrupted/);
    assert.match(read("endless.ipynb"), /begun/);
  });

  it("says so when there is no such notebook, or the file is none", async () => {
    const nowhere = await ended(start(join(folder, "nowhere.ipynb")));
    assert.equal(nowhere.code, 1);
    assert.match(nowhere.output, /There is no notebook .*nowhere\.ipynb/);
    writeFileSync(join(folder, "text.ipynb"), "not a notebook");
    const text = await ended(start(join(folder, "text.ipynb")));
    assert.equal(text.code, 1);
    assert.match(text.output, /text\.ipynb cannot be read as a notebook/);
  });
});

describe("the tests' reporter", () => {
  it("ends with what was skipped, what failed and why, and the numbers of each", async () => {
    const folder = mkdtempSync(join(tmpdir(), "phi3lab-reporter-"));
    writeFileSync(
      join(folder, "three.cjs"),
      'describe("three", () => { it("is good", () => {}); it.skip("needs a GPU", () => {}); it("is bad", () => { throw new Error("no"); }); });',
    );
    const reporter = join(root, "scripts/reporter.cjs");
    const mocha = join(root, "node_modules/mocha/bin/mocha.js");
    const args = [mocha, "--no-config", "--reporter", reporter, join(folder, "three.cjs")];
    const { code, output } = await ended(spawn(process.execPath, args, { env: cleanEnvironment() }));
    assert.equal(code, 1);
    assert.match(
      output,
      /Skipped:\n {2}- three needs a GPU\n[\s\S]+ 1\) three\n +is bad:[\s\S]+\n1 passed, 1 failed, 1 skipped\n$/,
    );
    rmSync(folder, { recursive: true, force: true });
  });
});
