/** Each kind of mark, drawn live, as a still picture and in letters: the three say the same. */
import assert from "node:assert/strict";
import { Figure } from "../../src/plots/figure";
import type { Axis, Line, Mark, Plot } from "../../src/plots/plot";
import { colourOf, palette } from "../../src/plots/style";
import { elements, parseXml, shapes } from "./plots_help";

const hostile = "<b>&\"'";
type Trace = Record<string, unknown>;
const trace = (figure: Figure, index = 0): Trace => figure.data[index] as Trace;
const axisOf = (figure: Figure, name: string) => figure.layout[name] as Record<string, unknown>;
const lines = (figure: Figure): string[] => String(figure).split("\n");

/** What each layer would say at each position: the proof that a heatmap with text in it is a short function. */
function lens(tokens: string[], layers: { token: string; probability: number }[][]): Figure {
  const mark: Mark = {
    mark: "cells",
    values: layers.map((row) => row.map(({ probability }) => probability)),
    text: layers.map((row) => row.map(({ token }) => token)),
    colour: { name: "probability", range: [0, 1], format: "percent" },
  };
  const x: Axis = { kind: "category", name: "position", labels: tokens, monospace: true };
  const y: Axis = { kind: "category", name: "layer", labels: layers.map((_, i) => String(i)), reversed: true };
  return new Figure({ title: "What each layer would say", panels: [{ x, y, marks: [mark] }] });
}

/** A heatmap without text. */
const heatmap = (values: (number | null)[][], range: [number, number]): Figure =>
  new Figure({
    title: "Heatmap",
    panels: [
      {
        x: { kind: "category", labels: (values[0] ?? []).map((_, i) => `column ${i}`) },
        y: { kind: "category", labels: values.map((_, i) => `row ${i}`) },
        marks: [{ mark: "cells", values, colour: { name: "weight", range } }],
      },
    ],
  });

describe("cells", () => {
  const said = (token: string, probability: number) => ({ token, probability });
  const figure = lens(
    ["␣The", "␣The"],
    [
      [said("sers", 0), said(hostile, 0.5)],
      [said("␣Paris", 1), said("␣the", 0.25)],
    ],
  );

  it("have their text in them and their colour behind it, in each form", () => {
    const { type, z, text, hovertext } = trace(figure) as {
      type: string;
      z: unknown;
      text: unknown;
      hovertext: unknown;
    };
    assert.equal(type, "heatmap");
    assert.deepEqual(z, [
      [0, 0.5],
      [1, 0.25],
    ]);
    assert.deepEqual(text, [
      ["sers", "&lt;b&gt;&amp;\"'"],
      ["␣Paris", "␣the"],
    ]);
    assert.equal((hovertext as string[][])[1]?.[0], "1, ␣The<br>probability 100%");

    const cells = elements(figure.toSVG(), "rect").filter(({ title }) => title !== "");
    assert.deepEqual(
      cells.map(({ title, fill }) => [title, fill]),
      [
        ["0, ␣The\nprobability 0%", `${palette.paper}ff`],
        ["0, ␣The\nprobability 50%", "#93bff4ff"],
        ["1, ␣The\nprobability 100%", `${palette.first}ff`],
        ["1, ␣The\nprobability 25%", "#bed7f5ff"],
      ],
    );
    assert.deepEqual(lines(figure).slice(1), [
      "   ␣The      ␣The",
      "1  █ ␣Paris  ░ ␣the",
      `0  · sers    ▒ ${hostile}`,
      "probability: · 0%, █ 100%",
    ]);
  });

  it("of a reversed axis grow upwards: the first row is the lowest", () => {
    const [first, , second] = elements(figure.toSVG(), "rect").filter(({ title }) => title !== "");
    assert.ok(Number(first?.y) > Number(second?.y));
    assert.deepEqual(axisOf(figure, "yaxis").range, [-0.5, 1.5]);
    assert.deepEqual(axisOf(heatmap([[1], [2]], [0, 2]), "yaxis").range, [1.5, -0.5]);
  });

  it("of columns called the same stand beside each other", () => {
    const { x } = trace(figure) as { x: string[] };
    assert.equal(new Set(x).size, 2);
    assert.deepEqual(
      x.map((name) => name.replaceAll("\u200b", "")),
      ["␣The", "␣The"],
    );
  });

  it("can be read: text on each of their colours has a contrast of 4.5, on a light page as on a dark one", () => {
    const luminance = (hex: string): number => {
      const [r, g, b] = [1, 3, 5].map((at) => {
        const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      }) as [number, number, number];
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    for (const range of [[0, 1] as const, [-1, 1] as const])
      for (let value = range[0]; value <= 1; value += 0.05) {
        const colour = colourOf(value, range, "paper");
        const contrast = (luminance(colour) + 0.05) / (luminance(palette.onPaper) + 0.05);
        assert.equal(colour.slice(7), "ff", "nothing of the page is seen through");
        assert.ok(contrast >= 4.5, `${contrast} at ${value}`);
      }
  });

  it("without text let the page's own ground show, and a null is no cell", () => {
    const triangle = heatmap(
      [
        [0, null],
        [0.5, 1],
      ],
      [0, 1],
    );
    const cells = elements(triangle.toSVG(), "rect").filter(({ title }) => title !== "");
    assert.deepEqual(
      cells.map(({ fill }) => fill),
      [`${palette.first}00`, `${palette.first}80`, `${palette.first}ff`],
    );
    assert.deepEqual(lines(triangle).slice(2, 4), ["row 0  ··", "row 1  ▒▒      ██"]);
    assert.deepEqual((trace(triangle).z as unknown[][])[0], [0, null]);
  });

  it("of negative numbers have another hue and a sign in letters, as strong as the same number above 0", () => {
    const signed = heatmap([[-0.5, 0, 0.5]], [-0.5, 1]);
    const [below, zero, above] = elements(signed.toSVG(), "rect").map(({ fill }) => fill as string);
    assert.deepEqual([below, zero, above], [`${palette.second}80`, `${palette.first}00`, `${palette.first}80`]);
    assert.deepEqual([trace(signed).zmin, trace(signed).zmax], [-1, 1]);
    assert.equal(lines(signed)[2], "row 0  −▒      +·      +▒");
  });

  it("of many columns are a table of several parts in letters, none wider than 100", () => {
    const wide = lens(
      Array.from({ length: 30 }, (_, i) => `token ${i}`),
      [Array.from({ length: 30 }, () => said("␣something", 0.5))],
    );
    assert.ok(lines(wide).length > 6);
    for (const line of lines(wide)) assert.ok([...line].length <= 100, line);
    assert.equal(String(wide).match(/▒ ␣something/g)?.length, 30);
  });
});

describe("bars to both sides", () => {
  const figure = new Figure({
    title: "Attribution",
    caption: "in logits",
    panels: [
      {
        x: { kind: "linear", name: "logits" },
        y: { kind: "category", labels: ["one", "two"] },
        marks: [
          {
            mark: "bars",
            bars: [
              { value: 3, text: "3.0", about: "one", colour: palette.first },
              { value: -1, text: "-1.0", about: "two", colour: palette.second },
            ],
          },
          { mark: "rule", x: 2, name: "direct" },
        ],
      },
    ],
  });

  it("begin at the same 0, their texts at their outer ends", () => {
    const [one, two] = elements(figure.toSVG(), "rect").map(({ x, width }) => [Number(x), Number(width)]) as number[][];
    assert.ok(Math.abs((two?.[0] as number) + (two?.[1] as number) - (one?.[0] as number)) < 0.02);
    assert.ok(Math.abs((one?.[1] as number) / (two?.[1] as number) - 3) < 0.01);
    const texts = elements(figure.toSVG(), "text");
    assert.equal(texts.find(({ text }) => text === "-1.0")?.["text-anchor"], "end");
    assert.deepEqual(lines(figure).slice(1), [
      `one       3.0  ${" ".repeat(10)}${"█".repeat(30)}`,
      `two      -1.0  ${"█".repeat(10)}`,
      "direct: 2",
      "in logits",
    ]);
  });

  it("have room for a negative number's text before the labels", () => {
    const [low] = axisOf(figure, "xaxis").range as number[];
    assert.ok((low as number) < -1.4, `${low}`);
  });

  it("have a rule across them", () => {
    const [rule] = figure.layout.shapes as Trace[];
    assert.deepEqual([rule?.x0, rule?.x1, rule?.yref], [2, 2, "y domain"]);
    assert.ok(elements(figure.toSVG(), "text").some(({ text }) => text === "direct"));
  });
});

describe("points", () => {
  const plot: Plot = {
    title: "Embeddings",
    panels: [
      {
        x: { kind: "linear", name: "first" },
        y: { kind: "linear", name: "second" },
        marks: [
          {
            mark: "points",
            colour: palette.first,
            points: [
              { x: 1, y: -2, label: hostile, about: `${hostile}\nnorm 2.2` },
              { x: Number.NaN, y: 0, about: "nowhere" },
            ],
          },
        ],
      },
    ],
  };

  it("stand where they are, named; one that has no place is left out", () => {
    const figure = new Figure(plot);
    const { x, y, text } = trace(figure);
    assert.deepEqual(
      [x, y, text],
      [
        [1, null],
        [-2, 0],
        ["&lt;b&gt;&amp;\"'", ""],
      ],
    );
    assert.equal(elements(figure.toSVG(), "rect").length, 1);
    assert.deepEqual(lines(figure), ["Embeddings", `${hostile}, norm 2.2`, "nowhere"]);
  });
});

describe("every mark", () => {
  it("that reads like markup is text", () => {
    const line: Line = { mark: "line", x: [0, 1], y: [1, 2], colour: palette.first, series: hostile, label: hostile };
    const x: Axis = { kind: "linear", name: hostile };
    const marks: Mark[] = [line, { mark: "rule", y: 1, name: hostile }];
    marks.push({ mark: "points", points: [{ x: 1, y: 1, label: hostile, about: hostile }], colour: palette.second });
    const cells: Mark = { mark: "cells", values: [[1]], text: [[hostile]], colour: { name: hostile, range: [0, 1] } };
    const labels: Axis = { kind: "category", name: hostile, labels: [hostile] };
    const figure = new Figure({
      ...{ title: hostile, caption: hostile },
      panels: [
        { x, y: x, marks },
        { x: labels, y: labels, marks: [cells] },
      ],
    });
    const own = /<br>|<span style=\\"color:#[0-9a-f]{6}\\">|<span style=\\"font-size:12px\\">|<\/span>|<\/?extra>/g;
    assert.doesNotMatch(JSON.stringify([figure.data, figure.layout]).replace(own, ""), /<|&(?!lt;|gt;|amp;)/);
    const { names, texts } = parseXml(figure.toSVG());
    for (const name of names) assert.ok(shapes.has(name), `<${name}> is no shape of ours`);
    assert.ok(texts.filter((text) => text.includes(hostile)).length >= 10);
  });

  it("that has no number at all is drawn as nothing, and its axes are whole", () => {
    const line: Line = { mark: "line", x: [0, 1], y: [Number.NaN, Number.NaN], colour: palette.first, label: "none" };
    for (const kind of ["linear", "log"] as const) {
      const figure = new Figure({ title: "None", panels: [{ x: { kind: "linear" }, y: { kind }, marks: [line] }] });
      assert.doesNotMatch(figure.toSVG(), /NaN|undefined|polyline/);
      assert.doesNotMatch(JSON.stringify(figure.layout), /null|NaN/);
    }
    assert.doesNotMatch(heatmap([[3, 3]], [3, 3]).toSVG(), /NaN/);
  });
});
