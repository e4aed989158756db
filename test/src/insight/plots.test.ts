/** plotLens, plotRanks and plotTokens: what each says, where scripts run and where they do not. */
import assert from "node:assert/strict";
import {
  type LensResult,
  type Phi3ForCausalLM,
  plotLens,
  plotRanks,
  plotTokens,
  type TokenScores,
  type View,
} from "../../../src";
import { jupyterDisplay } from "../../../src/host";
import { dataOf } from "../plots_results";
import { golden, smollmModel } from "./golden";

const bundle = (shown: object): Record<string, string> =>
  (shown as Record<symbol, () => Record<string, string>>)[jupyterDisplay]?.() as Record<string, string>;

describe("views of what is inside", function () {
  this.timeout(120_000);
  let model: Phi3ForCausalLM;
  let lens: LensResult;
  let scores: TokenScores;
  before(async function () {
    model = await smollmModel(this);
    lens = await model.logit_lens("The capital of France is", { positions: "all", watch: [" Paris", " London"] });
    scores = await model.log_probs(golden.scored.text);
  });
  after(() => model?.dispose());

  it("plotLens writes the top token into each cell, the last layer above, and says the numbers of each", () => {
    const figure = plotLens(lens);
    const text = String(figure);
    const rows = text.split("\n");
    assert.match(rows.find((row) => row.startsWith("layer 29")) ?? "", /█ ␣Paris|▓ ␣Paris/);
    assert.ok(rows.findIndex((row) => row.startsWith("layer 29")) < rows.findIndex((row) => row.startsWith("embed")));
    assert.match(text, /31 layers at 5 positions\. \d+ ms, 1 pass/);
    const svg = figure.toSVG();
    assert.ok(svg.includes("␣Paris</text>") && svg.includes("␣Paris: rank 1"));
    const html = bundle(figure)["text/html"] as string;
    const data = dataOf(html) as Record<"layers" | "prompt" | "words" | "colours", string[]> & Record<string, string>;
    assert.deepEqual([data.layers[0], data.layers.at(-1), data.prompt.length], ["layer 29", "embed", 5]);
    // The last layer's numbers come first: its top token at the last position, of 5 at each, and how probable that is.
    const whole = (packed: string | undefined) =>
      new Uint16Array(Uint8Array.from(Buffer.from(packed ?? "", "base64")).buffer);
    assert.equal(data.words[whole(data.tokens)[4 * 5] as number], "␣Paris");
    assert.ok(Math.abs(Math.exp(-(whole(data.nats)[4 * 5] as number) / 2000) - 0.77253) < 1e-3);
    assert.equal(whole(data.entropy).length, 31 * 5);
    assert.deepEqual(
      (data.colours as unknown as { name: string }[]).map(({ name }) => name),
      ["probability", "entropy (nats)", "kl (nats)", "rank of ␣Paris, from 1 down"],
    );
  });

  it("plotLens shows a long prompt whole where scripts run, and its end in the still form", async () => {
    const long = await model.logit_lens("All work and no play makes Jack a dull boy. ".repeat(11), {
      positions: "all",
    });
    const shown = bundle(plotLens(long));
    const size = Buffer.byteLength(JSON.stringify(shown));
    assert.ok(long.positions.length > 120 && size <= 500_000, `${long.positions.length} positions, ${size} bytes`);
    assert.equal((dataOf(shown["text/html"] as string) as { prompt: string[] }).prompt.length, long.positions.length);
    assert.match(shown["text/html"] as string, /The last 16 positions as a table/);
  });

  it("plotLens colours by entropy, KL and rank as well, and refuses what it cannot draw", async () => {
    for (const colour of ["entropy", "kl", "rank"] as const)
      assert.ok(String(plotLens(lens, { colour })).includes(colour));
    const plain = await model.logit_lens(golden.ids);
    assert.throws(() => plotLens(plain, { colour: "rank" }), /Expected a lens with a watched token/);
    assert.throws(() => plotRanks(plain), /Expected a lens with watched tokens/);
    assert.throws(() => plotLens({} as never), /Expected what model.logit_lens gave for plotLens/);
    assert.throws(() => plotRanks(lens, { position: 9 }), /Expected one of the positions 0, 1, 2, 3, 4 but received 9/);
  });

  it("plotRanks draws a watched token's way to rank 1, which is above", () => {
    const figure = plotRanks(lens);
    assert.match(String(figure), /␣Paris {2,}.* 7 3 1/);
    const lines = figure.data as { y?: number[]; name?: string }[];
    assert.equal(lines.find(({ name }) => name === "␣Paris")?.y?.at(-1), 1);
    const { yaxis } = figure.layout as { yaxis: { type: string; range: [number, number] } };
    assert.equal(yaxis.type, "log");
    assert.ok(yaxis.range[0] > yaxis.range[1]);
  });

  it("plotTokens shows the text as it is, its characters whole, each with what is known of it", () => {
    const view = plotTokens(scores);
    const html = bundle(view)["text/html"] as string;
    const words = [...html.matchAll(/<span title="[^"]*"[^>]*>([^<]*)<\/span>/g)].map(([, word]) => word);
    assert.equal(words.join(""), golden.scored.text);
    assert.ok(html.includes("perplexity") && html.includes("<details>"));
    assert.match(String(view), /the least expected:\n {2}.+: .+, rank [\d,]+/);
  });

  it("plotTokens makes no markup of a token's text, and its script is still one script", async () => {
    const hostile = await model.log_probs('a </script><img src=x onerror="alert(1)"> <!-- b');
    const html = bundle(plotTokens(hostile))["text/html"] as string;
    assert.ok(!/<img/i.test(html));
    assert.equal(html.match(/<script/g)?.length, 1);
    assert.equal(html.match(/<\/script>/g)?.length, 1);
    const source = /<script>([\s\S]*)<\/script>/.exec(html)?.[1] as string;
    assert.doesNotThrow(() => new Function(source));
  });

  it("two views on a page share no name, have no id, and name no address", () => {
    const [one, other] = [bundle(plotTokens(scores)), bundle(plotTokens(scores))].map(
      (shown) => shown["text/html"] as string,
    );
    assert.ok(one && other);
    const name = (html: string): string => /class="([^"]+)"/.exec(html)?.[1] as string;
    assert.notEqual(name(one), name(other));
    assert.ok(!/\sid=|https?:|require\(|fetch\(/.test(one));
    assert.ok(one.length < 500_000);
  });

  it("a view has a picture and text where nothing else is shown, and that alone with PHI3LAB_STATIC", () => {
    const view: View = plotTokens(scores, { colour: "entropy" });
    assert.deepEqual(Object.keys(bundle(view)), ["text/html", "image/png", "text/plain"]);
    process.env.PHI3LAB_STATIC = "1";
    try {
      assert.deepEqual(Object.keys(bundle(view)), ["image/png", "text/plain"]);
    } finally {
      delete process.env.PHI3LAB_STATIC;
    }
    const picture = Buffer.from(bundle(view)["image/png"] as string, "base64");
    assert.equal(picture.subarray(1, 4).toString(), "PNG");
    assert.ok(view.toSVG().startsWith("<svg"));
  });

  it("a text whose output would be too large is refused with what makes it smaller", async () => {
    const text = "All work and no play makes Jack a dull boy. ".repeat(60);
    const many = await model.log_probs(text, { k: 100 });
    assert.throws(
      () => plotTokens(many),
      /Expected an output of at most 500,000 bytes but .*: score the text in parts/,
    );
  });
});
