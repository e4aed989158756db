/** Lines: on axes of numbers and of powers of ten, up or down, their labels at their ends, their legend. */
import assert from "node:assert/strict";
import { Figure } from "../../src/plots/figure";
import type { Line, NumberAxis, Panel } from "../../src/plots/plot";
import { scales, spread, ticks } from "../../src/plots/scale";
import { palette } from "../../src/plots/style";
import { elements } from "./plots_help";

type Trace = Record<string, unknown>;
const points = ({ points: source = "" }: Record<string, string>): number[][] =>
  source.split(" ").map((point) => point.split(",").map(Number));

/** Ranks by layer: the proof that lines on a reversed axis of powers, named at their ends, are a short function. */
function ranks(watched: Record<string, number[]>): Figure {
  const marks = Object.entries(watched).map(
    ([label, y]): Line => ({ mark: "line", x: y.map((_, i) => i), y, colour: palette.first, series: label, label }),
  );
  const x: NumberAxis = { kind: "linear", name: "layer", format: "whole" };
  const y: NumberAxis = { kind: "log", name: "rank", format: "whole", reversed: true };
  return new Figure({ title: "Ranks", panels: [{ x, y, marks }] });
}

describe("lines on a reversed axis of powers of ten", () => {
  const figure = ranks({ "␣Paris": [10_000, 100, 1], "␣the": [10, 10, 10] });

  it("have their least number at the top and the same way from each power to the next, in each form", () => {
    const [paris, the] = elements(figure.toSVG(), "polyline").map(points) as [number[][], number[][]];
    const [first, second, third] = paris.map(([, y]) => y) as [number, number, number];
    assert.ok(first > second && second > third);
    assert.ok(Math.abs(first - second - (second - third)) < 0.05);
    assert.ok(Math.abs((the[0]?.[1] as number) - (second + third) / 2) < 0.05);
    const { type, range, dtick } = figure.layout.yaxis as Trace;
    const [bottom, top] = range as [number, number];
    assert.deepEqual([type, dtick], ["log", 1]);
    assert.ok(bottom > 4 && bottom < 4.5 && top < 0 && top > -0.5, `${range}`);
    assert.deepEqual(String(figure).split("\n"), [
      "Ranks",
      "␣Paris  ▁▅█  from 10,000 to 1",
      "␣the    ▆▆▆  from 10 to 10",
    ]);
  });

  it("have marks at the powers alone", () => {
    const labels = elements(figure.toSVG(), "text").map(({ text }) => text);
    for (const label of ["1", "10", "100", "1,000", "10,000"]) assert.ok(labels.includes(label), label);
    assert.ok(!labels.includes("0") || labels.indexOf("0") === labels.lastIndexOf("0"));
  });

  it("are named at their ends, live in one group with their names, and so have no legend in a picture", () => {
    const all = figure.data as Trace[];
    assert.deepEqual(
      all.map(({ mode, legendgroup, showlegend }) => [mode, legendgroup, showlegend]),
      [
        ["lines", "␣Paris", true],
        ["lines", "␣the", true],
        ["text", "␣Paris", false],
        ["text", "␣the", false],
      ],
    );
    assert.equal(elements(figure.toSVG(), "rect").length, 0);
    assert.equal(elements(figure.toSVG(), "text").filter(({ text }) => text === "␣Paris").length, 1);
  });

  it("have names that do not lie on each other where the lines end at one place", () => {
    const same = ranks(Object.fromEntries(["a", "b", "c", "d"].map((name) => [name, [5, 1]])));
    const heights = elements(same.toSVG(), "text")
      .filter(({ text }) => /^[a-d]$/.test(text as string))
      .map(({ y }) => Number(y))
      .sort((a, b) => a - b);
    assert.equal(heights.length, 4);
    for (const [i, y] of heights.slice(1).entries()) assert.ok(y - (heights[i] as number) >= 15.9, heights.join());
  });
});

describe("a line", () => {
  const one = (y: number[], axis: Partial<NumberAxis> = {}): Panel => ({
    x: { kind: "linear" },
    y: { kind: "linear", ...axis } as NumberAxis,
    marks: [{ mark: "line", x: y.map((_, i) => i + 5), y, colour: palette.first }],
  });
  const drawn = (panel: Panel): Figure => new Figure({ title: "Line", panels: [panel] });

  it("is broken where a number has no place: NaN, and on an axis of powers 0", () => {
    for (const figure of [drawn(one([1, 2, Number.NaN, 3, 4])), drawn(one([1, 2, 0, 3, 4], { kind: "log" }))]) {
      assert.equal(elements(figure.toSVG(), "polyline").length, 2);
      assert.deepEqual((figure.data[0] as { y: unknown[] }).y, [1, 2, null, 3, 4]);
      assert.match(String(figure), /[▁-█]{2} [▁-█]{2} {2}from 1 to 4/);
    }
  });

  it("runs from end to end of its x axis; its y axis holds 0 and ends at round numbers, unless it is told", () => {
    const { x, y } = scales(one([10, 47]));
    assert.deepEqual(
      [x.ends, y.ends],
      [
        [5, 6],
        [0, 50],
      ],
    );
    assert.deepEqual(scales(one([10, 47], { range: [40, 60] })).y.ends, [40, 60]);
    assert.deepEqual(scales(one([10, 47], { reversed: true })).y.ends, [50, 0]);
    assert.deepEqual((drawn(one([10, 47], { range: [40, 60] })).layout.yaxis as Trace).range, [40, 60]);
  });

  it("of thousands of points is 40 letters, and its picture has all of them", () => {
    const figure = drawn(one(Array.from({ length: 5000 }, (_, i) => i)));
    assert.match(String(figure), /^Line\n {2}▁+▂+▃+▄+▅+▆+▇+█+ {2}from 0 to 4999$/);
    assert.equal(/([▁-█]+)/.exec(String(figure))?.[1]?.length, 40);
    assert.equal(points(elements(figure.toSVG(), "polyline")[0] ?? {}).length, 5000);
  });
});

describe("a legend", () => {
  const names = Array.from({ length: 8 }, (_, i) => `series number ${i}`);
  const panel = (series: string[]): Panel => ({
    ...{ x: { kind: "linear" }, y: { kind: "linear" } },
    marks: series.map((name): Line => ({ mark: "line", x: [0, 1], y: [0, 1], colour: palette.first, series: name })),
  });
  const figure = (...panels: Panel[]): Figure => new Figure({ title: "Legend", panels });

  it("has an entry once for all panels, which is the group of all marks of its series", () => {
    const two = figure(panel(["a", "b"]), panel(["b", "c"]));
    assert.deepEqual(
      (two.data as Trace[]).map(({ legendgroup, showlegend, xaxis = "x" }) => [legendgroup, showlegend, xaxis]),
      [
        ["a", true, "x"],
        ["b", true, "x"],
        ["b", false, "x2"],
        ["c", true, "x2"],
      ],
    );
    assert.deepEqual(
      elements(two.toSVG(), "text").flatMap(({ text }) => (/^[abc]$/.test(text as string) ? [text] : [])),
      ["a", "b", "c"],
    );
  });

  it("of many series is rows, for which there is room in a picture as in the narrowest cell", () => {
    const svg = figure(panel(names)).toSVG();
    const width = Number(/width="(\d+)"/.exec(svg)?.[1]);
    const entries = elements(svg, "text").filter(({ text }) => names.includes(text as string));
    assert.equal(entries.length, names.length);
    assert.ok(new Set(entries.map(({ y }) => y)).size > 1);
    for (const { x, text } of entries) assert.ok(Number(x) + (text as string).length * 7.5 < width, text);
    const top = (count: number) => (figure(panel(names.slice(0, count))).layout.margin as { t: number }).t;
    assert.equal(top(8) - top(1), 3 * 29, "two of them have room beside each other");
  });
});

describe("spread", () => {
  it("keeps places that are far enough apart, and moves the others no further than they must", () => {
    const moved = (places: number[]) => spread(places, 0.1, [0, 1]).map((place) => Number(place.toFixed(9)));
    assert.deepEqual(moved([0.1, 0.9, 0.5]), [0.1, 0.9, 0.5]);
    assert.deepEqual(moved([0.5, 0.5]), [0.45, 0.55]);
    assert.deepEqual(moved([0.5, 0.55, 0.9]), [0.475, 0.575, 0.9]);
    assert.deepEqual(moved([1, 1]), [0.9, 1]);
  });

  it("keeps their order and their distance, and stays inside where there is room, whatever they are", () => {
    let seed = 1;
    const random = () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    for (let round = 0; round < 300; round++) {
      const places = Array.from({ length: 1 + Math.floor(random() * 10) }, () => Math.round(random() * 8) / 8);
      const given = [...places.keys()].sort((i, j) => (places[i] as number) - (places[j] as number));
      const moved = spread(places, 0.1, [0, 1]);
      const sorted = given.map((i) => moved[i] as number);
      for (const [i, place] of sorted.slice(1).entries()) assert.ok(place - (sorted[i] as number) > 0.1 - 1e-9);
      assert.ok(Math.min(...moved) > -1e-9 && Math.max(...moved) < 1 + 1e-9);
    }
  });
});

describe("marks of an axis", () => {
  it("are round numbers around what is shown", () => {
    assert.deepEqual(ticks(0, 47), [0, 10, 20, 30, 40, 50]);
    assert.deepEqual(ticks(-1.2, 3.4), [-2, -1, 0, 1, 2, 3, 4]);
    assert.deepEqual(ticks(0, 0.3), [0, 0.1, 0.2, 0.3]);
    assert.deepEqual(ticks(0, 0), [0, 1]);
    assert.deepEqual(ticks(Number.NaN, Number.NaN), [0, 1]);
  });
});
