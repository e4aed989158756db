/** Views in a real Chromium, as pages of their own: what a click or Enter shows, and that none of them holds the page up. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { type Drawing, plotAttention, plotHeads, plotLens, plotPatch, plotRanks, plotTokens } from "../../src";
import { ActivationCache } from "../../src/insight/activation_cache";
import { attentionView } from "../../src/plots/attention";
import { filled, grid, headScores, lensResult, scores, weights } from "../src/plots_results";
import { findChromium, needChromium } from "./chromium";

/** A page promises an answer within this many milliseconds; a machine that is busy is given ten times as long. */
const PROMISE_MS = 200;

const hostile = '</script><img src=x onerror="alert(1)">';
const words = (count: number): string[] => Array.from({ length: count }, (_, i) => `␣word${i % 97}`);

/** A cache that holds one layer's attention, of these heads. */
function kept(layer: number, heads: number[], tokens: number): ActivationCache {
  const name = `model.layers.${layer}.self_attn.attn_weights`;
  const { maps } = weights(tokens, ["a"], heads.length);
  const all = maps.flatMap(({ values }) => Array.from(values));
  const tensor = filled([1, heads.length, tokens, tokens], (i) => all[i] as number);
  const positions = Array.from({ length: tokens }, (_, i) => i);
  return Object.create(ActivationCache.prototype, {
    ...Object.fromEntries(
      Object.entries({ names: [name], heads, positions, input_ids: positions, past: 0, get: () => tensor }).map(
        ([key, value]) => [key, { value }],
      ),
    ),
  }) as ActivationCache;
}

// biome-ignore lint/suspicious/noExplicitAny: the browser's
declare const window: any;
// biome-ignore lint/suspicious/noExplicitAny: the browser's
declare const PerformanceObserver: any;

describe("views on a page of their own", function () {
  this.timeout(120_000);
  const folder = mkdtempSync(join(tmpdir(), "phi3lab-maps-"));
  let browser: Browser;
  let page: Page;

  before(async function () {
    needChromium(this);
    browser = await chromium.launch({ executablePath: findChromium(), args: ["--no-sandbox", "--disable-gpu"] });
  });
  after(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });
  afterEach(async () => {
    await page?.context().close();
  });

  async function open(drawing: Drawing, colorScheme: "light" | "dark" = "light"): Promise<void> {
    const file = join(folder, "view.html");
    await drawing.save(file);
    page = await (await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme })).newPage();
    await page.addInitScript(() => {
      window.tasks = [];
      new PerformanceObserver((list: { getEntries(): { duration: number }[] }) => {
        for (const { duration } of list.getEntries()) window.tasks.push(duration);
      }).observe({ type: "longtask", buffered: true });
    });
    await page.goto(pathToFileURL(file).href);
  }
  /** The longest task of the page's main thread since it was last asked, in milliseconds; 0: none of 50 ms. */
  async function longest(): Promise<number> {
    await page.waitForTimeout(200);
    return page.evaluate(() => Math.round(Math.max(0, ...window.tasks.splice(0))));
  }
  const told = async (): Promise<string> => (await page.locator("[role=status]").first().textContent()) ?? "";
  async function shot(name: string): Promise<void> {
    const to = process.env.PHI3LAB_SCREENSHOTS;
    if (to) await page.screenshot({ path: join(to, `${name}.png`), fullPage: true });
  }

  it("plotLens shows a position through the layers by a click and by Enter, and tells of cells by the arrow keys", async () => {
    await open(plotLens(lensResult(31, 40, ["␣Paris", "␣the", hostile, "☀"])));
    const map = page.getByRole("application");
    await map.focus();
    assert.match(await told(), /^layer 29, position 39 \(☀\): /);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowLeft");
    const lens = lensResult(31, 40, ["␣Paris", "␣the", hostile, "☀"]);
    assert.ok((await told()).startsWith(`layer 28, position 38 (${hostile}): ${lens.tokens[29]?.[38]?.[0]} 84.8%`));
    assert.match(await told(), /entropy 1\.32, KL 0\.52 nats; ␣Paris: rank 11,000/);
    await page.keyboard.press("Enter");
    const column = page.getByRole("region", { name: "The picked position through the layers" });
    assert.ok(
      (await column.textContent())?.startsWith(`Position 38 (${hostile}): what each layer would have said next`),
    );
    assert.equal(await column.locator("tr").count(), 31);
    const row = (n: number) => column.locator("tr").nth(n).locator("td, th").allTextContents();
    const top = (layer: number, at: number) =>
      lens.tokens[layer]?.[at]?.map((token, i) => {
        const p = 100 * (lens.probabilities[layer]?.[at]?.[i] as number);
        return `${token} ${p >= 9.95 ? p.toFixed(1) : p.toPrecision(2)}%`;
      });
    assert.deepEqual(await row(30), ["embed", ...(top(0, 38) ?? []), "␣Paris: rank 40,000"]);
    await page.keyboard.press("Home");
    assert.match(await told(), /position 0 /);
    const box = await map.boundingBox();
    assert.ok(box);
    await page.mouse.click(box.x + 10, box.y + 15);
    assert.match((await column.textContent()) ?? "", /^Position 0 \(␣Paris\)/);
    assert.deepEqual((await row(0)).slice(0, 2), ["layer 29", (top(30, 0) ?? [])[0]]);
    const entropy = page.getByRole("button", { name: "entropy (nats)" });
    await entropy.click();
    assert.equal(await entropy.getAttribute("aria-pressed"), "true");
    assert.equal(await page.locator("img").count(), 0);
    await shot("map-lens");

    // Letters are the page's own colour, whatever theme the reader changes to.
    const brightest = () =>
      page.locator("canvas").evaluate((canvas: { width: number; height: number; getContext(kind: "2d"): never }) => {
        const pen = canvas.getContext("2d") as { getImageData(...box: number[]): { data: Uint8Array } };
        const { data } = pen.getImageData(0, canvas.height - 18, canvas.width, 18);
        return Math.max(...data.filter((_, i) => i % 4 === 0));
      });
    assert.ok((await brightest()) < 128);
    await page.emulateMedia({ colorScheme: "dark" });
    await page.waitForTimeout(300);
    assert.ok((await brightest()) > 200);
  });

  it("plotHeads shows a head's attention where a cache of it came along, and else what to type for it", async () => {
    const cache = kept(18, [6, 7], 12);
    await open(plotHeads(headScores(["induction", "previous"]), { cache }), "dark");
    const [map] = await page.getByRole("application").all();
    const picked = page.getByRole("region", { name: "The picked head" });
    // It begins with the strongest head.
    assert.match(await told(), /^layer 18, head 6: induction 0\.820/);
    await map?.focus();
    await page.keyboard.press("Home");
    for (let i = 0; i < 6; i++) await page.keyboard.press("ArrowUp");
    assert.match(await told(), /^layer 0, head 0: induction 0\.\d{3}/);
    await page.keyboard.press("Enter");
    assert.match(
      (await picked.textContent()) ?? "",
      /not in this output.+run_with_cache\(scores\.input_ids, \{ names: \/attn_weights\$\/, layers: \[0\], heads: \[0\] \}\)/,
    );
    for (let i = 0; i < 18; i++) await page.keyboard.press("ArrowRight");
    for (let i = 0; i < 7; i++) await page.keyboard.press("ArrowDown");
    assert.match(await told(), /^layer 18, head 7: induction 0\.600/);
    await page.keyboard.press("Enter");
    assert.match((await picked.textContent()) ?? "", /What layer 18, head 7 looks at/);
    assert.equal(await picked.locator("button[aria-pressed=true]").getAttribute("aria-label"), "Layer 18, head 7");
    const box = await map?.boundingBox();
    assert.ok(box);
    await page.mouse.click(box.x + 18 * 23 + 8, box.y + 6 + 6 * 20 + 8);
    assert.match((await picked.textContent()) ?? "", /What layer 18, head 6 looks at/);
    await shot("map-heads");
  });

  it("plotPatch shows what was taken in a cell, with its row and its column, by a click and by Enter", async () => {
    await open(plotPatch(grid("position", 30, 24, hostile)), "dark");
    const map = page.getByRole("application");
    const picked = page.getByRole("region", { name: "The picked cell" });
    await map.focus();
    assert.match(await told(), /^layer 29, position 23 \(␣word23\): restores /);
    await page.keyboard.press("Home");
    for (let i = 0; i < 3; i++) await page.keyboard.press("ArrowRight");
    for (let i = 0; i < 19; i++) await page.keyboard.press("ArrowDown");
    const cell = `layer 10, position 3 (${hostile} ← ␣Italy): restores 0.90`;
    assert.equal(await told(), `${cell}␣Paris − ␣Rome +5.00; clean +6.21, corrupted −5.87`);
    await page.keyboard.press("Enter");
    assert.ok((await picked.textContent())?.startsWith(cell));
    assert.ok(
      (await picked.textContent())?.includes(
        `the stream after a layer at ${hostile}; the corrupted prompt has ␣Italy there.`,
      ),
    );
    const rows = (table: number) => picked.locator("table").nth(table).locator("tr").allInnerTexts();
    const through = await rows(0);
    assert.deepEqual([through.length, through[0], through[19]], [30, "layer 29\t0.02", "layer 10\t0.90"]);
    const along = await rows(1);
    assert.deepEqual([along.length, along[3]], [24, `${hostile} ← ␣Italy\t0.90`]);
    const box = await map.boundingBox();
    assert.ok(box);
    await page.mouse.click(box.x + 10, box.y + 6 + 8);
    assert.match((await picked.textContent()) ?? "", /^layer 29, position 0 \(The\): restores 0\.00/);
    assert.equal(await page.locator("img").count(), 0);
    await shot("map-patch-dark");
    await page.emulateMedia({ colorScheme: "light" });
    await page.waitForTimeout(300);
    await shot("map-patch");
  });

  it("plotAttention writes tokens of which it knows the ids alone as words of their own", async () => {
    const cache = kept(18, [6], 12);
    await open(plotAttention(cache));
    const strip = page.locator("span[role=button]").first().locator("..");
    assert.equal((await strip.innerText()).trim(), cache.input_ids.join(" "));
    await shot("attention-ids");
  });

  const large: Record<string, () => Drawing> = {
    "a text of 800 tokens": () => plotTokens(scores(words(800))),
    "a lens of 31 layers at 132 positions": () => plotLens(lensResult(31, 132, words(97))),
    "the ranks of a lens": () => plotRanks(lensResult(31, 132, words(97))),
    "a head's attention over 400 tokens": () => attentionView(weights(400, ["␣word"], 1), "Attention"),
    "nine heads' attention over 130 tokens": () => attentionView(weights(130, ["␣word"], 9), "Attention"),
    "two maps of 1,024 heads": () => plotHeads(headScores(["induction", "previous"], 32, 32)),
    "a patch grid of 30 layers at 24 positions": () => plotPatch(grid("position", 30, 24)),
  };
  for (const [name, make] of Object.entries(large))
    it(`leave the page free with ${name}, shown, pointed at and gone through by keys`, async () => {
      await open(make());
      await page.waitForTimeout(1000);
      // A chart's page brings plotly's four megabytes along, which a notebook has read already.
      const shown = await longest();
      const live = (await page.locator(".js-plotly-plot").count()) === 0;
      for (let i = 0; i < 20; i++) await page.mouse.move(80 + 50 * i, 90 + 25 * i);
      const pointed = await longest();
      const target = page.locator("[role=application], [role=button], button").first();
      if (await target.count()) await target.focus();
      for (const key of ["End", "ArrowLeft", "ArrowUp", "Enter", "ArrowRight", "ArrowDown", "Enter"])
        await page.keyboard.press(key);
      const keys = await longest();
      if (process.env.PHI3LAB_FIGURES) console.log(`      shown ${shown}, pointed at ${pointed}, keys ${keys} ms`);
      for (const one of [...(live ? [shown] : []), pointed, keys]) assert.ok(one < 10 * PROMISE_MS, `${one} ms`);
    });
});
