/** Plots: what they draw is what the model computed, whatever its tokens are called, in every form they take. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AutoModelForCausalLM, AutoTokenizer, type Figure, plotNextToken, plotTimings, tensor } from "../../src";
import { jupyterDisplay } from "../../src/host";
import { Tensor } from "../../src/tensor";
import { namer, parseXml, shapes } from "./plots_help";
import { needSmollm } from "./tokenizer/models";

interface Bars {
  x: number[];
  customdata: [string, string][];
}
const plotly = "application/vnd.plotly.v1+json";
const bars = (figure: Figure): Bars => figure.data[0] as Bars;
const labels = (figure: Figure): string[] => (figure.layout.yaxis as { ticktext: string[] }).ticktext;
const near = (actual: number | undefined, expected: number, limit = 1e-6): void =>
  assert.ok(actual !== undefined && Math.abs(actual - expected) <= limit, `${actual} is not ${expected}`);

describe("plotNextToken", () => {
  // Probabilities 1/10, 2/10, 3/10 and 4/10.
  const logits = tensor([1, 2, 3, 4].map(Math.log), "float32");
  const tokenizer = namer("b", "c", "d");

  it("draws the probabilities that transformers gives of the same text", async function () {
    this.timeout(60_000);
    const path = await needSmollm(this);
    const golden = JSON.parse(readFileSync(join(__dirname, "..", "golden", "smollm2.json"), "utf8")) as {
      name: string;
      text: string;
      top: [number, number][];
    }[];
    const { text, top } = golden.find(({ name }) => name === "capital") as (typeof golden)[number];
    const real = await AutoTokenizer.from_pretrained(path);
    const model = await AutoModelForCausalLM.from_pretrained(path, { device: "cpu" });
    const output = await model(real(text).input_ids);
    const figure = plotNextToken(output.logits, { tokenizer: real, k: 10 });
    const { x, customdata } = bars(figure);
    top.forEach(([, probability], i) => {
      near(x[i], probability, 1e-3);
    });
    near(
      x.reduce((sum, value) => sum + value, 0),
      1,
    );
    near(x[10], 1 - top.reduce((sum, [, probability]) => sum + probability, 0), 5e-3);
    assert.equal(labels(figure)[0], "␣Paris");
    assert.match(customdata[0]?.[0] as string, new RegExp(`\\(token ${top[0]?.[0]}\\)`));
    await model.dispose();
  });

  it("draws the k best, the best first, and the mass of all the rest", () => {
    const figure = plotNextToken(logits, { tokenizer, k: 2 });
    const { x } = bars(figure);
    [0.4, 0.3, 0.3].forEach((expected, i) => {
      near(x[i], expected);
    });
    assert.deepEqual(labels(figure), ["d", "c", "2 others"]);
    assert.match(String(figure), /^Next token \(of 4 tokens\)\nd +40\.0%/);
  });

  it("draws no rest where the k are all, or k is more than there are", () => {
    for (const k of [4, 100]) assert.equal(bars(plotNextToken(logits, { tokenizer, k })).x.length, 4);
  });

  it("sharpens with the temperature as sampling does", () => {
    const { x } = bars(plotNextToken(logits, { tokenizer, temperature: 0.5 }));
    // Squares: 16 + 9 + 4 + 1 of 30.
    [16 / 30, 9 / 30, 4 / 30, 1 / 30].forEach((expected, i) => {
      near(x[i], expected);
    });
  });

  it("plots the last position of (T, vocab) and (1, T, vocab)", () => {
    const two = new Tensor("float32", [0, 0, 0, 9, ...[1, 2, 3, 4].map(Math.log)], [2, 4]);
    for (const given of [two, two.unsqueeze(0)]) near(bars(plotNextToken(given, { tokenizer })).x[0], 0.4);
  });

  it("makes spaces, line ends and control characters visible", () => {
    const odd = namer(" Paris", "\n\n", "\t\u0000\u00a0");
    assert.deepEqual(labels(plotNextToken(logits, { tokenizer: odd })), ["⇥␀⍽", "↵↵", "␣Paris", "a"]);
  });

  it("a token that reads like markup is text in plotly's figure, in the picture and in the page", async () => {
    const hostile = "<b>&\"'";
    const closing = "</script><svg onload=alert(1)>";
    const figure = plotNextToken(logits, { tokenizer: namer(hostile, closing, "\u0007]]>"), title: hostile });
    const shown = JSON.stringify(figure[jupyterDisplay]()[plotly]);
    assert.doesNotMatch(shown, /<b>|<svg|<\/script/);
    assert.ok(labels(figure).includes("&lt;b&gt;&amp;\"'"));

    const { names, texts } = parseXml(figure.toSVG());
    for (const name of names) assert.ok(shapes.has(name), `<${name}> is no shape of ours`);
    assert.ok(texts.includes(hostile), "the label is not in the picture as it is");

    const html = figure[jupyterDisplay]()["text/html"] as string;
    assert.match(html, /^<img alt="[^"<>]*" src="data:image\/svg\+xml;base64,[A-Za-z0-9+/=]+"\/>$/);

    const folder = mkdtempSync(join(tmpdir(), "phi3lab-plots-"));
    try {
      await figure.save(join(folder, "plot.html"));
      const page = readFileSync(join(folder, "plot.html"), "utf8");
      assert.equal(page.match(/<\/script/g)?.length, 2, "the page's own scripts alone end");
      const own = page.slice(page.indexOf("const figure = "));
      assert.doesNotMatch(own.slice(0, own.indexOf("</script>")), /<[a-z/!]/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("says what is wrong with what it is given", () => {
    const bad = (values: number[]) => () => plotNextToken(tensor(values, "float32"), { tokenizer });
    assert.throws(bad([1, Number.NaN, 2, 3]), /logits without NaN but received one for token 1/);
    assert.throws(bad([1, Infinity, 2, 3]), /finite maximum/);
    assert.throws(bad([-Infinity, -Infinity]), /finite maximum/);
    assert.throws(
      () => plotNextToken(new Tensor("float32", new Float32Array(8), [2, 1, 4]), { tokenizer }),
      /\[2, 1, 4\]/,
    );
    assert.throws(() => plotNextToken(logits, { tokenizer, k: 0 }), /integer > 0 for k but received 0/);
    assert.throws(() => plotNextToken(logits, { tokenizer, temperature: 0 }), /number > 0 for temperature/);
    assert.throws(() => plotNextToken(logits, { tokenizer, temprature: 1 } as never), /did you mean temperature/);
    assert.throws(() => plotNextToken(logits, undefined as never), /tokenizer/);
    assert.throws(() => plotNextToken([1, 2] as never, { tokenizer }), /[Ee]xpected.*logits/);
    assert.throws(() => plotNextToken(tensor([], "float32"), { tokenizer }), /[Ee]xpected.*logits/);
  });

  it("a token of no probability at all is a bar of no length", () => {
    const { x } = bars(plotNextToken(tensor([0, -Infinity, 0], "float32"), { tokenizer }));
    assert.deepEqual(x, [0.5, 0.5, 0]);
  });
});

describe("plotTimings", () => {
  const cached = { prompt_ms: 100, token_ms: Float64Array.of(10, 10, 10) };
  const uncached = { prompt_ms: 100, token_ms: Float64Array.of(110, 120, 130) };

  it("draws each token's time against its number, and the totals", () => {
    const figure = plotTimings({ cached, uncached });
    const [first, second, ...totals] = figure.data as { x: unknown[]; y: unknown[] }[];
    assert.deepEqual(
      [first?.x, first?.y],
      [
        [2, 3, 4],
        [10, 10, 10],
      ],
    );
    assert.deepEqual(
      [second?.x, second?.y],
      [
        [2, 3, 4],
        [110, 120, 130],
      ],
    );
    assert.deepEqual(
      totals.map(({ x, y }) => [y, x]),
      [
        [["with cache"], [0.13]],
        [["without cache"], [0.46]],
      ],
    );
    assert.match(String(figure), /with cache +130 ms; a token from 10\.00 ms.*\nwithout cache +460 ms/);
    assert.match(String(figure), /3\.5 times as long/);
  });

  it("takes the outputs of generate that hold timings", () => {
    assert.equal(
      String(plotTimings({ cached: { timings: cached }, uncached: { timings: uncached } })),
      String(plotTimings({ cached, uncached })),
    );
  });

  it("of two %%timeit results draws the totals alone, in seconds", () => {
    const figure = plotTimings({ cached: { average: 0.5 }, uncached: { average: 4 } });
    assert.deepEqual(
      (figure.data as { type: string; x: number[] }[]).map(({ type, x }) => [type, x]),
      [
        ["bar", [0.5]],
        ["bar", [4]],
      ],
    );
    assert.match(String(figure), /8\.0 times as long/);
  });

  it("draws one token, where there is no second to time", () => {
    const one = { prompt_ms: 5, token_ms: new Float64Array(0) };
    parseXml(plotTimings({ cached: one, uncached: one }).toSVG());
  });

  it("draws two tokens, the one time between them as a point", () => {
    const two = { prompt_ms: 5, token_ms: [3] };
    const figure = plotTimings({ cached: two, uncached: { average: 1 } });
    assert.equal((figure.data[0] as { mode: string }).mode, "markers");
    assert.equal(figure.toSVG().match(/<rect [^>]*width="6"/g)?.length, 1);
  });

  it("names each series once in the legend, and its line and bar are one group", () => {
    const groups = (figure: Figure) =>
      (figure.data as { type: string; legendgroup: string; showlegend?: boolean }[]).map((trace) =>
        [trace.type, trace.legendgroup, trace.showlegend ?? true].join(" "),
      );
    assert.deepEqual(groups(plotTimings({ cached, uncached })), [
      "scatter with cache true",
      "scatter without cache true",
      "bar with cache false",
      "bar without cache false",
    ]);
    assert.deepEqual(groups(plotTimings({ cached: { average: 1 }, uncached })), [
      "scatter without cache true",
      "bar with cache true",
      "bar without cache false",
    ]);
  });

  it("a title that reads like markup is text", () => {
    const figure = plotTimings({ cached, uncached, title: '<b onclick="x">&' });
    assert.doesNotMatch(JSON.stringify(figure.layout), /<b /);
    const { names } = parseXml(figure.toSVG());
    for (const name of names) assert.ok(shapes.has(name), `<${name}> is no shape of ours`);
  });

  it("says which of the two holds no times", () => {
    assert.throws(() => plotTimings({ cached, uncached: {} }), /timings for the series "without cache"/);
    assert.throws(() => plotTimings({ uncached } as never), /timings for the series "with cache"/);
    assert.throws(() => plotTimings({ cached, uncached: { average: Number.NaN } }), /"without cache"/);
    assert.throws(() => plotTimings(undefined as never), /cached|timings/);
  });
});

describe("a figure", () => {
  const figure = plotTimings({ cached: { average: 1 }, uncached: { average: 2 } });
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "phi3lab-plots-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  it("shows itself live, as a picture and as text, whichever a notebook can", () => {
    const shown = figure[jupyterDisplay]();
    assert.deepEqual(Object.keys(shown).sort(), [plotly, "text/html", "text/plain"]);
    const picture = /base64,([^"]+)"/.exec(shown["text/html"] as string)?.[1] as string;
    assert.equal(Buffer.from(picture, "base64").toString(), figure.toSVG());
    assert.equal(shown["text/plain"], String(figure));
  });

  it("leaves its height and width to the notebook, and offers no upload of what it shows", () => {
    const { layout, config } = figure[jupyterDisplay]()[plotly] as {
      layout: Record<string, unknown>;
      config: { responsive?: boolean; modeBarButtons: string[][] };
    };
    // `responsive` takes the height of the cell's number for the plot's.
    assert.equal(config.responsive, undefined);
    assert.ok((layout.height as number) > 100);
    assert.equal(layout.width, undefined);
    assert.deepEqual(config.modeBarButtons, [["toImage", "zoom2d", "pan2d", "resetScale2d"]]);
  });

  it("saves as a page that needs no network", async () => {
    await figure.save(join(folder, "plot.html"));
    const page = readFileSync(join(folder, "plot.html"), "utf8");
    assert.match(page, /^<!doctype html>/);
    assert.doesNotMatch(page, /<script[^>]+src=|<link/);
    assert.ok(page.includes('Plotly.newPlot("plot"'));
  });

  it("saves as the picture itself", async () => {
    await figure.save(join(folder, "plot.SVG"));
    assert.equal(readFileSync(join(folder, "plot.SVG"), "utf8"), figure.toSVG());
  });

  it("saves as PNG, twice the size, with something drawn on it", async () => {
    await figure.save(join(folder, "plot.png"));
    const png = readFileSync(join(folder, "plot.png"));
    assert.equal(png.toString("latin1", 1, 4), "PNG");
    const width = Number(/width="(\d+)"/.exec(figure.toSVG())?.[1]);
    assert.equal(png.readUInt32BE(16), 2 * width);
    assert.ok(png.length > 3000, `${png.length} bytes hold no bars and letters`);
  });

  it("says which endings there are, and why a file cannot be written", async () => {
    await assert.rejects(
      figure.save(join(folder, "plot.pdf")),
      /ends in \.html, \.svg or \.png but received ".*plot\.pdf"/,
    );
    await assert.rejects(figure.save(join(folder, "none", "plot.svg")), /ENOENT.*none/);
  });
});
