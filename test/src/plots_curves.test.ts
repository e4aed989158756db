/** Lines over common numbers, named at their ends, with upright marks. */
import assert from "node:assert/strict";
import { plotLines } from "../../src";
import { elements, parseXml, shapes } from "./plots_help";

describe("lines over common numbers", () => {
  const lines = { good: [-2, -1, 0], bad: [0, Number.NaN, -3] };
  const figure = plotLines(lines, { x: [-6, 0, 6], x_name: "strength", y_name: "nats", marks: { "left alone": 0 } });

  it("are drawn with their names, their axes' and the marks', in every form", () => {
    const svg = figure.toSVG();
    const { names, texts } = parseXml(svg);
    for (const name of names) assert.ok(shapes.has(name), name);
    for (const text of ["good", "bad", "strength", "nats", "left alone"]) assert.ok(texts.includes(text), text);
    assert.ok(elements(svg, "polyline").length >= 1);
    const traces = figure.data as { name?: string; x?: number[]; y?: number[] }[];
    assert.deepEqual(traces.find(({ name }) => name === "good")?.x, [-6, 0, 6]);
    assert.deepEqual(traces.find(({ name }) => name === "good")?.y, [-2, -1, 0]);
    assert.match(String(figure), /good .* from -2 to 0/);
    assert.match(String(figure), /left alone: 0/);
  });

  it("need as many numbers as there are places, and one line at least", () => {
    assert.throws(() => plotLines({ a: [1, 2], b: [1] }), /RangeError: Expected 2 numbers for the line b/);
    assert.throws(() => plotLines({ a: [1] }, { x: [1, 2] }), /Expected 2 numbers for the line a/);
    assert.throws(() => plotLines({}), /TypeError: Expected at least one line/);
  });
});
