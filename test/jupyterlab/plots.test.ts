/** Plots in a real JupyterLab and a real Notebook 7 keep their height and their letters, whatever a reader does. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { plotTimings } from "../../src";
import { findChromium, type FrontEnd, Lab, type NotebookPage, outputText } from "./lab";
import { assertWhole, clickLegend, plots, resize, zoom } from "./plots";

const longTitle = "What comes after the capital of France, and how sure the model is of each of them; "
  .repeat(3)
  .slice(0, 200);

/** Each cell after the first draws one plot: common ones, and those that ask for the most room. */
const cells = [
  `import { plotNextToken, plotTimings, tensor } from "phi3lab";
const names = ["a", "␣the", " Paris", "aTokenOfFortyLettersThatNoMarginCanHold_", "漢字漢字漢字漢字漢字漢字漢字漢字", "<b>&amp;"];
while (names.length < 60) names.push("token " + names.length);
const tokens = (ids: number[]) => ids.map((id) => names[id]);
const tokenizer = { convert_ids_to_tokens: tokens, decode: (ids: number[]) => tokens(ids).join("") };
const logits = tensor(names.map((_, i) => 6 / (1 + i)), "float32");
const times = (first: number, more: number) =>
  ({ prompt_ms: 9, token_ms: Array.from({ length: 99 }, (_, i) => first + more * i + Math.sin(7 * i)) });`,
  'plotNextToken(logits, { tokenizer, title: "The next token" })',
  "plotTimings({ cached: times(3, 0.01), uncached: times(20, 0.25) })",
  `plotNextToken(logits, { tokenizer, k: 40, title: ${JSON.stringify(longTitle)} })`,
  "plotNextToken(logits, { tokenizer, k: 1 })",
  `plotTimings({ cached: { average: 0.21 }, uncached: { average: 3.3 }, title: ${JSON.stringify(longTitle)} })`,
];
const timings = 2;

const skipped = "    skipped: no Chromium found; `apt-get install chromium` brings it, or name one in PHI3LAB_CHROMIUM";

describe("plots in JupyterLab and Notebook 7", function () {
  this.timeout(90_000);
  let lab: Lab;
  let notebook: NotebookPage;

  before(async function () {
    if (!findChromium()) {
      console.log(skipped);
      this.skip();
    }
    lab = await Lab.start();
    lab.writeNotebook("plots.ipynb", cells);
  });

  after(async () => {
    await lab?.stop();
  });

  for (const frontEnd of ["JupyterLab", "Notebook 7"] as FrontEnd[])
    describe(`in ${frontEnd}`, () => {
      let heights: number[];

      before(async () => {
        notebook = await lab.open("plots.ipynb", frontEnd);
        assert.equal(await notebook.runAll(), true, outputText((await notebook.outputs()).flat()));
        heights = (await plots(notebook.page)).map(({ drawn }) => drawn.height);
        await notebook.screenshot(`${frontEnd}-run`);
      });

      after(async () => {
        await notebook?.close();
      });

      it("a plot has the height that it asks for, a row more for each bar", () => {
        assert.equal(heights.length, cells.length - 1);
        const [ten, , forty, one] = heights as [number, number, number, number];
        assert.equal(ten - one, 9 * 26);
        assert.ok(forty - ten > 30 * 26, `${forty} px hold 41 bars and a title of several lines`);
        assert.ok(one > 100, `${one} px hold two bars`);
      });

      it("keeps its height and follows the width while the side bar and the window change", () =>
        resize(notebook, heights));

      it("hides and shows a series' line and bar together by a click on its name", () =>
        clickLegend(notebook, timings, heights));

      it("zooms in, and back by a double click", () => zoom(notebook, timings, heights));

      it("has a tool bar without a ground of its own and stays whole in the light and in the dark theme", async () => {
        for (const theme of ["JupyterLab Dark", "JupyterLab Light"]) {
          await notebook.command("apputils:change-theme", { theme });
          const seen = await assertWhole(notebook.page, heights, theme);
          assert.deepEqual(new Set(seen.map(({ toolBarGround }) => toolBarGround)), new Set(["rgba(0, 0, 0, 0)"]));
          await (await notebook.cell(timings)).locator(".nsewdrag").first().hover();
          await notebook.screenshot(`${frontEnd}-${theme}`);
        }
      });
    });
});

describe("a plot's own page", function () {
  this.timeout(30_000);

  it("follows the width of its window and keeps its height", async function () {
    const executablePath = findChromium();
    if (!executablePath) {
      console.log(skipped);
      this.skip();
    }
    const folder = mkdtempSync(join(tmpdir(), "phi3lab-page-"));
    const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
    try {
      const path = join(folder, "plot.html");
      await plotTimings({ cached: { average: 1 }, uncached: { average: 2 } }).save(path);
      const page = await browser.newPage();
      await page.goto(pathToFileURL(path).href);
      const picture = page.locator("svg.main-svg").first();
      const height = (await picture.boundingBox())?.height;
      for (const width of [760, 1600]) {
        await page.setViewportSize({ width, height: 900 });
        // Plotly waits 0.1 s before it takes a new size.
        await page.waitForTimeout(500);
        const now = await picture.boundingBox();
        assert.ok(now && now.width > width - 40 && now.width <= width, `${now?.width} of ${width}`);
        assert.equal(now.height, height);
      }
    } finally {
      await browser.close();
      rmSync(folder, { recursive: true });
    }
  });
});
