/** Keys and values between calls. */
import { inspect } from "node:util";
import type { CacheMemory } from "../insight/results";
import type { NativeCache, NativeModel } from "../native";
import { memoryOf } from "./kept_keys";
import { sayOnce } from "../say";

/**
 * Keys and values of the tokens so far, so that a later call computes only what is new. A call with `use_cache: true`
 * makes one, `generate` gives one, and an empty one is filled by the first call that gets it; the name is transformers'.
 * One call at a time may use it.
 *
 * @example
 * const { past_key_values } = await model(input_ids, { use_cache: true });
 * const { logits } = await model([7042], { past_key_values }); // one more token
 * past_key_values!.get_seq_length(); // => 6
 * @example
 * const past_key_values = new DynamicCache();
 * await model.generate({ input_ids, max_new_tokens: 2, past_key_values });
 * past_key_values.get_seq_length(); // => 6
 */
export class DynamicCache {
  #model: NativeModel | undefined;
  #rows: NativeCache[] = [];
  /** Of each row and column of the texts so far: whether it is a token, not padding. */
  #columns: boolean[][] = [];
  /** Of each row the position of its first token: 0 unless position_ids said another. */
  #firsts: number[] = [];
  #user: string | undefined;
  #edited = false;

  /**
   * Whether some of what it holds was computed under edits: they live on in the keys and values, whatever a later call says.
   *
   * @example
   * const { past_key_values } = await model(input_ids, { use_cache: true });
   * past_key_values!.edited; // => false
   */
  get edited(): boolean {
    return this.#edited;
  }

  /**
   * Positions held, padding included, as of a matrix of rows.
   *
   * @example (await model(input_ids, { use_cache: true })).past_key_values!.get_seq_length(); // => 5
   */
  get_seq_length(): number {
    return this.#columns[0]?.length ?? 0;
  }

  /**
   * Forgets every position from `length` on, to go on from there another way; below 0, so many of the last ones.
   *
   * @throws Error while a call uses the cache.
   * @throws TypeError for what is no whole number.
   * @example
   * const { past_key_values } = await model(input_ids, { use_cache: true });
   * past_key_values!.crop(3);
   * past_key_values!.get_seq_length(); // => 3
   */
  crop(length: number): void {
    this.#checkFree("crop");
    if (!Number.isInteger(length)) throw new TypeError(`Expected an integer for crop but received ${inspect(length)}`);
    const keep = length < 0 ? Math.max(0, this.get_seq_length() + length) : length;
    this.#columns.forEach((row, r) => {
      row.length = Math.min(row.length, keep);
      const native = this.#rows[r] as NativeCache;
      native.truncate(Math.min(native.length, row.filter(Boolean).length));
    });
  }

  /**
   * What the keys and values take: the bytes that are set aside, in steps of many positions, and those that the positions
   * held need. A cache that no call has filled takes none.
   *
   * @example
   * const { past_key_values } = await model(input_ids, { use_cache: true });
   * const { positions, per_position, needed } = past_key_values!.memory();
   * [positions, per_position, needed]; // => [5, 46080, 230400]
   */
  memory(): CacheMemory {
    if (this.#model === undefined) return { positions: 0, committed: 0, needed: 0, per_position: 0, by_layer: [] };
    return memoryOf(this.#model, this.#rows);
  }

  /**
   * Frees the memory now, not when the collector comes by.
   *
   * @example (await model(input_ids, { use_cache: true })).past_key_values!.dispose();
   */
  dispose(): void {
    for (const cache of this.#rows) cache.dispose();
  }

  /**
   * The rows' caches, made where there are none yet, for as long as `work` takes. Work that fails leaves them as they were.
   *
   * @internal
   * @param caller The function's name, for the error of the next that comes meanwhile.
   */
  async use<T>(
    model: NativeModel,
    rows: number,
    caller: string,
    work: (caches: NativeCache[]) => Promise<T>,
  ): Promise<T> {
    this.#checkFree(caller);
    const edits = model.original !== undefined;
    model = model.original ?? model;
    if (this.get_seq_length() === 0) this.#edited = false;
    if (this.#edited && !edits)
      sayOnce(
        "These past_key_values were computed under edits, which live on in them: a call without edits goes behind them as they are.",
      );
    if (this.#model === undefined || (this.get_seq_length() === 0 && this.#rows.length !== rows)) {
      this.dispose();
      this.#model = model;
      this.#rows = Array.from({ length: rows }, () => model.createCache());
      this.#columns = this.#rows.map(() => []);
      this.#firsts = this.#rows.map(() => 0);
    }
    if (this.#model !== model) throw new Error(`Expected past_key_values of this model for ${caller}`);
    if (this.#rows.length !== rows)
      throw new RangeError(`Expected past_key_values of ${rows} rows but received ${this.#rows.length}`);
    this.#user = caller;
    const before = { lengths: this.#rows.map(({ length }) => length), width: this.get_seq_length() };
    try {
      const result = await work(this.#rows);
      this.#edited ||= edits;
      return result;
    } catch (error) {
      this.#rows.forEach((row, r) => {
        // One that was disposed meanwhile holds nothing to forget, and the error stands.
        if (row.length > (before.lengths[r] as number)) row.truncate(before.lengths[r] as number);
      });
      for (const row of this.#columns) row.length = Math.min(row.length, before.width);
      throw error;
    } finally {
      this.#user = undefined;
    }
  }

  #checkFree(caller: string): void {
    if (this.#user !== undefined)
      throw new Error(
        `The past_key_values given to ${caller} are in use by another call of ${this.#user}: await that one first, or give each call a cache of its own`,
      );
  }

  /** @internal Columns of each row: true where a token stands, false for padding. */
  get columns(): readonly (readonly boolean[])[] {
    return this.#columns;
  }

  /**
   * How far each row's positions are ahead of the count of its tokens, of which the next one has position `next`.
   *
   * @internal
   * @throws RangeError where it does not follow the last of the cache.
   */
  lead(next: readonly number[] | undefined): readonly number[] {
    next?.forEach((position, r) => {
      const held = (this.#rows[r] as NativeCache).length;
      const follows = held + (this.#firsts[r] as number);
      if (held === 0) this.#firsts[r] = position;
      else if (position !== follows)
        throw new RangeError(
          `Expected position_ids that go on from the cache's, from ${follows} on, but received ${position}`,
        );
    });
    return this.#firsts;
  }

  /** @internal Says what stands in the columns behind those so far; a row's tokens are in its native cache. */
  append(columns: readonly (readonly boolean[])[]): void {
    this.#columns.forEach((row, r) => {
      row.push(...(columns[r] ?? []));
    });
  }

  /** @internal Says what stands in all columns. */
  set(columns: readonly (readonly boolean[])[]): void {
    this.#columns = columns.map((row) => [...row]);
  }
}

/** @throws TypeError when `past_key_values` is given and is no cache. */
export function checkCache(past: unknown): void {
  if (past !== undefined && past !== null && !(past instanceof DynamicCache))
    throw new TypeError(
      `Expected the past_key_values of an earlier call, made with use_cache: true, or a new DynamicCache() but received ${inspect(past, { depth: 0 })}`,
    );
}
