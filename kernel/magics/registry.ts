/** Which magics there are: the kernel's own and those that cells add. What reads magics asks here. */
import { nearest } from "../../src/options";
import type { Magic } from "../../src/magic";
import { elsewhere } from "./elsewhere";

export class Registry {
  readonly #own: readonly Magic[];
  readonly #added = new Map<string, Magic>();

  constructor(own: readonly Magic[]) {
    this.#own = own;
  }

  /** All of them, in the order in which they are listed. */
  get all(): Magic[] {
    return [...this.#own, ...this.#added.values()];
  }

  /** Adds one, or puts it in the place of an earlier one that was added. */
  add(magic: Magic): void {
    if (this.#own.some((own) => namesOf(own).includes(magic.name)))
      throw new Error(
        `Expected a free name for registerMagic but received ${magic.name}, which is one of the kernel's magics`,
      );
    this.#added.set(magic.name, magic);
  }

  get(name: string): Magic | undefined {
    return this.all.find((magic) => namesOf(magic).includes(name));
  }

  /** @throws {Error} a sentence with what is meant, or what to use instead. */
  find(name: string, kind: "line" | "cell"): Magic {
    const sign = signOf(kind);
    const magic = this.get(name);
    if (magic?.kinds.includes(kind)) return magic;
    if (magic) throw new Error(`${sign}${name} is no ${kind} magic; use ${kind === "cell" ? "%" : "%%"}${name}`);
    const instead = elsewhere.get(name);
    if (instead !== undefined)
      throw new Error(`${sign}${name} is a magic of IPython that this kernel has not: ${instead}`);
    const names = this.all.flatMap(namesOf);
    const near = nearest(name, names) ?? names.find((one) => one.startsWith(name) || name.startsWith(one));
    const hint = near === undefined ? "%lsmagic lists those there are" : `did you mean ${sign}${near}?`;
    throw new Error(`There is no magic ${sign}${name}; ${hint}`);
  }
}

export const signOf = (kind: "line" | "cell"): string => (kind === "cell" ? "%%" : "%");

const namesOf = ({ name, aliases = [] }: Magic): string[] => [name, ...aliases];
