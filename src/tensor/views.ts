/** Tensors as parts and other shapes of one another: views, which share their numbers. */
import { Selection } from "./selection";
import { dimension, resolveShape, type SliceArgument, sliceShape, stridesOf } from "./shape";
import type { Tensor } from "./tensor";

/** How a tensor lies in its storage. */
export interface Layout {
  offset: number;
  dims: number[];
  strides: number[];
  /** Whether its elements lie row-major, without gaps. */
  contiguous: boolean;
}

/**
 * What tensors show of themselves without a copy.
 *
 * @example tensor([[1, 2], [3, 4]]).transpose(0, 1); // => tensor([[1, 3], [2, 4]])
 */
export abstract class Views extends Selection {
  /** @internal */
  protected abstract get layout(): Layout;
  /** @internal A view of the same storage. */
  protected abstract seen(change: Partial<Layout>): Tensor;

  /**
   * Part of the tensor, a dimension an argument: an index (negative ones count from the end) removes the dimension,
   * `[start, end]` keeps a range, null keeps all; dimensions without an argument stay whole.
   *
   * @throws RangeError for an index outside the dimension, or more arguments than dimensions.
   * @example logits.slice(0, -1).shape; // => [49152]
   * @example tensor([[1, 2, 3], [4, 5, 6]]).slice(null, [1, 3]); // => tensor([[2, 3], [5, 6]])
   */
  slice(...ranges: SliceArgument[]): Tensor {
    if (ranges.length > this.self.dims.length)
      throw new RangeError(
        `Expected at most ${this.self.dims.length} arguments for slice but received ${ranges.length}`,
      );
    const { start, dims, strides } = sliceShape(this.self.dims, this.layout.strides, ranges);
    return this.seen({ offset: this.layout.offset + start, dims, strides });
  }

  /**
   * The parts along the first dimension, one after the other.
   *
   * @throws TypeError for a tensor without dimensions.
   * @example for (const row of tensor([[1, 2], [3, 4]])) console.log(row.tolist()); // prints [ 1n, 2n ] [ 3n, 4n ]
   */
  *[Symbol.iterator](): IterableIterator<Tensor> {
    if (this.self.dims.length === 0)
      throw new TypeError("A tensor of no dimensions holds one number: read it with item()");
    for (let i = 0; i < (this.self.dims[0] as number); i++) yield this.slice(i);
  }

  /**
   * The same elements in another shape: a view, or a copy where the elements do not lie in that order.
   *
   * @param dims The sizes, one by one or as an array; one may be -1, whatever is left.
   * @throws RangeError when they do not make as many elements.
   * @example tensor([1, 2, 3, 4]).reshape(2, -1); // => tensor([[1, 2], [3, 4]])
   */
  reshape(...dims: (number | readonly number[])[]): Tensor {
    const shape = resolveShape(dims.flat() as number[], this.self.size);
    if (this.layout.contiguous) return this.seen({ dims: shape, strides: stridesOf(shape) });
    return this.of(this.self.dtype, this.self.data, shape);
  }
  /**
   * PyTorch's other name for {@link Tensor.reshape}.
   *
   * @throws As `reshape` does.
   * @example tensor([1, 2, 3, 4]).view(2, 2).shape; // => [2, 2]
   */
  view(...dims: (number | readonly number[])[]): Tensor {
    return this.reshape(...dims);
  }

  /**
   * A view with the dimensions in another order.
   *
   * @throws RangeError unless each dimension is named once.
   * @example input_ids.permute(1, 0).shape; // => [5, 1]
   */
  permute(...order: (number | readonly number[])[]): Tensor {
    const from = (order.flat() as number[]).map((dim) => dimension(dim, this.self.ndim));
    if (from.length !== this.self.ndim || new Set(from).size !== this.self.ndim)
      throw new RangeError(
        `Expected each of ${this.self.ndim} dimensions once but received [${order.flat().join(", ")}]`,
      );
    const pick = (list: number[]): number[] => from.map((dim) => list[dim] as number);
    return this.seen({ dims: pick(this.self.dims), strides: pick(this.layout.strides) });
  }

  /**
   * A view with two dimensions exchanged.
   *
   * @throws RangeError for a dimension that is not there.
   * @example tensor([[1, 2], [3, 4]]).transpose(0, 1); // => tensor([[1, 3], [2, 4]])
   */
  transpose(a: number, b: number): Tensor {
    const order = this.self.dims.map((_, i) => i);
    const [x, y] = [dimension(a, this.self.ndim), dimension(b, this.self.ndim)];
    [order[x], order[y]] = [y, x];
    return this.permute(order);
  }

  /**
   * A view without the dimensions of size 1, or without `dim` if that is one.
   *
   * @throws RangeError for a dimension that is not there.
   * @example input_ids.squeeze().shape; // => [5]
   */
  squeeze(dim?: number): Tensor {
    const only = dim === undefined ? undefined : dimension(dim, this.self.ndim);
    const keep = this.self.dims.map((size, i) => size !== 1 || (only !== undefined && i !== only));
    return this.seen({
      dims: this.self.dims.filter((_, i) => keep[i]),
      strides: this.layout.strides.filter((_, i) => keep[i]),
    });
  }

  /**
   * A view with a dimension of size 1 before `dim`; -1 puts it last.
   *
   * @throws RangeError for a dimension that is not there.
   * @example tensor([1, 2, 3]).unsqueeze(0).shape; // => [1, 3]
   */
  unsqueeze(dim: number): Tensor {
    const at = dimension(dim, this.self.ndim + 1);
    const [dims, strides] = [[...this.self.dims], [...this.layout.strides]];
    dims.splice(at, 0, 1);
    strides.splice(at, 0, 1);
    return this.seen({ dims, strides });
  }
}
