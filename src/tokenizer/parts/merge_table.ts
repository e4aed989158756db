/** Which pairs of tokens are joined to which token: a hash table in flat arrays, for a map of pairs would be slow. */

export class MergeTable {
  readonly #mask: number;
  readonly #left: Int32Array;
  readonly #right: Int32Array;
  readonly #rank: Int32Array;
  readonly #joined: Int32Array;

  constructor(pairs: number) {
    let size = 16;
    while (size < pairs * 2) size *= 2;
    this.#mask = size - 1;
    this.#left = new Int32Array(size).fill(-1);
    this.#right = new Int32Array(size);
    this.#rank = new Int32Array(size);
    this.#joined = new Int32Array(size);
  }

  #place(left: number, right: number): number {
    const mask = this.#mask;
    let hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
    hash ^= hash >>> 15;
    let at = Math.imul(hash, 0xc2b2ae35) & mask;
    while (this.#left[at] !== -1 && (this.#left[at] !== left || this.#right[at] !== right)) at = (at + 1) & mask;
    return at;
  }

  /** A pair that comes twice has what was said last. */
  set(left: number, right: number, rank: number, joined: number): void {
    const at = this.#place(left, right);
    this.#left[at] = left;
    this.#right[at] = right;
    this.#rank[at] = rank;
    this.#joined[at] = joined;
  }

  /** The entry of a pair; -1 where there is none. */
  find(left: number, right: number): number {
    const at = this.#place(left, right);
    return this.#left[at] === -1 ? -1 : at;
  }

  rank(entry: number): number {
    return this.#rank[entry] as number;
  }

  joined(entry: number): number {
    return this.#joined[entry] as number;
  }
}
