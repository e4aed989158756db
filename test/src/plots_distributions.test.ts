/** How times are spread, drawn live, as a picture and in letters. */
import assert from "node:assert/strict";
import { plotDistributions } from "../../src";
import { parseXml } from "./plots_help";

interface Trace {
  type: string;
  name?: string;
  x: number[];
  y: number[];
}

describe("plotDistributions", () => {
  const times = (scale: number) => [1, 2, 3, 4, 5].map((time) => time * scale);

  it("draws each median as a bar, in the unit of the slowest", () => {
    const figure = plotDistributions({
      series: [
        { name: "a", times: times(1e-3) },
        { name: "b", times: times(2e-3) },
      ],
    });
    const bars = (figure.data as Trace[]).filter(({ type }) => type === "bar");
    assert.deepEqual(
      bars.flatMap(({ x }) => x),
      [3, 6],
    );
    assert.match(JSON.stringify(figure.layout), /median \(ms\)/);
  });

  it("draws a curve a series that is highest where most times are, and nowhere high where none is", () => {
    const spread = [...Array<number>(20).fill(1e-6), 4e-6];
    const [curve] = (plotDistributions({ series: [{ name: "a", times: spread }] }).data as Trace[]).filter(
      ({ type }) => type === "scatter",
    ) as [Trace];
    const height = (at: number): number => {
      const nearest = curve.x.reduce(
        (best, x, i) => (Math.abs(x - at) < Math.abs((curve.x[best] as number) - at) ? i : best),
        0,
      );
      return curve.y[nearest] as number;
    };
    assert.ok(height(1) > 0.9 && height(2) < 0.01 && height(4) > 0.03 && height(4) < 0.2);
  });

  it("takes powers of ten where one is far slower, and says every time in its own unit", () => {
    const figure = plotDistributions({
      series: [
        { name: "fast", times: times(1e-9) },
        { name: "slow", times: times(1) },
      ],
    });
    assert.match(JSON.stringify(figure.layout), /"type":"log"/);
    assert.match(String(figure), /fast +from 1 ns to 5 ns in 5 times\nslow +from 1 s to 5 s in 5 times/);
    parseXml(figure.toSVG());
  });

  it("draws series of one time, more of them than there are colours, and hostile names", () => {
    const series = Array.from({ length: 7 }, (_, i) => ({ name: `<b>&"'${i}`, times: [0.1 + i] }));
    parseXml(plotDistributions({ series }).toSVG());
  });

  it("refuses what it cannot draw with a sentence", () => {
    assert.throws(() => plotDistributions({ series: [] }), /Expected at least one series .* received none/);
    for (const bad of [[], [0], [1, Number.NaN]])
      assert.throws(
        () => plotDistributions({ series: [{ name: "x", times: bad }] }),
        /Expected times above 0, in seconds, for the series "x"/,
      );
  });
});
