/** The tour of the kernel in a real JupyterLab in a real Chromium: all of it, what a reader does with it, and a kernel that dies. */
import assert from "node:assert/strict";
import { copyFileSync } from "node:fs";
import { basename, join } from "node:path";
import { checkTour, tour, tourCells } from "../notebooks/tour";
import { needChromium } from "./chromium";
import { Lab, type NotebookPage, outputText } from "./lab";

const indexOf = (id: string): number => tourCells().findIndex((cell) => cell.id === id);

describe("the tour in JupyterLab", function () {
  this.timeout(180_000);
  let lab: Lab;
  let page: NotebookPage;

  before(async function () {
    needChromium(this);
    lab = await Lab.start();
    copyFileSync(tour, join(lab.folder, basename(tour)));
    page = await lab.open(basename(tour));
    await page.command("notebook:clear-all-cell-outputs");
  });

  after(async () => {
    await lab?.stop();
  });

  it("runs from the first cell to the last, past the cells that fail on purpose, and shows all that it promises", async () => {
    await page.runAll(); // Is false at once when a cell fails, while the others go on.
    await page.ended();
    const cells = tourCells();
    const outputs = await page.outputs();
    checkTour(new Map(cells.map(({ id }, i) => [id, outputs[i] ?? []])));
  });

  it("draws tables, formulas, pictures, a tree of JSON, live plots, and what the browser itself writes", async () => {
    const seen: [id: string, selector: string, least: number][] = [
      ["table", ".jp-RenderedHTML table tbody tr", 5],
      ["latex-cell", ".jp-RenderedLatex mjx-container", 1],
      ["markdown", ".jp-RenderedMarkdown table", 1],
      ["svg", ".jp-RenderedSVG img, .jp-RenderedSVG svg", 1],
      ["image", ".jp-RenderedImage img", 1],
      ["json", ".jp-RenderedJSON li", 3],
      ["plotly", "svg.main-svg", 1],
      ["bench", "svg.main-svg", 1],
      ["own-symbol", ".jp-RenderedHTML b", 2],
      ["error-file", ".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr'], .jp-OutputArea-output pre", 1],
    ];
    for (const [id, selector, least] of seen) {
      const found = (await page.cell(indexOf(id))).locator(selector);
      await found.first().waitFor({ state: "visible", timeout: 20_000 });
      assert.ok((await found.count()) >= least, `${id}: ${await found.count()} × ${selector}`);
    }
    const written = await page.cell(indexOf("javascript-cell"));
    await written.getByText(/^This was written by the browser/).waitFor({ state: "visible" });
  });

  it("sorts a table by a click on a column's name, and the other way round by another", async () => {
    const cell = await page.cell(indexOf("table"));
    const first = () => cell.locator("tbody tr").first().textContent();
    await cell.getByText("radius", { exact: true }).last().click();
    assert.match((await first()) ?? "", /^Mercury/);
    await cell.locator("th", { hasText: "radius" }).click();
    assert.match((await first()) ?? "", /^Jupiter/);
    await cell.locator("th", { hasText: "name" }).click();
    assert.match((await first()) ?? "", /^Earth/);
  });

  it("keeps a long table's head in sight while it scrolls in itself", async () => {
    const cell = await page.cell(indexOf("long-table"));
    const table = cell.locator("table");
    assert.ok(((await cell.boundingBox())?.height ?? 1e6) < 700);
    await table.locator("tr").last().scrollIntoViewIfNeeded();
    const [head, box] = [
      await table.locator("th").first().boundingBox(),
      await table.locator("xpath=..").boundingBox(),
    ];
    assert.ok(head && box && Math.abs(head.y - box.y) < 3, `${head?.y} at the top of ${box?.y}`);
  });

  it("has the text that %load brought in its cell, and asks where it is told to", async () => {
    const sources = await page.sources();
    assert.match(sources[indexOf("load")] ?? "", /^\/\/ %load -r 1 tour_greeting\.ts\nexport const greet/);
    const index = indexOf("ask");
    await page.setSource(index, (sources[index] ?? "").replace("ask = false", "ask = true"));
    const run = page.run(index);
    const question = (await page.cell(index)).locator(".jp-Stdin-input");
    await question.fill("Rosa");
    await question.press("Enter");
    assert.equal(await run, true);
    assert.match(outputText((await page.outputs())[index] ?? []), /'Good to see you again, Rosa'/);
  });

  for (const theme of ["JupyterLab Light", "JupyterLab Dark"])
    it(`can be looked at, with PHI3LAB_SCREENSHOTS, in ${theme}`, async function () {
      if (process.env.PHI3LAB_SCREENSHOTS === undefined) this.skip();
      await page.command("apputils:change-theme", { theme });
      await page.page.setViewportSize({ width: 1280, height: 1800 });
      for (let i = 0; await page.scrollDown(i * 1_600); i++)
        await page.screenshot(`tour-${theme.replace(/.* /, "")}-${String(i).padStart(2, "0")}`);
    });

  it("says below the cell that ran that its kernel died, and runs the next cell in a new one", async () => {
    const before = 'console.log("before"); await new Promise((done) => setTimeout(done, 200));';
    lab.writeNotebook("dies.ipynb", [`${before}\nprocess.abort();`, "6 * 7"]);
    await page.close();
    page = await lab.open("dies.ipynb");
    void page.run(0);
    await page.page.locator(".jp-Dialog", { hasText: "It will restart automatically" }).waitFor({ timeout: 60_000 });
    await page.page.locator(".jp-Dialog .jp-mod-accept").click();
    const text = outputText((await page.outputs())[0] ?? []);
    assert.match(text, /^before\n\nKernelDied: The kernel has ended, and with it every variable: native code crashed/);
    await page.screenshot("dies");
    assert.equal(await page.run(1), true);
    assert.equal(outputText((await page.outputs())[1] ?? []), "42");
  });
});
