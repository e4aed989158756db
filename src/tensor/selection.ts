/** Elements of tensors chosen by indices, by conditions, and by where they stand. */
import { inspect } from "node:util";
import { broadcast, checkOperand, placer, promoted, reader, type Operand, walker } from "./broadcast";
import { Reductions } from "./reductions";
import { dimension, position, sizeOf, stridesOf } from "./shape";
import { makeArray } from "./storage";
import type { Tensor } from "./tensor";

/**
 * What tensors take from themselves.
 *
 * @example tensor([[1, 2], [3, 4]]).index_select(1, [1]); // => tensor([[2], [4]])
 */
export abstract class Selection extends Reductions {
  /**
   * Along `dim`, the element that `index` names in its place: `out[i][j] = this[index[i][j]][j]` of dimension 0. `index` has
   * as many dimensions, elsewhere no greater ones.
   *
   * @throws RangeError for an index that is not there, and shapes that do not fit.
   * @example tensor([[1, 2], [3, 4]]).gather(1, tensor([[0], [1]])); // => tensor([[1], [4]])
   */
  gather(dim: number, index: Tensor): Tensor {
    const { dims, dtype, data } = this.self;
    const at = dimension(dim, dims.length);
    checkIndices(index, "gather");
    if (index.ndim !== dims.length || index.dims.some((size, d) => d !== at && size > (dims[d] as number)))
      throw new RangeError(
        `Expected an index of ${dims.length} dimensions, but for ${at} no greater than [${dims.join(", ")}], for gather but received [${index.dims.join(", ")}]`,
      );
    const strides = stridesOf(dims);
    const step = strides[at] ?? 0;
    const others = strides.map((stride, d) => (d === at ? 0 : stride));
    const result = makeArray(dtype, index.size);
    const places = placer(index.dims, others);
    const chosen = index.data;
    for (let i = 0; i < result.length; i++)
      result[i] = data[places(i) + within(Number(chosen[i]), dims[at] ?? 1, at) * step] as never;
    return this.of(dtype, result, index.dims);
  }

  /**
   * As {@link Tensor.gather}, with PyTorch's broadcasting of both; without `dim`, of all elements in a row.
   *
   * @throws As `gather` does.
   * @example
   * const t = tensor([[30, 10, 20]]);
   * t.take_along_dim(t.argsort(), 1); // => tensor([[10, 20, 30]])
   */
  take_along_dim(indices: Tensor, dim?: number): Tensor {
    if (dim === undefined) return this.self.flatten().take_along_dim(indices.flatten(), 0);
    const { dims } = this.self;
    const at = dimension(dim, dims.length);
    checkIndices(indices, "take_along_dim");
    if (indices.ndim !== dims.length)
      throw new RangeError(
        `Expected indices of ${dims.length} dimensions for take_along_dim but received [${indices.dims.join(", ")}]`,
      );
    const without = (list: readonly number[]): number[] => list.map((size, d) => (d === at ? 1 : size));
    const common = broadcast("take_along_dim", without(dims), without(indices.dims));
    const shaped = (list: readonly number[]): number[] =>
      common.map((size, d) => (d === at ? (list[d] as number) : size));
    return stretched(this.self, shaped(dims)).gather(at, stretched(indices, shaped(indices.dims)));
  }

  /**
   * The parts along `dim` with these indices, in their order.
   *
   * @throws RangeError for an index that is not there.
   * @example tensor([[1, 2], [3, 4]]).index_select(0, [1, 0, 1]); // => tensor([[3, 4], [1, 2], [3, 4]])
   */
  index_select(dim: number, index: Tensor | readonly number[]): Tensor {
    const { dims, dtype, data } = this.self;
    const at = dimension(dim, dims.length);
    const chosen = numbers(index).map((one) => within(one, dims[at] ?? 1, at));
    const shape = dims.map((size, d) => (d === at ? chosen.length : size));
    const row = sizeOf(dims.slice(at + 1));
    const result = makeArray(dtype, sizeOf(shape));
    const outer = sizeOf(dims.slice(0, at));
    for (let o = 0, to = 0; o < outer; o++)
      for (const one of chosen) {
        const from = (o * (dims[at] ?? 1) + one) * row;
        result.set(data.subarray(from, from + row) as never, to);
        to += row;
      }
    return this.of(dtype, result, shape);
  }

  /**
   * The tensor's own elements where `condition` holds, those of `other` elsewhere, with PyTorch's broadcasting.
   *
   * @throws RangeError where the shapes do not fit; TypeError for a condition that is not bool.
   * @example tensor([1, -2, 3]).where(tensor([1, -2, 3]).gt(0), 0); // => tensor([1, 0, 3])
   */
  where(condition: Tensor, other: Operand): Tensor {
    return where(condition, this.self, other);
  }

  /**
   * The same with `value` where `mask` holds, which is stretched to the tensor's shape.
   *
   * @throws RangeError where the shapes do not fit; TypeError for a mask that is not bool.
   * @example tensor([1.5, 2.5]).masked_fill(tensor([true, false]), -1); // => tensor([-1.0000,  2.5000])
   */
  masked_fill(mask: Tensor, value: number): Tensor {
    const { dtype, data, dims } = this.self;
    checkBool(mask, "masked_fill");
    if (broadcast("masked_fill", dims, mask.dims).join() !== dims.join())
      throw new RangeError(`Expected a mask of [${dims.join(", ")}] but received [${mask.dims.join(", ")}]`);
    const [result, held, at] = [data.slice(), mask.data, walker(mask.dims, dims)];
    const filling = dtype === "int64" ? BigInt(Math.trunc(value)) : dtype === "bool" ? Number(value !== 0) : value;
    for (let i = 0; i < result.length; i++) if (held[at(i)]) result[i] = filling as never;
    return this.of(dtype, result, dims);
  }

  /**
   * Of the matrices in the last two dimensions, the elements on the diagonal and below it; the others are 0.
   *
   * @param diagonal How far above the main diagonal the last one is that stays. Default: 0.
   * @throws RangeError for a tensor of fewer than two dimensions.
   * @example tensor([[1, 2], [3, 4]]).tril(); // => tensor([[1, 0], [3, 4]])
   */
  tril(diagonal = 0): Tensor {
    return this.#triangle("tril", (row, column) => column - row <= diagonal);
  }
  /**
   * The elements on the diagonal and above it.
   *
   * @param diagonal How far above the main diagonal the first one is that stays. Default: 0.
   * @throws As `tril` does.
   * @example tensor([[1, 2], [3, 4]]).triu(1); // => tensor([[0, 2], [0, 0]])
   */
  triu(diagonal = 0): Tensor {
    return this.#triangle("triu", (row, column) => column - row >= diagonal);
  }
  #triangle(name: string, stays: (row: number, column: number) => boolean): Tensor {
    const { dims, dtype, data } = this.self;
    if (dims.length < 2) throw new RangeError(`Expected matrices for ${name} but received [${dims.join(", ")}]`);
    const [rows, columns] = dims.slice(-2) as [number, number];
    const result = makeArray(dtype, data.length);
    for (let i = 0; i < data.length; i++)
      if (stays(Math.floor(i / columns) % rows, i % columns)) result[i] = data[i] as never;
    return this.of(dtype, result, dims);
  }
}

/**
 * The elements of `input` where `condition` holds, those of `other` elsewhere, with PyTorch's broadcasting.
 *
 * @throws RangeError where the shapes do not fit; TypeError for a condition that is not bool.
 * @example where(tensor([true, false]), 1, tensor([0.5, 2.5])); // => tensor([1.0000, 2.5000])
 */
export function where(condition: Tensor, input: Operand, other: Operand): Tensor {
  checkBool(condition, "where");
  const sides = [input, other].map((side) => checkOperand(side, "where"));
  const dims = sides.reduce<number[]>(
    (shape, side) => (typeof side === "number" ? shape : broadcast("where", shape, side.dims)),
    [...condition.dims],
  );
  const dtype = promoted(input, other);
  const exact = sides.map((side) => (typeof side === "number" || dtype !== "int64" ? side : side.to("int64")));
  const [yes, no] = exact.map((side) => (dtype === "int64" ? wholeReader(side, dims) : reader(side, dims, "where")));
  const [held, at] = [condition.data, walker(condition.dims, dims)];
  const data = makeArray(dtype, sizeOf(dims));
  for (let i = 0; i < data.length; i++) data[i] = (held[at(i)] ? yes?.(i) : no?.(i)) as never;
  return condition.of(dtype, data, dims);
}

/** As `reader`, in bigints. */
function wholeReader(operand: Operand, dims: readonly number[]): (i: number) => bigint {
  if (typeof operand === "number") return () => BigInt(operand);
  const [data, at] = [operand.data as BigInt64Array, walker(operand.dims, dims)];
  return (i) => data[at(i)] as bigint;
}

function checkBool(mask: Tensor, name: string): void {
  if (mask?.dtype !== "bool")
    throw new TypeError(
      `Expected a tensor of bool for ${name} but received ${mask?.dtype === undefined ? inspect(mask, { depth: 0 }) : `one of ${mask.dtype}`}`,
    );
}

function checkIndices(index: Tensor, name: string): void {
  if (index?.dtype !== "int64" && index?.dtype !== "int32")
    throw new TypeError(
      `Expected indices of int64 for ${name} but received ${index?.dtype === undefined ? inspect(index, { depth: 0 }) : `those of ${index.dtype}`}`,
    );
}

function numbers(index: Tensor | readonly number[]): number[] {
  if (Array.isArray(index)) return [...index];
  const tensor = index as Tensor;
  checkIndices(tensor, "index_select");
  if (tensor.ndim > 1) throw new RangeError(`Expected indices in a row but received [${tensor.dims.join(", ")}]`);
  return Array.from(tensor.data as ArrayLike<number | bigint>, Number);
}

/** PyTorch takes no negative indices here. */
function within(index: number, size: number, dim: number): number {
  if (index < 0)
    throw new RangeError(`Expected an index from 0 to ${size - 1} for dimension ${dim} but received ${index}`);
  return position(index, size, dim);
}

/** A copy in a greater shape. */
function stretched(tensor: Tensor, dims: readonly number[]): Tensor {
  if (tensor.dims.join() === dims.join()) return tensor;
  const [data, at] = [tensor.data, walker(tensor.dims, dims)];
  const result = makeArray(tensor.dtype, sizeOf(dims));
  for (let i = 0; i < result.length; i++) result[i] = data[at(i)] as never;
  return tensor.of(tensor.dtype, result, dims);
}
