/** The chapter's notebook, and the plots, in a real JupyterLab in a real Chromium. */
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { usually } from "../length";
import { needChromium } from "./chromium";
import { Lab, type NotebookPage, outputText, root } from "./lab";
import { clickLegend, plots, resize, zoom } from "./plots";

const chapter = "looking_inside_transformers.ipynb";

describe("the chapter in JupyterLab", function () {
  this.timeout(600_000);
  let lab: Lab;
  let page: NotebookPage;

  before(async function () {
    needChromium(this);
    lab = await Lab.start();
    // The install cell names the set-up script by its place beside the notebook's folder. The two timed cells generate 16
    // times, half of them with a pass over the whole text for every token: of fewer tokens there.
    const text = readFileSync(join(root, "notebooks", chapter), "utf8");
    const source = JSON.parse(text.replaceAll("max_new_tokens: 100", `max_new_tokens: ${usually(30, 100)}`));
    for (const cell of source.cells)
      if (cell.cell_type === "code") Object.assign(cell, { outputs: [], execution_count: null });
    writeFileSync(join(lab.folder, chapter), JSON.stringify(source));
    mkdirSync(join(lab.home, "scripts"), { recursive: true });
    writeFileSync(
      join(lab.home, "scripts", "setup.mjs"),
      `import { spawnSync } from "node:child_process";
process.exit(spawnSync(process.execPath, [${JSON.stringify(join(root, "scripts", "setup.mjs"))}], { stdio: "inherit" }).status ?? 1);
`,
    );
    page = await lab.open(chapter);
  });

  after(async () => {
    await lab?.stop();
  });

  it("runs from the first cell to the last without an error", async () => {
    assert.equal(await page.runAll(), true, outputText((await page.outputs()).flat()));
  });

  it("prints the layers, the shapes, the token and both timing lines", async () => {
    const text = outputText((await page.outputs()).flat());
    assert.match(text, /LlamaForCausalLM\(\n {2}\(model\): LlamaModel\(/);
    assert.match(text, /\[ ?1, 5, \d+ ?\]/);
    assert.match(text, /' ?Paris'/);
    const lines = text.match(/ per loop \(mean ± std\. dev\. of 7 runs, 1 loop each\)/g);
    assert.equal(lines?.length, 2);
  });

  it("draws both plots live", async () => {
    const sources = await page.sources();
    for (const name of ["plotNextToken(", "plotTimings("]) {
      const index = sources.findIndex((source) => source.startsWith(name) || source.includes(`\n${name}`));
      const plot = await page.plot(index);
      assert.equal(plot.kind, "live");
      assert.ok(plot.width > 300 && plot.height > 200, `${name} covers ${plot.width} × ${plot.height}`);
    }
    if (process.env.PHI3LAB_SCREENSHOTS === undefined) return;
    for (const [i, source] of sources.entries())
      if (/plot(NextToken|Timings)?\(|^model$/m.test(source)) {
        await page.scrollTo(i);
        await page.screenshot(`cell-${i}`);
      }
  });

  it("keeps its plots whole while the side bar and the window change, and while they are used", async () => {
    const heights = (await plots(page.page)).map(({ drawn }) => drawn.height);
    await resize(page, heights);
    const timings = (await page.sources()).findIndex((source) => source.includes("\nplotTimings("));
    await clickLegend(page, timings, heights);
    await zoom(page, timings, heights);
  });

  it("keeps its outputs when it is saved, closed and opened again", async () => {
    await page.save();
    const before = outputText((await page.outputs()).flat());
    await page.close();
    page = await lab.open(chapter);
    assert.equal(outputText((await page.outputs()).flat()), before);
  });

  it("runs again after a restart of the kernel", async () => {
    await page.restart();
    const sources = await page.sources();
    const index = sources.findIndex((source) => source.includes("from_pretrained"));
    assert.equal(await page.run(index), true, outputText((await page.outputs())[index] ?? []));
  });
});

describe("a notebook in JupyterLab", function () {
  this.timeout(180_000);
  let lab: Lab;

  before(async function () {
    needChromium(this);
    lab = await Lab.start({ withoutExtensions: true });
  });

  after(async () => {
    await lab?.stop();
  });

  it("stops an endless loop when the stop button is pressed, and runs the next cell", async () => {
    lab.writeNotebook("loop.ipynb", ["while (true) {}", "6 * 7"]);
    const page = await lab.open("loop.ipynb");
    const running = page.run(0);
    await page.page.waitForTimeout(1_500);
    await page.interrupt();
    assert.notEqual(await running, true);
    assert.equal(await page.run(1), true);
    assert.match(outputText((await page.outputs())[1] ?? []), /42/);
    await page.close();
  });

  it("shows a plot as a picture where plotly's renderer is missing", async () => {
    lab.writeNotebook("picture.ipynb", [
      `import { plotTimings } from "phi3lab";`,
      "plotTimings({ cached: { prompt_ms: 9, token_ms: [3, 3, 3] }, uncached: { prompt_ms: 9, token_ms: [9, 10, 11] } })",
    ]);
    const page = await lab.open("picture.ipynb");
    assert.equal(await page.runAll(), true, outputText((await page.outputs()).flat()));
    const plot = await page.plot(1);
    await page.screenshot("picture");
    assert.equal(plot.kind, "picture");
    assert.ok(plot.width > 300 && plot.height > 200);
    await page.save();
    await page.close();

    // Copied by hand, the notebook is not trusted: nothing in it may run, and the plot must still be seen.
    copyFileSync(join(lab.folder, "picture.ipynb"), join(lab.folder, "foreign.ipynb"));
    const foreign = JSON.parse(readFileSync(join(lab.folder, "foreign.ipynb"), "utf8"));
    foreign.cells[0].source = ["// another notebook\n", ...[foreign.cells[0].source].flat()];
    writeFileSync(join(lab.folder, "foreign.ipynb"), JSON.stringify(foreign));
    const untrusted = await lab.open("foreign.ipynb");
    assert.equal((await untrusted.plot(1)).kind, "picture");
    await untrusted.close();
  });
});
