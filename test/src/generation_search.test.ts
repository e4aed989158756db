/** Beam search against a search of everything, and stop strings against the text that the tokens decode to. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { AutoTokenizer } from "../../src";
import { beamSearch } from "../../src/generation/beam_search";
import { stopStrings } from "../../src/generation/stopping";
import { phi3Folder } from "./tokenizer/models";

describe("what generate searches for", function () {
  this.timeout(60_000);

  it("beam search finds the best text where beams are as many as there are texts", async () => {
    // Scores of the next token by the tokens before: 3 tokens, texts of 4.
    const logitsOf = (tokens: readonly number[]): Float32Array =>
      Float32Array.from(
        [0, 1, 2],
        (id) => Math.sin(7 * id + tokens.reduce((sum, t, i) => sum + (t + 1) * (i + 2), 3)) * 2,
      );
    const logs = (tokens: readonly number[]): number[] => {
      const logits = Array.from(logitsOf(tokens));
      const total = Math.log(logits.reduce((sum, x) => sum + Math.exp(x), 0));
      return logits.map((x) => x - total);
    };
    let texts: { tokens: number[]; score: number }[] = [{ tokens: [], score: 0 }];
    for (let n = 0; n < 4; n++)
      texts = texts.flatMap(({ tokens, score }) =>
        logs(tokens).map((log, id) => ({ tokens: [...tokens, id], score: score + log })),
      );
    texts.sort((a, b) => b.score - a.score);
    const beams = await beamSearch(
      { num_beams: 81, do_sample: false, early_stopping: "never", length_penalty: 0, eos_token_id: [] },
      {
        most: 4,
        random: Math.random,
        logits: async (running) => running.map(({ tokens }) => logitsOf(tokens)),
        change: () => undefined,
        ends: (found) => found.map(({ tokens }) => tokens.length === 4),
      },
    );
    beams.slice(0, 20).forEach(({ tokens, score }, i) => {
      assert.deepEqual(tokens, texts[i]?.tokens);
      assert.ok(Math.abs(score - (texts[i]?.score as number)) < 1e-5);
    });
  });

  it("stop strings end with the token that completes one, of bytes too, and may begin in the prompt", async () => {
    const folder = await phi3Folder();
    try {
      const tokenizer = await AutoTokenizer.from_pretrained(folder);
      /** How many tokens of the text there are when one is complete; the prompt's are not asked of. */
      const end = (text: string, stops: string[], from = 1): number | undefined => {
        const ids = tokenizer.encode(text);
        const complete = stopStrings(stops, tokenizer);
        for (let n = from; n <= ids.length; n++) if (complete(ids.slice(0, n))) return n;
        return undefined;
      };
      for (const [text, stops] of [
        ["first line\nsecond line", ["\n"]],
        ["Hi \u{1F60A} there", ["\u{1F60A}"]],
        ["Hello there, you", ["there"]],
        ["Hello there, you", ["ere, y", "zzz"]],
        ["a<|end|>b", ["<|end|>"]],
      ] as const) {
        const ids = tokenizer.encode(text);
        const first = ids.findIndex((_, n) =>
          stops.some((stop) => tokenizer.decode(ids.slice(0, n + 1)).includes(stop)),
        );
        assert.equal(end(text, [...stops]), first + 1, `${text} by ${stops}`);
      }
      assert.equal(end("Hello there, you", ["nowhere"]), undefined);
      // A string that is complete before the last token does not end the text any more.
      const after = tokenizer.encode("Hello there").length + 1;
      assert.equal(end("Hello there, you", ["there"], after), undefined);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
