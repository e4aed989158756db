/** Drawings of what is inside, from results made by hand: what they say, in every form, and what they never do. */
import assert from "node:assert/strict";
import { inflateSync } from "node:zlib";
import {
  type Drawing,
  Figure,
  plotAttribution,
  plotCompare,
  plotEmbeddings,
  plotHeads,
  plotLens,
  plotMemory,
  plotPatch,
  plotTokens,
  plotTree,
  type TokenScore,
  TokenScores,
} from "../../src";
import { jupyterDisplay } from "../../src/host";
import { attentionView } from "../../src/plots/attention";
import { principalComponents } from "../../src/plots/components";
import { paletteOf } from "../../src/plots/indexed_png";
import { watchView } from "../../src/plots/watch_view";
import { parseXml } from "./plots_help";
import {
  attribution,
  comparison,
  filled,
  grid,
  dataOf,
  headScores,
  lensResult,
  memory,
  noise,
  scores,
  tree,
  weights,
} from "./plots_results";

const bundle = (shown: Drawing): Record<string, string> =>
  (shown as unknown as Record<symbol, () => Record<string, string>>)[jupyterDisplay]?.() as Record<string, string>;

const hostile = "</script><img src=x onerror=alert(1)>";

/** Every kind of drawing, of tokens with this label. */
const drawings = (label: string): Record<string, Drawing> => ({
  heads: plotHeads(headScores()),
  lens: plotLens(lensResult(6, 3, [label, "b"])),
  attribution: plotAttribution(attribution("layer", 30, 9, label)),
  "attribution by head": plotAttribution(attribution("head", 30, 9, label)),
  patch: plotPatch(grid("position", 30, 5, label)),
  compare: plotCompare({ ...comparison(), names: [label, "other"] }),
  memory: plotMemory(memory(100)),
  "growing memory": plotMemory([1, 128, 129].map((positions) => memory(positions))),
  embeddings: plotEmbeddings(filled([5, 8], noise), ["a", "b", label, "d", "e"]),
  tree: plotTree(
    tree([
      [label, 0.7, [[label, 0.5]]],
      ["b", 0.1],
    ]),
  ),
  attention: attentionView(weights(6, [label, "b"]), "Attention"),
  watch: watchView({
    ...{
      state: "done",
      title: "Watched",
      views: ["tokens", "lens"],
      scores: scores([label, "b"]),
      token_ms: 20,
      cache: 4096,
    },
    lens: { token: label, words: [{ layer: "embed", label, probability: 0.5 }] },
  }),
});

describe("drawings of what is inside", function () {
  this.timeout(60_000);

  it("are whole pictures, whose text is a token's own, whatever it reads like", () => {
    for (const [name, drawing] of Object.entries(drawings(hostile))) {
      const { names, texts } = parseXml(drawing.toSVG());
      for (const element of names)
        assert.ok(
          ["svg", "g", "text", "rect", "line", "title", "polyline", "image"].includes(element),
          `${name}: <${element}>`,
        );
      assert.ok(texts.length > 3, name);
      const html = bundle(drawing)["text/html"] as string;
      assert.doesNotMatch(html, /<img src=x/, name);
      const scripts = [...html.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(([, source]) => source as string);
      assert.equal(html.match(/<\/script/g)?.length ?? 0, scripts.length, name);
      for (const script of scripts) assert.doesNotThrow(() => new Function(script), name);
    }
  });

  it("name no address, and nothing that a second one on the page could have", () => {
    for (const [name, drawing] of Object.entries(drawings("␣Paris"))) {
      const html = bundle(drawing)["text/html"] as string;
      assert.doesNotMatch(html, /\sid=|require\(|fetch\(|import\(|XMLHttpRequest/, name);
      const addresses = [...html.matchAll(/(?:https?:)?\/\/[\w.-]+\.\w+[^"' )]*/g)].map(([address]) => address);
      assert.deepEqual(
        [...new Set(addresses)].filter((address) => address !== "http://www.w3.org/2000/svg"),
        [],
        name,
      );
    }
  });

  it("are a picture and text where PHI3LAB_STATIC asks for it, and by static()", () => {
    for (const [name, drawing] of Object.entries(drawings("␣Paris"))) {
      process.env.PHI3LAB_STATIC = "1";
      try {
        assert.deepEqual(Object.keys(bundle(drawing)), ["image/png", "text/plain"], name);
      } finally {
        delete process.env.PHI3LAB_STATIC;
      }
      const { "image/png": png } = drawing.static() as Record<string, string>;
      assert.equal(
        Buffer.from(png as string, "base64")
          .subarray(1, 4)
          .toString(),
        "PNG",
        name,
      );
      const usual =
        drawing instanceof Figure
          ? ["application/vnd.plotly.v1+json", "text/html", "text/plain"]
          : ["text/html", "image/png", "text/plain"];
      assert.deepEqual(Object.keys(bundle(drawing)), usual, name);
    }
  });

  it("say what they took in the last line of their text", () => {
    const all = drawings("␣Paris");
    for (const name of ["heads", "attribution", "attribution by head", "patch", "compare", "tree"])
      assert.match(String(all[name]).split("\n").at(-1) as string, /812 ms, 90 passes, 3\.1 MiB kept$/, name);
  });

  it("of 1,000 tokens and 30 layers take 500 kB at most, or name what makes them smaller", () => {
    const large: (() => Drawing)[] = [
      () => plotPatch(grid("position", 30, 1000)),
      () => attentionView(weights(1000, ["word"]), "Attention"),
      () => attentionView(weights(120, ["word"], 9), "Attention"),
      () => plotHeads(headScores(["induction", "previous", "first", "duplicate"], 32, 32)),
      () =>
        plotEmbeddings(
          filled([200, 64], noise),
          Array.from({ length: 200 }, (_, i) => `word ${i}`),
        ),
    ];
    const outcomes = large.map((make) => {
      try {
        const shown = bundle(make());
        delete shown["image/png"];
        const size = Buffer.byteLength(JSON.stringify(shown));
        assert.ok(size <= 500_000, `${size} bytes`);
        return "fits";
      } catch (error) {
        assert.match(
          (error as Error).message,
          /^Expected an output of at most 500,000 bytes but this one takes [\d,]+: /,
        );
        return (error as Error).message.split(": ")[1];
      }
    });
    assert.deepEqual(outcomes.slice(0, 3), [
      "patch fewer layers or positions",
      "show fewer heads (heads), or keep fewer positions (run_with_cache's positions)",
      "fits",
    ]);
    assert.equal(outcomes[3], "fits");
  });

  it("refuse what is none of their results", () => {
    const none = {} as never;
    assert.throws(() => plotHeads(none), /Expected what model\.head_scores gave for plotHeads/);
    assert.throws(() => plotAttribution(none), /Expected what model\.attribute gave/);
    assert.throws(() => plotPatch(none), /Expected what model\.patch_grid gave/);
    assert.throws(() => plotCompare(none), /Expected what compare gave/);
    assert.throws(() => plotMemory(none), /Expected what past_key_values\.memory\(\) gave/);
    assert.throws(() => plotTree(none), /Expected what model\.tree gave/);
    assert.throws(
      () => plotEmbeddings(filled([3, 4], noise), ["a"]),
      /Expected 3 labels for plotEmbeddings but received 1/,
    );
    assert.throws(() => plotHeads(headScores(), { kinds: ["first"] }), /Expected kinds among induction, previous/);
  });
});

describe("what drawings say", () => {
  it("plotHeads names the strongest heads and numbers them on the map", () => {
    const figure = plotHeads(headScores(["induction"]), { n: 3 });
    assert.match(
      String(figure),
      /induction \(what followed the same token before\): L18H6 0\.82, L17H3 0\.74, L17H4 0\.7/,
    );
    const shown = bundle(figure)["text/html"] as string;
    const { maps, heads } = dataOf(shown) as { maps: { best: number[]; scores: number[] }[]; heads: number };
    assert.equal(heads, 9);
    assert.equal(maps[0]?.best[0], 18 * 9 + 6);
    assert.equal(maps[0]?.scores[18 * 9 + 6], 0.82);
    assert.match(figure.toSVG(), /layer 18, head 6\ninduction 0\.820/);
  });

  it("plotAttribution's sum so far ends where the head's score is", () => {
    const result = attribution("layer");
    const figure = plotAttribution(result);
    const sum = (figure.data as { name?: string; y: number[] }[]).find(({ name }) => name === "sum so far");
    assert.ok(Math.abs((sum?.y.at(-1) as number) - result.direct) < 1e-3);
    assert.match(String(figure), /^layer 23 attention +\+3\.02/m);
  });

  it("plotTokens writes tokens of which the ids alone are known as words of their own", () => {
    const tokens = [450, 7483, 310].map((id) => ({ ...(scores(["a"]).tokens[0] as TokenScore), id, text: String(id) }));
    const view = plotTokens(new TokenScores(tokens, scores([]).cost));
    assert.match(String(view), /^450 7483 310 ?$/m);
    assert.match((bundle(view)["text/html"] as string).replace(/<[^>]*>/g, ""), /450 7483 310/);
  });

  it("plotTree gives what no branch shows as others, and each way's text", () => {
    const view = plotTree(tree());
    assert.match(String(view), /│ {2}├─ \. 61% \(47%\)\n/);
    assert.match(String(view), /└─ others 15% \(15%\)\n/);
    const html = bundle(view)["text/html"] as string;
    assert.ok(html.includes('"The capital of France is Paris.\\n"'), "the way's text, for the script");
    assert.equal(html.match(/<details/g)?.length, 6);
  });

  it("plotAttention's table and text give the weights themselves", () => {
    const view = attentionView(weights(4, ["The", "␣capital", "␣of", "␣France"]), "Attention");
    assert.match(String(view), /^␣France +looks at +\S+ 0\.\d\d, /m);
    assert.match(bundle(view)["text/html"] as string, /<td[^>]*>␣France<\/td>/);
  });

  it("plotMemory draws the steps in which memory is set aside", () => {
    const figure = plotMemory(Array.from({ length: 200 }, (_, i) => memory(i + 1)));
    const [aside] = figure.data as { y: number[]; line: { shape?: string } }[];
    assert.equal(aside?.line.shape, "vh");
    assert.equal(new Set(aside?.y).size, 2);
  });

  it("plotEmbeddings' axes are NumPy's principal components", () => {
    // np.linalg.svd of the centred matrix, signs as here: its u[:, k] * s[k], and s[k]² of all.
    const values = Array.from(
      { length: 24 },
      (_, i) => (((Math.floor(i / 4) * 7919 + 31 * (i % 4) ** 2 + 17) % 211) - 105) / 105,
    );
    const { places, shares } = principalComponents(values, 6, 4);
    const expected: [places: number[], share: number][] = [
      [[-1.022431, 1.011785, -0.904277, 1.129939, -0.786123, 0.571105], 0.68811],
      [[-0.054166, -0.452402, -0.112672, -0.510908, -0.171178, 1.301326], 0.296933],
    ];
    for (const axis of [0, 1] as const) {
      assert.ok(Math.abs(shares[axis] - (expected[axis]?.[1] as number)) < 1e-5);
      places.forEach((place, i) => {
        assert.ok(Math.abs(place[axis] - (expected[axis] as [number[], number])[0][i]!) < 1e-5, `${i}: ${place[axis]}`);
      });
    }
  });

  it("a picture keeps its colours: all of up to 256, and of more those that cover the most", () => {
    const read = (file: Buffer): { points: Buffer; colours: Buffer } => {
      const parts = new Map<string, Buffer>();
      for (let at = 8; at < file.length; ) {
        const size = file.readUInt32BE(at);
        parts.set(file.toString("latin1", at + 4, at + 8), file.subarray(at + 8, at + 8 + size));
        at += size + 12;
      }
      return { points: inflateSync(parts.get("IDAT") as Buffer), colours: parts.get("PLTE") as Buffer };
    };
    const few = Uint8Array.from([10, 20, 30, 255, 40, 50, 60, 255, 10, 20, 30, 255, 1, 2, 3, 255]);
    const { points, colours } = read(paletteOf(few, 2, 2));
    const at = (x: number, y: number) => [...colours.subarray(3 * (points[y * 3 + 1 + x] as number)).subarray(0, 3)];
    assert.deepEqual(
      [at(0, 0), at(1, 0), at(0, 1), at(1, 1)],
      [
        [10, 20, 30],
        [40, 50, 60],
        [10, 20, 30],
        [1, 2, 3],
      ],
    );
    const many = Uint8Array.from({ length: 4 * 1024 }, (_, i) => (i % 4 === 3 ? 255 : i < 2048 ? 77 : (i * 7) % 251));
    const kept = read(paletteOf(many, 32, 32));
    assert.ok(kept.colours.length <= 768);
    assert.deepEqual([...kept.colours.subarray(0, 3)], [77, 77, 77]);
  });
});
