/** Arithmetic of tensors against PyTorch; see test/golden/make_arithmetic.py. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { cat, cos_sim, full, ones, stack, Tensor, tensor, zeros } from "../../src/tensor";
import { type Described, make, same } from "./described";

type Results = Record<string, Described>;
const golden = JSON.parse(readFileSync(join(__dirname, "../golden/arithmetic.json"), "utf8")) as {
  binary: { a: Described; b: Described | number; results: Results }[];
  unary: { a: Described; results: Results }[];
  clamp: { a: Described; result: Described };
  matmul: { a: Described; b: Described; result: Described }[];
  t: Described;
  norms: { dim: number | null; p: number; result: Described }[];
  joined: { parts: Described[]; cat: Described; stack: Described; cos_sim: Described };
};

describe("arithmetic of tensors", () => {
  it("is PyTorch's, with its broadcasting and its types, NaN, infinity and empty ones among them", () => {
    for (const { a, b, results } of golden.binary)
      for (const [name, expected] of Object.entries(results)) {
        const work = (make(a) as never as Record<string, (other: unknown) => Tensor>)[name];
        const other = typeof b === "number" ? b : make(b);
        same(
          work?.call(make(a), other) as Tensor,
          expected,
          `[${a.dims}] ${name} ${typeof b === "number" ? b : `[${b.dims}]`}`,
        );
      }
    for (const { a, results } of golden.unary)
      for (const [name, expected] of Object.entries(results))
        same((make(a) as never as Record<string, () => Tensor>)[name]?.call(make(a)) as Tensor, expected, name);
    same(make(golden.clamp.a).clamp(-1, 1.75), golden.clamp.result, "clamp");
  });

  it("multiplies matrices, batches of them and vectors as PyTorch does, views too", () => {
    for (const { a, b, result } of golden.matmul) same(make(a).matmul(make(b)), result, `[${a.dims}] · [${b.dims}]`);
    const a = tensor([
      [1.5, 2, 3],
      [4, 5, 6],
    ]);
    same(a.matmul(a.transpose(0, 1)), { dtype: "float32", dims: [2, 2], data: [15.25, 34, 34, 77] }, "transposed");
  });

  it("has PyTorch's norms, cosines, cat and stack", () => {
    const t = make(golden.t);
    for (const { dim, p, result } of golden.norms) same(t.norm(dim ?? undefined, p), result, `norm(${dim}, ${p})`);
    same(cat(golden.joined.parts.map(make), -2), golden.joined.cat, "cat");
    same(stack([t, t.mul(2)], 1), golden.joined.stack, "stack");
    const flipped = stack(
      [3, 2, 1, 0].map((i) => t.slice(null, null, i)),
      -1,
    );
    same(cos_sim(t, flipped), golden.joined.cos_sim, "cos_sim");
  });

  it("makes tensors full of a number", () => {
    assert.equal(String(zeros([2, 0])), "tensor([], size=(2, 0))");
    assert.equal(String(ones([2], "int64")), "tensor([1, 1])");
    assert.equal(String(full([1, 2], 2.5)), "tensor([[2.5000, 2.5000]])");
  });

  it("says which shapes do not fit", () => {
    const [a, b] = [zeros([2, 3]), zeros([2, 4])];
    assert.throws(() => a.add(b), { message: "Expected shapes that fit for add but received [2, 3] and [2, 4]" });
    assert.throws(() => a.matmul(b), /Expected shapes that fit for matmul but received \[2, 3\] and \[2, 4\]/);
    assert.throws(() => cat([a, b]), /Expected shapes equal but for dimension 0 for cat/);
    assert.throws(() => cat([]), /Expected at least one tensor for cat/);
    assert.throws(() => a.mul("2" as never), /Expected a tensor or a number for mul but received '2'/);
  });

  it("still indexes by number, and selects as sorting does, with equal numbers and NaN", () => {
    assert.equal(
      tensor([
        [1, 2],
        [3, 4],
      ])[-1]?.[0]?.item(),
      3n,
    );
    const values = Float32Array.from({ length: 400 }, (_, i) => (i % 97 === 3 ? Number.NaN : (i * 7919) % 53));
    const t = new Tensor("float32", values, [4, 100]);
    const few = t.topk(20);
    const many = t.topk(90); // more than are selected: all are sorted
    assert.deepEqual(few.indices.tolist(), many.indices.slice(null, [0, 20]).tolist());
    assert.deepEqual(few.values.tolist(), many.values.slice(null, [0, 20]).tolist());
  });
});
