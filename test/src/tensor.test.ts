/** Tensors against PyTorch: what they print and compute; see test/golden/make_printing.py. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { type DataType, type NestedArray, Tensor, tensor } from "../../src/tensor";

interface Described {
  dtype: DataType;
  dims: number[];
  data: (number | boolean | string)[];
}
interface Along {
  dim: number;
  [name: string]: NestedArray;
}
interface Golden {
  printed: (Described & { text: string })[];
  computed: (Described & { all: Record<string, number>; along: Along[] })[];
  views: Record<string, NestedArray>;
}
const golden = JSON.parse(readFileSync(join(__dirname, "../golden/tensors.json"), "utf8")) as Golden;

const make = ({ dtype, dims, data }: Described): Tensor =>
  new Tensor(
    dtype,
    data.map((value) =>
      typeof value === "string" ? Number(value.replace("inf", "Infinity").replace("nan", "NaN")) : value,
    ),
    dims,
  );

/** Numbers of nested arrays, bigints as numbers. */
const flat = (values: NestedArray): number[] => (Array.isArray(values) ? values.flatMap(flat) : [Number(values)]);

function close(mine: NestedArray, theirs: NestedArray, what: string): void {
  const [a, b] = [flat(mine), flat(theirs)];
  assert.equal(a.length, b.length, what);
  a.forEach((value, i) => {
    const other = b[i] as number;
    assert.ok(
      Math.abs(value - other) <= 2e-6 * Math.max(1, Math.abs(other)),
      `${what}[${i}]: ${value} is not ${other}`,
    );
  });
}

describe("a tensor", () => {
  it("prints as PyTorch prints it", () => {
    for (const one of golden.printed) {
      const made = make(one);
      assert.equal(String(made), one.text, `${one.dtype} [${one.dims.join(", ")}]`);
      assert.equal(inspect(made), one.text);
    }
  });

  it("computes along every dimension what PyTorch computes", () => {
    for (const one of golden.computed) {
      const t = make(one);
      for (const name of ["argmax", "sum", "mean", "max", "min"] as const)
        close(t[name]().tolist(), one.all[name] as number, name);
      for (const along of one.along) {
        const { dim } = along;
        for (const name of ["argmax", "argmin", "sum", "mean", "max", "softmax", "log_softmax"] as const)
          close(t[name](dim).tolist(), along[name] as NestedArray, `${name}(${dim})`);
        assert.deepEqual(
          t.min(dim, true).dims,
          t.dims.map((size, i) => (i === (dim + t.ndim) % t.ndim ? 1 : size)),
        );
        close(t.min(dim, true).tolist(), along.min as NestedArray, `min(${dim})`);
        const top = t.topk(Math.min(2, t.dims.at(dim) as number), dim);
        close(top.values.tolist(), along.topk_values as NestedArray, `topk(${dim}).values`);
        close(top.indices.tolist(), along.topk_indices as NestedArray, `topk(${dim}).indices`);
      }
    }
  });

  const t = tensor(Array.from({ length: 24 }, (_, i) => i)).reshape(2, 3, 4);
  const views: Record<string, () => NestedArray> = {
    select: () => t.slice(1).tolist(),
    negative: () => t.slice(0, -1).tolist(),
    range: () => t.slice(null, [1, 3]).tolist(),
    tail: () => t.slice(null, null, [-2]).tolist(),
    permute: () => t.permute(2, 0, 1).tolist(),
    transpose: () => t.transpose(0, 2).tolist(),
    view: () => t.transpose(1, 2).reshape(6, -1).tolist(),
  };
  for (const [name, view] of Object.entries(views))
    it(`has PyTorch's elements in the view "${name}"`, () => close(view(), golden.views[name] as NestedArray, name));

  it("is indexed by number from both ends, and says which numbers there are", () => {
    assert.deepEqual(t[1]?.[-1]?.tolist(), t.slice(1, 2).tolist());
    assert.deepEqual(
      [...t].map((row) => row.dims),
      [
        [3, 4],
        [3, 4],
      ],
    );
    assert.throws(() => t[2], /Expected an index from -2 to 1 for dimension 0 but received 2/);
    assert.throws(() => t.slice(0, 0, 0, 0), /Expected at most 3 arguments/);
  });

  it("takes a NaN for the greatest, as PyTorch does", () => {
    assert.equal(Number(tensor([1, Number.NaN, 3], "float32").argmax()), golden.views.nan_argmax);
  });

  it("copies just the view when its numbers are read", () => {
    const data = new Float32Array(1000).map((_, i) => i);
    const row = new Tensor("float32", data, [10, 100]).slice(3);
    assert.equal(row.data.length, 100);
    assert.equal(row.data.buffer.byteLength, 400);
    assert.equal(row.data[0], 300);
  });

  it("gives one number by item() and in arithmetic, a bigint for int64", () => {
    assert.equal(tensor(7).item(), 7n);
    assert.equal(tensor(2.5).item(), 2.5);
    assert.equal(tensor(true).item(), true);
    assert.equal(Number(tensor(7)), 7);
    assert.throws(() => t.item(), /Expected a tensor of one element for item\(\) but this one has 24/);
  });

  it("changes its type as PyTorch does", () => {
    assert.deepEqual(tensor([1.9, -1.9]).to("int64").tolist(), [1n, -1n]);
    assert.deepEqual(tensor([0, 2]).to("bool").tolist(), [false, true]);
    assert.equal(tensor([1, 2]).to("float32").dtype, "float32");
    assert.equal(tensor([1, 2]).to("cpu").device, "cpu");
  });

  it("answers what cannot be with a sentence", () => {
    assert.throws(
      () => new Tensor("float32", new Float32Array(3), [2, 2]),
      /Expected a shape of 3 elements but received \[2, 2\]/,
    );
    assert.throws(() => new Tensor("float16" as never, [], [0]), /Expected one of float32, .* but received 'float16'/);
    assert.throws(() => tensor([[1, 2], [3]]), /Expected 2 elements in each row of dimension 1 but received 1/);
    assert.throws(() => t.reshape(5, -1), /Expected a shape of 24 elements but received \[5, -1\]/);
    assert.throws(() => t.argmax(3), /Expected a dimension from -3 to 2 but received 3/);
    assert.throws(() => t.topk(9), /Expected k from 0 to 4 for topk but received 9/);
    assert.throws(() => tensor([]).argmax(), /Expected at least one element/);
    assert.throws(() => t.to("mps"), /Expected a type .* or a device .* but received 'mps'/);
    const gone = tensor([1, 2]);
    gone.dispose();
    assert.throws(() => gone.data, /The tensor was disposed/);
  });
});
