/** Plots in a real JupyterLab and a real Notebook 7 keep their height and their letters, whatever a reader does. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { Figure, plotTimings } from "../../src";
import type { Axis, Line, Mark, Plot } from "../../src/plots/plot";
import { palette } from "../../src/plots/style";
import { findChromium, needChromium } from "./chromium";
import { type FrontEnd, Lab, type NotebookPage, outputText } from "./lab";
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
  // Few tokens: a mark stands where both axes begin.
  `plotTimings({ cached: { prompt_ms: 9, token_ms: Array(11).fill(3) }, uncached: { prompt_ms: 9, token_ms: Array(11).fill(9) } })`,
  `plotTimings({ cached: { average: 0.21 }, uncached: { average: 3.3 }, title: ${JSON.stringify(longTitle)} })`,
];
const timings = 2;

describe("plots in JupyterLab and Notebook 7", function () {
  this.timeout(90_000);
  let lab: Lab;
  let notebook: NotebookPage;

  before(async function () {
    needChromium(this);
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

  let folder: string;
  let browser: Browser;

  before(async function () {
    needChromium(this);
    folder = mkdtempSync(join(tmpdir(), "phi3lab-page-"));
    browser = await chromium.launch({ executablePath: findChromium(), args: ["--no-sandbox", "--disable-gpu"] });
  });

  after(async () => {
    await browser?.close();
    if (folder) rmSync(folder, { recursive: true });
  });

  async function open(figure: Figure): Promise<Page> {
    const path = join(folder, "plot.html");
    await figure.save(path);
    const page = await browser.newPage();
    await page.goto(pathToFileURL(path).href);
    return page;
  }

  it("follows the width of its window and keeps its height", async () => {
    const page = await open(plotTimings({ cached: { average: 1 }, uncached: { average: 2 } }));
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
  });

  const tokens = [
    "␣The",
    "␣capital",
    "␣of",
    "␣France",
    "␣is",
    "aTokenOfFortyLettersThatNoMarginCanHold_",
    "␣of",
    "<b>",
  ];
  const [x, y]: Axis[] = [
    { kind: "category", name: "position", labels: tokens, monospace: true },
    { kind: "category", name: "layer", labels: ["0", "1", "2"], reversed: true },
  ];
  const heatmap: Mark = {
    mark: "cells",
    values: [0, 0.5, 1].map((value) => tokens.map(() => value)),
    text: [0, 1, 2].map(() => tokens),
    colour: { name: "probability", range: [0, 1], format: "percent" },
  };
  const lines = ["␣Paris", "␣London", "␣the", "␣Rome", "␣a"].map(
    (label, i): Line => ({
      ...{ mark: "line", x: [0, 1, 2], y: [10 ** i, 100, 1 + i], colour: palette.first },
      ...{ series: label, label },
    }),
  );
  const both = new Figure({
    title: "What each layer would say, and how early it knows",
    caption: "the colour is the probability of the token in the cell",
    panels: [
      { x, y, marks: [heatmap] },
      { x: { kind: "linear" }, y: { kind: "log", format: "whole", reversed: true }, marks: lines },
    ],
  } as Plot);

  it("of cells with text in them and of lines with names at their ends can be read in a cell of any width", async () => {
    const page = await open(both);
    for (const width of [410, 760, 1280]) {
      await page.setViewportSize({ width, height: 900 });
      const [seen] = await plots(page, "#plot");
      assert.deepEqual(seen?.faults, [], `at ${width} px`);
    }
    assert.equal(await page.locator(".hm text, .heatmaplayer text").count(), 3 * tokens.length);
  });

  it("says at a cell what the cell is", async () => {
    const page = await open(both);
    const box = await page.locator(".nsewdrag").first().boundingBox();
    assert(box);
    await page.mouse.move(box.x + box.width / 16, box.y + box.height / 6, { steps: 3 });
    await page.locator(".hovertext").waitFor();
    assert.equal(await page.locator(".hovertext").textContent(), "2, ␣Theprobability 100%");
  });

  it("hides a line and its name together by a click on the legend", async () => {
    const page = await open(both);
    const names = page.locator(".scatterlayer .textpoint");
    const curves = page.locator(".scatterlayer .js-line");
    const shown = async () => [await names.count(), await curves.count()];
    await page.locator(".legendtoggle").first().waitFor();
    assert.deepEqual(await shown(), [5, 5]);
    await page.locator(".legendtoggle").first().click();
    // A second click on it would be a double click, which plotly waits for.
    await page.waitForTimeout(600);
    assert.deepEqual(await shown(), [4, 4]);
  });
});
