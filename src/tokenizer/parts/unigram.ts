/** SentencePiece's unigram model: of all ways to spell a word by tokens the one with the best sum of scores. */
import type { JsonNode } from "../spec";
import { TokenizerError } from "./bounds";
import type { WordModel } from "./bpe";
import { MergeTable } from "./merge_table";

/** How much worse than the worst token an unknown character is. */
const penalty = 10;
const utf8 = new TextEncoder();

export class Unigram implements WordModel {
  readonly #ids: ReadonlyMap<string, number>;
  readonly #scores: Float64Array;
  /** From a node by a unit of UTF-16 to the next node; the token that ends there. */
  readonly #trie: MergeTable;
  readonly #tokenAt: number[] = [-1];
  readonly #unknown: number | undefined;
  readonly #unknownScore: number;
  readonly #bytes: boolean;

  /** @throws TokenizerError for a vocabulary that is none of tokens with scores. */
  constructor(node: JsonNode, ids: ReadonlyMap<string, number>) {
    const { vocab, unk_id } = node;
    if (!Array.isArray(vocab)) throw new TokenizerError("its Unigram has no list of tokens with scores");
    this.#ids = ids;
    this.#scores = Float64Array.from(vocab, (entry) => Number((entry as unknown[])[1]));
    this.#unknownScore = this.#scores.reduce((least, score) => Math.min(least, score), Infinity) - penalty;
    this.#unknown = typeof unk_id === "number" ? unk_id : undefined;
    if (this.#unknown !== undefined && !(this.#unknown < vocab.length))
      throw new TokenizerError(`its unk_id ${this.#unknown} is not in the vocabulary`);
    this.#bytes = node.byte_fallback === true;
    this.#trie = new MergeTable([...ids.keys()].reduce((sum, token) => sum + token.length, 1));
    for (const [token, id] of ids) if (token !== "") this.#tokenAt[this.#insert(token)] = id;
  }

  #insert(token: string): number {
    let node = 0;
    for (let i = 0; i < token.length; i++) {
      const unit = token.charCodeAt(i);
      const entry = this.#trie.find(node, unit);
      if (entry >= 0) node = this.#trie.joined(entry);
      else {
        const made = this.#tokenAt.push(-1) - 1;
        this.#trie.set(node, unit, 0, made);
        node = made;
      }
    }
    return node;
  }

  encode(word: string): readonly number[] {
    const result: number[] = [];
    for (const [start, end] of this.#spans(word)) {
      const piece = word.slice(start, end);
      const id = this.#ids.get(piece);
      if (id !== undefined) result.push(id);
      else for (const one of this.#spelled(piece)) result.push(one);
    }
    return result;
  }

  /** What stands for a piece that is no token. */
  #spelled(piece: string): number[] {
    if (this.#bytes) {
      const name = (byte: number) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
      const bytes = Array.from(utf8.encode(piece), (byte) => this.#ids.get(name(byte)));
      if (bytes.every((id) => id !== undefined)) return bytes as number[];
    }
    if (this.#unknown === undefined) throw new TokenizerError("its Unigram has no unk_id, and a character is unknown");
    return [this.#unknown];
  }

  /** Where the best pieces lie; unknown characters that follow one another are one piece. */
  #spans(word: string): [number, number][] {
    const size = word.length;
    const score = new Float64Array(size + 1);
    const from = new Int32Array(size + 1).fill(-1);
    const unknown = new Uint8Array(size + 1);
    const offer = (end: number, start: number, candidate: number, isUnknown: number) => {
      if (from[end] !== -1 && candidate <= (score[end] as number)) return;
      from[end] = start;
      score[end] = candidate;
      unknown[end] = isUnknown;
    };
    for (let start = 0; start < size; ) {
      const before = score[start] as number;
      const step = (word.codePointAt(start) as number) > 0xffff ? 2 : 1;
      let single = false;
      for (let node = 0, at = start; at < size; ) {
        const entry = this.#trie.find(node, word.charCodeAt(at));
        if (entry < 0) break;
        node = this.#trie.joined(entry);
        at++;
        const token = this.#tokenAt[node] as number;
        if (token < 0) continue;
        offer(at, start, before + (this.#scores[token] as number), Number(token === this.#unknown));
        if (at - start === step) single = true;
      }
      if (!single) offer(start + step, start, before + this.#unknownScore, 1);
      start += step;
    }
    const spans: [number, number][] = [];
    let fused = false;
    for (let end = size; end > 0; end = from[end] as number) {
      const start = from[end] as number;
      const last = spans.at(-1);
      const isUnknown = unknown[end] === 1 && this.#unknown !== undefined;
      if (isUnknown && fused && last) last[0] = start;
      else spans.push([start, end]);
      fused = isUnknown;
    }
    return spans.reverse();
  }
}
