/**
 * What IPython calls them: `In[n]` and `Out[n]`, the text and the value of cell n; `_`, `__`, `___`, the last three values
 * that were shown; `_n`, the value of cell n. They are globals, so that a name of the session's own is nearer.
 */

/** Values that are kept; the oldest go first, as in IPython. */
const KEPT = 1_000;
const RECENT = ["_", "__", "___"];

export class Results {
  readonly #in: string[] = [""];
  readonly #out: Record<number, unknown> = {};
  readonly #recent: unknown[] = [];
  /** Names that the reader has taken for something else. */
  readonly #taken = new Set<string>();

  /** Makes the globals. */
  install(): void {
    Object.assign(globalThis, { In: this.#in, Out: this.#out });
    for (const [i, name] of RECENT.entries()) this.#define(name, () => this.#recent[i]);
  }

  /** A cell begins. */
  begin(count: number, text: string): void {
    this.#in[count] = text;
  }

  /** The value of a cell was shown. */
  add(count: number, value: unknown): void {
    if (value === this.#out) return;
    this.#recent.unshift(value);
    this.#recent.length = Math.min(this.#recent.length, RECENT.length);
    if (!(count in this.#out)) this.#define(`_${count}`, () => this.#out[count]);
    this.#out[count] = value;
    const [oldest, ...others] = Object.keys(this.#out).map(Number);
    if (oldest !== undefined && others.length >= KEPT) this.#forget(oldest);
  }

  /** What `_`, `__`, `___` or `_3` is; undefined for another name, and where the reader has taken it. */
  valueOf(name: string): unknown {
    if (this.#taken.has(name)) return undefined;
    const recent = RECENT.indexOf(name);
    return recent >= 0 ? this.#recent[recent] : /^_\d+$/.test(name) ? this.#out[Number(name.slice(1))] : undefined;
  }

  #forget(count: number): void {
    delete this.#out[count];
    if (!this.#taken.has(`_${count}`)) delete (globalThis as Record<string, unknown>)[`_${count}`];
  }

  /** A global that shows `get()` until somebody assigns to it. */
  #define(name: string, get: () => unknown): void {
    if (this.#taken.has(name)) return;
    const set = (value: unknown): void => {
      this.#taken.add(name);
      Object.defineProperty(globalThis, name, { value, writable: true, enumerable: false, configurable: true });
    };
    Object.defineProperty(globalThis, name, { get, set, enumerable: false, configurable: true });
  }
}
