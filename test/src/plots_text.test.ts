/** Titles and labels of plots keep to the room there is, in every form of a plot. */
import assert from "node:assert/strict";
import { type Figure, plotNextToken, plotTimings, tensor } from "../../src";
import { namer } from "./plots_help";

describe("titles and labels", () => {
  const tokens = namer("aTokenOfFortyLettersThatNoMarginCanHold_", "\u6f22".repeat(30), "e\u0301".repeat(20));
  const title = `${"What comes after the capital of France, and how sure is the model of it? ".repeat(3).slice(0, 193)} THE END`;
  const figures = {
    bars: plotNextToken(tensor([4, 3, 2, 1], "float32"), { tokenizer: tokens, k: 3, title }),
    timings: plotTimings({ cached: { average: 1 }, uncached: { average: 2 }, title }),
  };
  const titleOf = (figure: Figure): string => (figure.layout.title as { text: string }).text;

  for (const [name, figure] of Object.entries(figures)) {
    it(`a title of 200 letters is four lines that end with an ellipsis (${name}, live)`, () => {
      const lines = titleOf(figure)
        .split("<br>")
        .filter((line) => !line.startsWith("<span"));
      assert.equal(lines.length, 4);
      for (const line of lines) assert.ok(line.length <= 40, `"${line}" is longer than a narrow cell`);
      assert.match(lines.at(-1) as string, /\w…$/);
    });

    it(`it is lines within the picture, and in full what a screen reader says (${name}, still)`, () => {
      const svg = figure.toSVG();
      const width = Number(/width="(\d+)"/.exec(svg)?.[1]);
      const lines = [...svg.matchAll(/font-weight="600"[^>]*>([^<]*)</g)].map((match) => match[1] as string);
      assert.ok(lines.length > 1);
      for (const line of lines) assert.ok(line.length * 9.9 < width, `"${line}" is longer than ${width} px`);
      assert.equal(lines.join(" "), title);
      assert.ok(/aria-label="([^"]*)"/.exec(svg)?.[1]?.startsWith(title));
    });

    it(`it is lines of 80 columns, nothing of it left out (${name}, in letters)`, () => {
      const lines = String(figure).split("\n").slice(0, 3);
      for (const line of lines) assert.ok(line.length <= 80);
      assert.ok(lines.join(" ").startsWith(title));
    });
  }

  it("a plot grows by the lines of its title", () => {
    const [short, long] = ["Short", title].map(
      (given) => plotTimings({ cached: { average: 1 }, uncached: { average: 2 }, title: given }).layout,
    ) as { height: number; margin: { t: number } }[];
    assert.equal((long?.height ?? 0) - (short?.height ?? 0), 3 * 20);
    assert.equal((long?.margin.t ?? 0) - (short?.margin.t ?? 0), 3 * 20);
  });

  it("a title's own line ends are kept, and a word that no line can hold is broken", () => {
    const lines = (given: string) =>
      titleOf(plotNextToken(tensor([1, 2], "float32"), { tokenizer: tokens, title: given })).split("<br>");
    assert.deepEqual(lines("one\ntwo"), ["one", "two"]);
    assert.deepEqual(lines("x".repeat(90)), ["x".repeat(40), "x".repeat(40), "x".repeat(10)]);
    // Ideographs are twice as wide as letters.
    assert.deepEqual(lines("\u6f22".repeat(25)), ["\u6f22".repeat(20), "\u6f22".repeat(5)]);
    assert.deepEqual(lines(""), [""]);
  });

  it("long labels are cut to the same width, whatever they are written in; pointing at a bar shows all of it", () => {
    assert.deepEqual((figures.bars.layout.yaxis as { ticktext: string[] }).ticktext, [
      "a",
      "aTokenOfFortyLettersTha…",
      `${"\u6f22".repeat(11)}…`,
      "1 other",
    ]);
    assert.match((figures.bars.data[0] as { customdata: string[][] }).customdata[2]?.[0] as string, /^\u6f22{30} /);
    const columns = String(figures.bars).split("\n").slice(3, 7);
    const wide = (text: string) => [...text].reduce((sum, one) => sum + (one === "\u6f22" ? 2 : 1), 0);
    assert.equal(new Set(columns.map((line) => wide(line.slice(0, line.indexOf("%"))))).size, 1, columns.join("\n"));
  });

  it("numbers are written out, however great or small they are", () => {
    const text = String(plotTimings({ cached: { average: 0.01 }, uncached: { average: 12345.6 } }));
    assert.match(text, /^with cache +10\.0 ms\nwithout cache +12346 s\nwithout .* 1234560 times as long$/m);
    assert.match(String(plotTimings({ cached: { average: 1 }, uncached: { average: 125 } })), / 125 times as long$/);
  });
});
