/** A configuration's values by their keys, each checked as it is taken: config.json's and a GGUF header's alike. */
import { refusal } from "./error";
import { foreignFamily, type ModelType } from "./families";

export class Fields {
  /**
   * @param file For messages.
   * @param value What stands under a key; undefined or null: nothing.
   */
  constructor(
    readonly file: string,
    readonly value: (key: string) => unknown,
  ) {}

  /** @throws WeightsError always: a sentence that begins with the file. */
  fail(what: string): never {
    return refusal(this.file)(what);
  }

  #number(key: string, fallback: number | undefined, kind: string, valid: (value: number) => boolean): number {
    const value = this.value(key) ?? fallback;
    if (typeof value === "number" && valid(value)) return value;
    const shown = typeof value === "bigint" ? String(value) : (JSON.stringify(value) ?? "nothing");
    return this.fail(`has ${key} = ${shown}; expected ${kind}`);
  }

  /** An integer from 1 on, small enough for the native half's 32 bits. */
  count(key: string, fallback?: number): number {
    return this.#number(key, fallback, "a whole number from 1 on", (n) => Number.isInteger(n) && n >= 1 && n < 2 ** 31);
  }

  /** As many layers as the native half takes at most: lists of them are made before any weight is looked at. */
  layers(key: string): number {
    const valid = (n: number): boolean => Number.isInteger(n) && n >= 1 && n <= 4096;
    return this.#number(key, undefined, "a whole number from 1 to 4096", valid);
  }

  positive(key: string, fallback?: number): number {
    return this.#number(key, fallback, "a number above 0", (n) => Number.isFinite(n) && n > 0);
  }

  /** As {@link count}, but undefined where there is nothing. */
  countOrNone(key: string): number | undefined {
    return this.value(key) == null ? undefined : this.count(key);
  }

  /** A number from 0 on; undefined where there is nothing. */
  numberOrNone(key: string): number | undefined {
    if (this.value(key) == null) return undefined;
    return this.#number(key, undefined, "a number from 0 on", (n) => Number.isFinite(n) && n >= 0);
  }

  /** A list of numbers above 0; undefined where there is nothing. */
  numbersOrNone(key: string): number[] | undefined {
    const value = this.value(key) ?? undefined;
    if (value === undefined) return undefined;
    const valid = Array.isArray(value) && value.every((n) => Number.isFinite(n) && n > 0);
    return valid ? value : this.fail(`has ${key} = ${JSON.stringify(value)}; expected a list of numbers above 0`);
  }

  object(key: string): Record<string, unknown> {
    const value = this.value(key) ?? {};
    if (typeof value !== "object" || Array.isArray(value))
      this.fail(`has ${key} = ${JSON.stringify(value)}; expected an object`);
    return value as Record<string, unknown>;
  }

  /** One of the architectures that there are. */
  modelType(key: string, holds: string, known: readonly ModelType[]): ModelType {
    const type = this.value(key);
    const found = known.find((name) => name === type);
    return found ?? this.fail(`${holds} ${foreignFamily(type, known)}`);
  }
}
