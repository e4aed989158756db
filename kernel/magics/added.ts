/** Magics that cells add, as far as another thread must know them to complete and explain them. */
import type { Magic } from "../../src/magic";
import type { Registry } from "./registry";

/** What a magic says of itself; `values` as they were when it was added. */
export type AddedMagic = Omit<Magic, "run" | "values"> & { values?: "files" | readonly string[] };

/** Plain data of a magic. */
export function describeMagic(magic: Magic): AddedMagic {
  const { run: _run, values: _values, separator, ...rest } = magic;
  const values = magic.values === "files" ? "files" : magic.values && valuesOf(magic);
  // What a cell made may hold anything, but only data can be sent.
  return { ...(JSON.parse(JSON.stringify(rest)) as typeof rest), separator, values };
}

/** The values of a magic's argument; none when its own code fails. */
export function valuesOf({ values }: Magic): string[] {
  try {
    return typeof values === "function" ? [...values()].map(String) : [];
  } catch {
    return [];
  }
}

/** The magics that cells have added to the session of another thread. */
export class AddedMagics {
  readonly #registry: Registry;
  /** Asks for a magic's values of now; undefined: nobody can say. */
  readonly #ask: (magic: string) => Promise<unknown>;
  /** Values of the magics that list them. */
  readonly #values = new Map<string, readonly string[]>();

  constructor(registry: Registry, ask: (magic: string) => Promise<unknown>) {
    this.#registry = registry;
    this.#ask = ask;
  }

  add({ values, ...magic }: AddedMagic): void {
    const { name } = magic;
    this.#values.delete(name);
    if (Array.isArray(values)) this.#values.set(name, values);
    const run = (): Promise<never> => Promise.reject(new Error(`${name} runs in the thread of the cells alone.`));
    this.#registry.add({
      ...{ ...magic, run },
      values: Array.isArray(values) ? () => this.#values.get(name) ?? [] : (values as "files" | undefined),
    });
  }

  /** Brings the values of the magics in a cell's text up to date. */
  async refresh(code: string): Promise<void> {
    for (const name of this.#values.keys()) {
      if (!code.includes(`%${name}`)) continue;
      const values = await this.#ask(name);
      if (Array.isArray(values)) this.#values.set(name, values as string[]);
    }
  }
}
