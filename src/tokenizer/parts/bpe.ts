/** Byte-pair encoding: the pair of neighbours with the best rank is joined, until none has one. */
import type { JsonNode } from "../spec";
import { TokenizerError } from "./bounds";
import { MergeTable } from "./merge_table";

/** Turns a word into ids. */
export interface WordModel {
  encode(word: string): readonly number[];
}

const utf8 = new TextEncoder();
/** Words are few and come often: so many are remembered, of at most so many characters. */
const cached = { words: 20_000, length: 64 };

export class Bpe implements WordModel {
  readonly #ids: ReadonlyMap<string, number>;
  readonly #merges: MergeTable;
  readonly #unknown: number | undefined;
  readonly #fuse: boolean;
  /** The ids of the 256 byte tokens; undefined where a byte has none, or none are asked for. */
  readonly #bytes: (number | undefined)[] | undefined;
  readonly #wholeFirst: boolean;
  readonly #prefix: string;
  readonly #suffix: string;
  readonly #cache = new Map<string, readonly number[]>();
  // Working memory, grown to the longest word: symbols as a doubly linked list.
  #symbols = new Int32Array(256);
  #before = new Int32Array(256);
  #after = new Int32Array(256);

  /** @throws TokenizerError for merges that are no pairs. */
  constructor(node: JsonNode, ids: ReadonlyMap<string, number>) {
    this.#ids = ids;
    const { unk_token, continuing_subword_prefix, end_of_word_suffix } = node;
    this.#prefix = typeof continuing_subword_prefix === "string" ? continuing_subword_prefix : "";
    this.#suffix = typeof end_of_word_suffix === "string" ? end_of_word_suffix : "";
    if (typeof unk_token === "string" && ids.get(unk_token) === undefined)
      throw new TokenizerError(`its unk_token ${JSON.stringify(unk_token)} is not in the vocabulary`);
    this.#unknown = typeof unk_token === "string" ? ids.get(unk_token) : undefined;
    this.#fuse = node.fuse_unk === true;
    this.#wholeFirst = node.ignore_merges === true;
    const byteToken = (byte: number) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
    if (node.byte_fallback === true) this.#bytes = Array.from({ length: 256 }, (_, byte) => ids.get(byteToken(byte)));
    this.#merges = mergeTable(node.merges, ids, this.#prefix.length);
  }

  encode(word: string): readonly number[] {
    const known = this.#cache.get(word);
    if (known) return known;
    const result = this.#encode(word);
    if (word.length <= cached.length) {
      if (this.#cache.size >= cached.words) this.#cache.clear();
      this.#cache.set(word, result);
    }
    return result;
  }

  #encode(word: string): readonly number[] {
    if (this.#wholeFirst) {
      const id = this.#ids.get(word);
      if (id !== undefined) return [id];
    }
    return this.#merge(this.#spell(word));
  }

  /** Writes a word's symbols, one a character (or byte), and gives their number. */
  #spell(word: string): number {
    // A character has at most four bytes, and an unknown one may come before them.
    this.#reserve(word.length * 4 + 1);
    const symbols = this.#symbols;
    let count = 0;
    let unknown = false;
    const plain = this.#prefix === "" && this.#suffix === "";
    for (let at = 0; at < word.length; ) {
      const code = word.codePointAt(at) as number;
      const size = code > 0xffff ? 2 : 1;
      const letter = size === 1 ? (word[at] as string) : word.slice(at, at + 2);
      const spelled = plain
        ? letter
        : (at > 0 ? this.#prefix : "") + letter + (at + size === word.length ? this.#suffix : "");
      at += size;
      const id = this.#ids.get(spelled);
      if (id !== undefined) {
        if (unknown) symbols[count++] = this.#unknown as number;
        unknown = false;
        symbols[count++] = id;
        continue;
      }
      const bytes = this.#bytesOf(spelled);
      if (bytes) {
        for (const byte of bytes) symbols[count++] = byte;
        continue;
      }
      if (this.#unknown === undefined) continue;
      if (unknown && !this.#fuse) symbols[count++] = this.#unknown;
      unknown = true;
    }
    if (unknown) symbols[count++] = this.#unknown as number;
    return count;
  }

  #bytesOf(spelled: string): number[] | undefined {
    if (!this.#bytes) return undefined;
    const result: number[] = [];
    for (const byte of utf8.encode(spelled)) {
      const id = this.#bytes[byte];
      if (id === undefined) return undefined;
      result.push(id);
    }
    return result;
  }

  #reserve(count: number): void {
    if (count <= this.#symbols.length) return;
    const size = count * 2;
    this.#symbols = new Int32Array(size);
    this.#before = new Int32Array(size);
    this.#after = new Int32Array(size);
  }

  #merge(count: number): number[] {
    const [symbols, before, after, merges] = [this.#symbols, this.#before, this.#after, this.#merges];
    for (let i = 0; i < count; i++) {
      before[i] = i - 1;
      after[i] = i + 1 < count ? i + 1 : -1;
    }
    const queue = new MergeQueue(count);
    const propose = (at: number, next: number) => {
      const entry = merges.find(symbols[at] as number, symbols[next] as number);
      if (entry >= 0) queue.push(merges.rank(entry), at, merges.joined(entry));
    };
    for (let i = 0; i + 1 < count; i++) propose(i, i + 1);
    while (queue.pop()) {
      const { at, id } = queue;
      const next = symbols[at] === -1 ? -1 : (after[at] as number);
      if (next < 0) continue;
      const entry = merges.find(symbols[at] as number, symbols[next] as number);
      // What was proposed has been joined to something else since then.
      if (entry < 0 || merges.joined(entry) !== id) continue;
      symbols[at] = id;
      symbols[next] = -1;
      const following = after[next] as number;
      after[at] = following;
      if (following >= 0) before[following] = at;
      const previous = before[at] as number;
      if (previous >= 0) propose(previous, at);
      if (following >= 0) propose(at, following);
    }
    const result: number[] = [];
    for (let i = 0; i >= 0 && i < count; i = after[i] as number) result.push(symbols[i] as number);
    return result;
  }
}

/** The proposed merges, the best rank first and of one rank the leftmost. */
class MergeQueue {
  #keys: Float64Array;
  #ids: Int32Array;
  #size = 0;
  readonly #places: number;
  /** What the last `pop` took. */
  at = 0;
  id = 0;

  constructor(places: number) {
    this.#places = places;
    this.#keys = new Float64Array(Math.max(8, places));
    this.#ids = new Int32Array(Math.max(8, places));
  }

  push(rank: number, at: number, id: number): void {
    if (this.#size === this.#keys.length) this.#grow();
    const [keys, ids] = [this.#keys, this.#ids];
    const key = rank * this.#places + at;
    let i = this.#size++;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if ((keys[parent] as number) <= key) break;
      keys[i] = keys[parent] as number;
      ids[i] = ids[parent] as number;
      i = parent;
    }
    keys[i] = key;
    ids[i] = id;
  }

  /** false when nothing is left. */
  pop(): boolean {
    if (this.#size === 0) return false;
    const [keys, ids] = [this.#keys, this.#ids];
    this.at = (keys[0] as number) % this.#places;
    this.id = ids[0] as number;
    const size = --this.#size;
    const [key, id] = [keys[size] as number, ids[size] as number];
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= size) break;
      if (child + 1 < size && (keys[child + 1] as number) < (keys[child] as number)) child++;
      if ((keys[child] as number) >= key) break;
      keys[i] = keys[child] as number;
      ids[i] = ids[child] as number;
      i = child;
    }
    keys[i] = key;
    ids[i] = id;
    return true;
  }

  #grow(): void {
    const [keys, ids] = [new Float64Array(this.#size * 2), new Int32Array(this.#size * 2)];
    keys.set(this.#keys);
    ids.set(this.#ids);
    this.#keys = keys;
    this.#ids = ids;
  }
}

function mergeTable(merges: unknown, ids: ReadonlyMap<string, number>, prefix: number): MergeTable {
  if (!Array.isArray(merges)) throw new TokenizerError("its model has no merges");
  const table = new MergeTable(merges.length);
  for (const [rank, merge] of merges.entries()) {
    const pair: unknown[] = Array.isArray(merge) ? merge : String(merge).split(" ");
    const [left, right] = pair as [string, string];
    if (pair.length !== 2 || typeof left !== "string" || typeof right !== "string")
      throw new TokenizerError(`its merge ${rank} is no pair of tokens`);
    const [a, b, joined] = [ids.get(left), ids.get(right), ids.get(left + right.slice(prefix))];
    // Some converters leave merges in of tokens that they have left out.
    if (a !== undefined && b !== undefined && joined !== undefined) table.set(a, b, rank, joined);
  }
  return table;
}
