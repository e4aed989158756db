/** What lies near a vector, against the tables of the files; how far two models are apart, against their log-probabilities. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { AutoModelForCausalLM, compare, type Phi3ForCausalLM, Tensor } from "../../../src";
import { type GoldenTensor, readGolden } from "../../golden/safetensors";
import { near, planted, smollmModel } from "./golden";

const goldens = join(__dirname, "..", "..", "golden");
const tiny = (name: string): Promise<Phi3ForCausalLM> =>
  AutoModelForCausalLM.from_pretrained(join(goldens, "tiny", name), { device: "cpu" });
const numbers = (tensor: Tensor): number[] => Array.from(tensor.data as Float32Array);
describe("nearest", function () {
  this.timeout(120_000);

  for (const name of ["llama", "tied"])
    it(`orders the rows of the tables of ${name === "tied" ? "a tied model" : "a model with a head of its own"}`, async () => {
      const model = await tiny(name);
      const file = readGolden(join(goldens, "tiny", name, "model.safetensors"));
      const table = (weight: string): Tensor => {
        const { data, shape } = file.get(weight) as GoldenTensor;
        return new Tensor("float32", data, shape);
      };
      const embed = table("model.embed_tokens.weight");
      const head = name === "tied" ? embed : table("lm_head.weight");
      const width = embed.dims[1] as number;
      for (const space of ["embed", "unembed"] as const)
        for (const metric of ["dot", "cosine"] as const)
          for (const given of [planted(width), planted(1, width), 42]) {
            const rows = space === "embed" ? embed : head;
            const vector = typeof given === "number" ? rows.slice(given) : given.flatten();
            const scores = metric === "dot" ? rows.matmul(vector) : rows.normalize().matmul(vector.normalize());
            const { values, indices } = scores.topk(7);
            const mine = await model.nearest(given, { k: 7, space, metric });
            const what = `${space} ${metric} ${typeof given}`;
            near(
              mine.map(({ score }) => score),
              numbers(values),
              1e-5 * Math.max(1, Math.abs(numbers(values)[0] as number)),
              what,
            );
            assert.deepEqual(
              mine.map(({ id }) => id),
              Array.from(indices.data as BigInt64Array, Number),
              what,
            );
          }
      await assert.rejects(model.nearest(planted(3)), new RegExp(`Expected a vector of ${width} numbers for nearest`));
      await assert.rejects(model.nearest(1, { k: 0 }), /Expected k from 1 to 256 for nearest but received 0/);
      await assert.rejects(model.nearest(1, { space: "x" as never }), /Expected "unembed" or "embed" for space/);
      await model.dispose();
    });
});

describe("compare", function () {
  this.timeout(120_000);
  let [a, b]: Phi3ForCausalLM[] = [];
  before(async function () {
    a = await smollmModel(this);
    b = await AutoModelForCausalLM.from_pretrained(a.name_or_path, { device: "cpu", kv_dtype: "float16" });
  });
  after(async () => {
    await a?.dispose();
    await b?.dispose();
  });

  it("finds nothing between a model and itself", async () => {
    const { labels, relative_error, cosine, kl, top1_agreement } = await compare(
      a as Phi3ForCausalLM,
      a as Phi3ForCausalLM,
      "The capital of France is",
    );
    assert.deepEqual([labels.length, labels[0], labels.at(-1)], [31, "model.layers.0", "lm_head"]);
    assert.equal(relative_error.max().item(), 0);
    assert.ok(Number(kl.abs().max().item()) < 2e-6, `${kl}`);
    near(
      numbers(cosine),
      labels.map(() => 1),
      1e-6,
      "cosine",
    );
    assert.equal(top1_agreement.min().item(), 1);
  });

  it("measures what 16-bit keys and values change as the streams and their log-probabilities say", async () => {
    const [x, y] = [a as Phi3ForCausalLM, b as Phi3ForCausalLM];
    const found = await compare(x, y, "The capital of France is", { names: ["32 bit", "16 bit"] });
    assert.deepEqual(found.names, ["32 bit", "16 bit"]);
    for (const layer of [0, 13, 29]) {
      const name = `model.layers.${layer}` as const;
      const [p, q] = await Promise.all(
        [x, y].map(async (model) =>
          (await model.run_with_cache("The capital of France is", { names: [name] })).get(name),
        ),
      );
      const error = (p as Tensor)
        .sub(q as Tensor)
        .norm(-1)
        .div((p as Tensor).norm(-1))
        .mean();
      near([Number(found.relative_error.slice(layer).item())], [Number(error.item())], 1e-9, `error ${layer}`);
      const [logP, logQ] = await Promise.all(
        [p, q].map(async (t) =>
          (await x.lm_head(await x.model.norm((t as Tensor).clone()))).to("float64").log_softmax(),
        ),
      );
      const kl = (logP as Tensor)
        .to("float64")
        .exp()
        .mul((logP as Tensor).sub(logQ as Tensor))
        .sum(-1)
        .mean();
      near([Number(found.kl.slice(layer).item())], [Number(kl.item())], 5e-6, `KL ${layer}`);
    }
    const worst = Number(found.relative_error.max().item());
    assert.ok(worst > 1e-6 && worst < 1e-2, `${worst}`);
    assert.match(String(found), /^16 bit beside 32 bit, 5 positions\nplace +error /);
  });

  it("looks at chosen places and positions, and says what it expected", async () => {
    const x = a as Phi3ForCausalLM;
    const at = ["model.layers.3.mlp.down_proj", "model.layers.3"] as const;
    const some = await compare(x, b as Phi3ForCausalLM, [504, 3575, 282], { at, positions: [1, -1] });
    assert.deepEqual([some.labels, some.tokens.map(({ id }) => id)], [[...at], [3575, 282]]);
    assert.ok(Number.isNaN(some.kl.slice(0).item()) && !Number.isNaN(some.kl.slice(1).item()));
    const other = await tiny("llama");
    await assert.rejects(
      compare(x, other, [1, 2]),
      /Expected models of one shape for compare but their hidden_size are 576 and 48/,
    );
    await other.dispose();
    await assert.rejects(async () => compare(x, {} as never, [1]), /Expected two models for compare but received \{\}/);
  });
});
