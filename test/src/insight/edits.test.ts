/**
 * Edits of a pass beside PyTorch's hooks on the same place (test/golden/make_edits.py), on tiny models: every place by every
 * operation at all, one and new positions, in one pass, through the cache, and in pieces.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  AutoModelForCausalLM,
  DynamicCache,
  type EditPositions,
  edit,
  knock_out,
  type Phi3ForCausalLM,
  Tensor,
  type ValueEdit,
} from "../../../src";
import { eachPlace } from "./places";

interface GoldenEdit {
  at: ValueEdit["at"];
  op: ValueEdit["op"];
  positions: EditPositions;
  scale?: number;
  columns?: [number, number];
}
interface Golden {
  prompt: number[];
  text: number[];
  rows: number[];
  stride: number;
  models: Record<
    string,
    {
      cases: { edit: GoldenEdit; logits: number[][]; tokens?: number[]; gap?: number }[];
      cuts: {
        cut: { layer: number; heads: number[]; from: EditPositions; to: EditPositions };
        logits: number[][];
      }[];
    }
  >;
}

const folder = join(__dirname, "..", "..", "golden");
const golden = JSON.parse(readFileSync(join(folder, "edits.json"), "utf8")) as Golden;

/** The script's numbers in [-1, 1]. */
const planted = (n: number): Tensor =>
  new Tensor(
    "float32",
    Float32Array.from({ length: n }, (_, i) => Math.fround(((i * 7919 + 31) % 211) - 105) / 105),
    [n],
  );

function widths(model: Phi3ForCausalLM, at: string): number {
  const { hidden_size, intermediate_size, num_attention_heads: heads, num_key_value_heads, head_dim } = model.config;
  if (at.endsWith("qkv_proj") || at.endsWith("rotary")) return (heads + 2 * num_key_value_heads) * head_dim;
  if (at.endsWith("context")) return heads * head_dim;
  if (at.endsWith("gate_up_proj")) return 2 * intermediate_size;
  return at.endsWith("activation_fn") ? intermediate_size : hidden_size;
}

function ours(model: Phi3ForCausalLM, spec: GoldenEdit): ValueEdit {
  const [first, last] = spec.columns ?? [0, widths(model, spec.at)];
  return edit(spec.op === "multiply" ? spec : { ...spec, value: planted(last - first) });
}

/** The kept logits are within `tolerance` of the greatest. */
function near(logits: Tensor, expected: readonly number[][], name: string, tolerance: number): void {
  const all = golden.rows.map((row) =>
    Array.from(logits.slice(0, row).data as Float32Array).filter((_, i) => i % golden.stride === 0),
  );
  const most = Math.max(...expected.flat().map(Math.abs));
  const worst = Math.max(...all.flat().map((x, i) => Math.abs(x - (expected.flat()[i] as number))));
  assert.equal(all.flat().length, expected.flat().length);
  assert.ok(worst <= tolerance * most, `${name}: ${worst} from the reference, of ${tolerance * most} allowed`);
}

const title = ({ at, op, positions, columns }: GoldenEdit): string =>
  `${op} at ${at}, positions ${JSON.stringify(positions)}${columns ? `, columns ${columns}` : ""}`;

eachPlace("edits of a pass", ({ device, dtype, tolerance }) => {
  for (const [name, { cases, cuts }] of Object.entries(golden.models))
    describe(`of the tiny model ${name}`, function () {
      this.timeout(120_000);
      let model: Phi3ForCausalLM;
      before(async () => {
        model = await AutoModelForCausalLM.from_pretrained(join(folder, "tiny", name), { device, dtype });
      });
      after(() => model?.dispose());

      it("are what a hook in PyTorch makes of the same pass, at every place, by every operation", async () => {
        for (const { edit: spec, logits } of cases) {
          const found = await model(golden.text, { edits: [ours(model, spec)] });
          near(found.logits, logits, title(spec), tolerance);
        }
      });

      it("are the same token by token through the cache, and in pieces", async () => {
        for (const { edit: spec, logits } of cases) {
          const edits = [ours(model, spec)];
          for (const sizes of [[7, 1, 1, 3, 4], new Array<number>(golden.text.length).fill(1)]) {
            const past_key_values = new DynamicCache();
            const pieces: Float32Array[] = [];
            for (let from = 0; sizes.length > 0; ) {
              const size = sizes.shift() as number;
              const { logits: piece } = await model(golden.text.slice(from, from + size), { past_key_values, edits });
              pieces.push(piece.data as Float32Array);
              from += size;
            }
            const vocab = model.config.vocab_size;
            const all = new Float32Array(golden.text.length * vocab);
            let at = 0;
            for (const piece of pieces) {
              all.set(piece, at);
              at += piece.length;
            }
            near(new Tensor("float32", all, [1, golden.text.length, vocab]), logits, title(spec), tolerance);
            assert.equal(past_key_values.edited, true);
            past_key_values.dispose();
          }
        }
      });

      it("give the tokens of a greedy generation with the hook, by the native loop, by scores, without a cache", async () => {
        for (const { edit: spec, tokens, gap } of cases) {
          if (tokens === undefined || (gap as number) < 100 * tolerance) continue;
          const { at, op, scale, columns } = spec;
          const edits = [ours(model, { at, op, scale, columns, positions: "new" })];
          const common = { max_new_tokens: tokens.length, eos_token_id: [], edits };
          const input_ids = golden.prompt;
          const found = [
            await model.generate({ input_ids, ...common }),
            await model.generate({ input_ids, ...common, use_cache: false }),
            (await model.generate({ input_ids, ...common, output_logits: true })).sequences,
            await model.with_edits(edits).generate({ input_ids, ...common, edits: null, num_beams: 1 }),
          ];
          for (const ids of found)
            assert.deepEqual(Array.from(ids.data, Number).slice(golden.prompt.length), tokens, title(spec));
        }
      });

      it("cut edges of attention as a mask before the softmax does", async () => {
        for (const { cut, logits } of cuts) {
          const found = await model(golden.text, { edits: [knock_out(cut)] });
          near(found.logits, logits, JSON.stringify(cut), tolerance);
          const past_key_values = new DynamicCache();
          const one: Tensor[] = [];
          for (const id of golden.text)
            one.push((await model([id], { past_key_values, edits: [knock_out(cut)] })).logits.slice(0, 0));
          golden.rows.forEach((row, r) => {
            const whole = found.logits.slice(0, row).data as Float32Array;
            const alone = (one[row] as Tensor).data as Float32Array;
            const most = Math.max(...whole.map(Math.abs));
            assert.ok(
              whole.every((x, i) => Math.abs(x - (alone[i] as number)) <= tolerance * most),
              `${JSON.stringify(cut)}, row ${r} through the cache`,
            );
          });
        }
      });
    });
});
