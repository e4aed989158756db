/** What tensors take, order and sum up, against PyTorch; see test/golden/make_tensor_ops.py. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { arange, eye, randn, Tensor, tensor, where, zeros } from "../../src/tensor";
import { type Described, make, same } from "./described";

interface Case {
  name: string;
  t: Described;
  args: (number | null | "inf" | "-inf" | { tensor: Described } | Record<string, unknown>)[];
  result: Described | { values: Described; indices: Described };
}
const golden = JSON.parse(readFileSync(join(__dirname, "../golden/tensor_ops.json"), "utf8")) as {
  methods: Case[];
  functions: Omit<Case, "t">[];
};

const argument = (given: Case["args"][number]): unknown => {
  if (given === null) return undefined;
  if (given === "inf") return Number.POSITIVE_INFINITY;
  if (given === "-inf") return Number.NEGATIVE_INFINITY;
  return typeof given === "object" && "tensor" in given ? make(given.tensor as Described) : given;
};
const words = ({ name, t, args }: Case): string =>
  `${name} of ${t.dtype} [${t.dims}] with ${JSON.stringify(args.map((one) => (typeof one === "object" && one !== null && "tensor" in one ? (one.tensor as Described).dims : one)))}`;

/** What our method of that name gives. */
function result({ name, t, args }: Case): Tensor | { values: Tensor; indices: Tensor } {
  const mine = make(t);
  const method = (mine as never as Record<string, (...given: unknown[]) => Tensor>)[name];
  assert.ok(method, name);
  return method.call(mine, ...args.map(argument));
}

describe("operations of tensors", () => {
  for (const name of [...new Set(golden.methods.map((one) => one.name))])
    it(`${name} is PyTorch's, with negative dimensions, NaN, empty tensors and whole numbers`, () => {
      const cases = golden.methods.filter((one) => one.name === name);
      assert.ok(cases.length > 0);
      for (const one of cases) {
        const mine = result(one);
        if ("values" in one.result) {
          const both = mine as { values: Tensor; indices: Tensor };
          same(both.values, one.result.values, `${words(one)}, values`);
          same(both.indices, one.result.indices, `${words(one)}, indices`);
        } else same(mine as Tensor, one.result, words(one));
      }
    });

  it("arange and eye are PyTorch's", () => {
    const functions = { arange, eye } as unknown as Record<string, (...given: unknown[]) => Tensor>;
    for (const { name, args, result } of golden.functions)
      same(functions[name]?.(...args) as Tensor, result as Described, `${name}(${args})`);
    assert.throws(() => arange(0, 5, 0), /Expected steps from 0 towards 5 for arange but received 0/);
    assert.throws(() => arange(0, 5, -1), /Expected steps from 0 towards 5 for arange but received -1/);
  });

  it("draws normal numbers that a seed repeats", () => {
    const a = randn([100, 100], { seed: 3 });
    assert.deepEqual(a.tolist(), randn([100, 100], { seed: 3 }).tolist());
    assert.notDeepEqual(a.tolist(), randn([100, 100], { seed: 4 }).tolist());
    assert.ok(Math.abs(Number(a.mean().item())) < 0.04, `${a.mean()}`);
    assert.ok(Math.abs(Number(a.std().item()) - 1) < 0.03, `${a.std()}`);
    // Of 10,000 normal numbers some 45 are beyond 2.84 on one of the sides.
    const far = Number(a.abs().gt(2.84).sum().item());
    assert.ok(far > 20 && far < 80, `${far}`);
    assert.throws(() => randn([1], { seed: -1 }), /Expected an integer from 0 to 4294967295 for seed of randn/);
  });

  it("chooses between numbers, and between a number and a tensor", () => {
    const condition = tensor([true, false]);
    assert.equal(String(where(condition, 1, 0)), "tensor([1, 0])");
    assert.equal(String(where(condition, 0.5, tensor([1, 2]))), "tensor([0.5000, 2.0000])");
  });

  it("copies to JavaScript's memory", () => {
    assert.equal(zeros([2]).cpu().device, "cpu");
  });

  it("sums rows and columns of (9, 1000, 1000) with one pass over the numbers, however they lie", () => {
    const t = new Tensor(
      "float32",
      Float32Array.from({ length: 9_000_000 }, (_, i) => ((i * 7919) % 1013) - 506),
      [9, 1000, 1000],
    );
    for (const [dim, at] of [
      [0, [1, 2]],
      [1, [3, 4]],
      [2, [5, 6]],
    ] as [number, [number, number]][]) {
      const summed = t.sum(dim).slice(...at);
      const lane = t.slice(...[0, 1, 2].map((d) => (d === dim ? null : (at[d > dim ? d - 1 : d] as number))));
      const expected = Array.from(lane.data as Float32Array).reduce((a, b) => a + b, 0);
      assert.equal(summed.item(), expected, `dimension ${dim}`);
      assert.equal(
        t
          .max(dim)
          .slice(...at)
          .item(),
        Math.max(...Array.from(lane.data as Float32Array)),
        `dimension ${dim}`,
      );
    }
  });

  it("says what it expected of indices, masks and shapes", () => {
    const t = tensor([[1, 2, 3]]);
    assert.throws(() => t.gather(1, tensor([[3]])), /Expected an index from -3 to 2 for dimension 1 but received 3/);
    assert.throws(() => t.gather(1, tensor([[-1]])), /Expected an index from 0 to 2 for dimension 1 but received -1/);
    assert.throws(
      () => t.gather(1, tensor([[0.5]])),
      /Expected indices of int64 for gather but received those of float32/,
    );
    assert.throws(
      () => t.gather(1, tensor([0])),
      /Expected an index of 2 dimensions, but for 1 no greater than \[1, 3\]/,
    );
    assert.throws(() => t.index_select(0, [1]), /Expected an index from -1 to 0 for dimension 0 but received 1/);
    assert.throws(
      () => t.masked_fill(tensor([[1, 0, 1]]), 0),
      /Expected a tensor of bool for masked_fill but received one of int64/,
    );
    assert.throws(() => t.slice(0).masked_fill(tensor([[true], [false]]), 0), /Expected a mask of \[3\]/);
    assert.throws(() => t.where(tensor([true, false]), 0), /Expected shapes that fit for where/);
    assert.throws(() => tensor([1]).tril(), /Expected matrices for tril but received \[1\]/);
    assert.throws(
      () => t.sort(0, { descendin: true } as never),
      /sort has no option "descendin"; did you mean descending\?/,
    );
  });
});
