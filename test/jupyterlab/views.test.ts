/** Views in a real JupyterLab: what its sanitizer leaves of them, what lives where scripts may run, and the keyboard. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { plotHeads, plotLens, plotPatch, type View, plotTokens, plotTree } from "../../src";
import { jupyterDisplay } from "../../src/host";
import { attentionView } from "../../src/plots/attention";
import { watchView } from "../../src/plots/watch_view";
import { grid, headScores, lensResult, scores, tree, weights } from "../src/plots_results";
import { needChromium } from "./chromium";
import { Lab, type NotebookPage, outputText } from "./lab";

const hostile = '</script><img src=x onerror="alert(1)"> & ␣';
const words = ["The", "␣capital", hostile, "☀ 1/2", "\n", "日本"];

const views: Record<string, View> = {
  tokens: plotTokens(scores(words)),
  tree: plotTree(
    tree([
      [hostile, 0.7, [["☀", 0.5]]],
      ["b", 0.1],
    ]),
  ),
  attention: attentionView(weights(6, words, 2), "Attention"),
  lens: plotLens(lensResult(6, 3, words)),
  heads: plotHeads(headScores()),
  patch: plotPatch(grid("position", 6, 5, hostile)),
  watch: watchView({
    ...{ state: "done", title: "Watched", views: ["tokens", "lens"], scores: scores(words), token_ms: 20, cache: 4096 },
    lens: { token: "b", words: [{ layer: "embed", label: hostile, probability: 0.5 }] },
  }),
};
const html = (view: View): string =>
  (view as unknown as Record<symbol, () => Record<string, string>>)[jupyterDisplay]?.()["text/html"] as string;

/* The page's own objects, seen from inside the browser. */
// biome-ignore lint/suspicious/noExplicitAny: JupyterLab's application object has no types here
declare const jupyterapp: any;
// biome-ignore lint/suspicious/noExplicitAny: the browser's
declare const DOMParser: any;
// biome-ignore lint/suspicious/noExplicitAny: the browser's
declare const document: any;

/** Runs in the page: what a reader gets of HTML without its scripts. */
function look(source: string): { text: string; titles: string[]; pictures: string[]; grounds: number; live: number } {
  const { body } = new DOMParser().parseFromString(source, "text/html");
  for (const script of body.querySelectorAll("script")) script.remove();
  const all = Array.from(body.querySelectorAll("*")) as {
    getAttribute(name: string): string | null;
    tagName: string;
  }[];
  return {
    text: body.textContent,
    titles: all.flatMap((one) => one.getAttribute("title") ?? []),
    pictures: all.flatMap((one) => (one.tagName === "IMG" ? (one.getAttribute("src") ?? []) : [])),
    live: all.filter((one) => one.tagName === "SCRIPT" || one.getAttribute("onerror") !== null).length,
    grounds: all.filter((one) => /background-color/.test(one.getAttribute("style") ?? "")).length,
  };
}

/** A notebook whose cells have these outputs already. */
function write(lab: Lab, name: string, outputs: string[]): void {
  lab.writeNotebook(
    name,
    outputs.map((_, i) => `${i}`),
  );
  const notebook = JSON.parse(readFileSync(join(lab.folder, name), "utf8"));
  outputs.forEach((source, i) => {
    const output = { output_type: "display_data", metadata: {}, data: { "text/html": source, "text/plain": "view" } };
    notebook.cells[i].outputs = [output];
  });
  writeFileSync(join(lab.folder, name), JSON.stringify(notebook));
}

describe("views in JupyterLab", function () {
  this.timeout(180_000);
  let lab: Lab;
  let page: NotebookPage;

  before(async function () {
    needChromium(this);
    lab = await Lab.start();
  });
  after(async () => {
    await lab?.stop();
  });

  it("its sanitizer keeps every word, number, tooltip and picture of the still form, and no script", async () => {
    lab.writeNotebook("empty.ipynb", ["1"]);
    page = await lab.open("empty.ipynb");
    for (const [name, view] of Object.entries(views)) {
      const source = html(view);
      const clean = await page.page.evaluate(
        (given) => jupyterapp.shell.currentWidget.content.rendermime.sanitizer.sanitize(given) as string,
        source,
      );
      const [before, after] = [await page.page.evaluate(look, source), await page.page.evaluate(look, clean)];
      assert.deepEqual(after, before, name);
      assert.ok(before.text.length > 20, name);
      assert.equal(after.live, 0, name);
      assert.doesNotMatch(clean, /<script/, name);
    }
    await page.close();
  });

  it("shows a notebook that is not trusted the still form alone, two views of a kind beside each other", async () => {
    write(
      lab,
      "foreign.ipynb",
      [views.tokens, views.tokens, views.attention, views.tree].map((view) => html(view as View)),
    );
    page = await lab.open("foreign.ipynb");
    const cell = await page.cell(0);
    await cell.locator("summary", { hasText: "Every token as a table" }).waitFor();
    assert.equal(await page.page.locator(".jp-RenderedHTML [role=button]").count(), 0);
    assert.ok(((await (await page.cell(2)).locator(".jp-RenderedHTML img").boundingBox())?.height ?? 0) > 100);
    const text = await cell.locator(".jp-RenderedHTML").textContent();
    assert.ok(text?.includes(hostile));
    assert.ok((await (await page.cell(3)).locator("details").count()) >= 1);
    await page.screenshot("views-untrusted");
    await page.close();
  });

  it("lives where the notebook was run: pointed at, by keyboard, each of two views by itself", async () => {
    const cells = [views.tokens, views.tokens, views.attention, views.tree, views.lens, views.patch].map(
      (view) => `display.html(${JSON.stringify(html(view as View))});`,
    );
    lab.writeNotebook("own.ipynb", cells);
    page = await lab.open("own.ipynb");
    const alerts: string[] = [];
    page.page.on("dialog", (dialog) => {
      alerts.push(dialog.message());
      void dialog.dismiss();
    });
    assert.equal(await page.runAll(), true, outputText((await page.outputs()).flat()));

    const [one, other] = [await page.cell(0), await page.cell(1)];
    const status = (cell: typeof one) => cell.locator("[role=status]");
    const unchanged = await status(other).textContent();
    await one.locator("[role=button]").first().focus();
    assert.match((await status(one).textContent()) ?? "", /^The: given, not predicted/);
    await page.page.keyboard.press("ArrowRight");
    assert.match(
      (await status(one).textContent()) ?? "",
      /^␣capital: 4\.1%, rank 2, log-probability -3\.20, entropy 2\.50/,
    );
    assert.equal(await status(other).textContent(), unchanged);

    const attention = await page.cell(2);
    const heads = attention.locator("[aria-label=Heads] button");
    assert.equal(await heads.count(), 2);
    await heads.first().focus();
    await page.page.keyboard.press("ArrowRight");
    assert.equal(await attention.locator("button[aria-pressed=true]").getAttribute("aria-label"), "Layer 18, head 1");
    const told = async () => (await attention.locator("[role=status]").textContent()) ?? "";
    const row = await told();
    await attention.locator("span[role=button]").nth(3).focus();
    assert.notEqual(await told(), row);
    assert.match(await told(), /^☀ 1\/2 \(token 3\) looks at /);
    await attention.locator("button", { hasText: "Hide the first token" }).click();
    assert.doesNotMatch(await told(), /The \d/);

    const branches = await page.cell(3);
    await branches.locator("span[role=button]").first().focus();
    await page.page.keyboard.press("Enter");
    assert.equal(
      await branches.locator("[role=status] div").textContent(),
      `The capital of France is${hostile.replaceAll("␣", " ")}`,
    );
    await page.page.keyboard.press("ArrowLeft");
    assert.equal(await branches.locator("details").first().getAttribute("open"), null);

    const lens = await page.cell(4);
    await lens.locator("[role=application]").focus();
    await page.page.keyboard.press("ArrowLeft");
    await page.page.keyboard.press("Enter");
    assert.match((await lens.locator("[role=region] table").textContent()) ?? "", /layer 4.+embed/s);

    const patch = await page.cell(5);
    await patch.locator("[role=application]").focus();
    await page.page.keyboard.press("Enter");
    assert.match(
      (await patch.locator("[role=region]").textContent()) ?? "",
      /^layer 5, position 4 \(␣is\): restores 0\.00/,
    );
    assert.deepEqual(alerts, []);
    assert.equal(await page.page.evaluate(() => document.querySelectorAll("img[src=x]").length), 0);
    await page.screenshot("views-live");
    await page.close();
  });

  it("watch's stop button ends the generation, and the last state stays", async () => {
    lab.writeNotebook("watch.ipynb", [
      `import { AutoModelForCausalLM, defaultModel, watch } from "phi3lab";
const model = await AutoModelForCausalLM.from_pretrained(await defaultModel());`,
      'await watch(model, { prompt: "The capital of France is", max_new_tokens: 4000, eos_token_id: [] })',
    ]);
    page = await lab.open("watch.ipynb");
    assert.equal(await page.run(0), true);
    const running = page.run(1);
    const cell = await page.cell(1);
    await cell.getByText(/([4-9]|\d\d) new tokens so far/).waitFor();
    // The button is a new one with each token.
    await page.page.evaluate(() => {
      for (const button of document.querySelectorAll(".jp-RenderedHTML button")) button.click();
    });
    assert.notEqual(await running, true);
    assert.match(
      outputText((await page.outputs())[1] ?? []),
      /The capital of France is Paris[\s\S]+ new tokens, then stopped; /,
    );
    await cell
      .getByText(/new tokens, then stopped; /)
      .first()
      .waitFor();
    await page.screenshot("watch-stopped");
    await page.close();
  });
});
