/** What the main thread tells the thread of the sockets of the session, so that it can help while a cell computes. */
import type { Magic } from "../../src/magic";
import { liveKeys } from "../engine/run/keys";
import type { Results } from "../engine/run/results";
import type { Scope } from "../engine/run/scope";
import { describeMagic, valuesOf } from "../magics/added";
import type { Registry } from "../magics/registry";
import type { Question, Told } from "../protocol/link";

/** Cells may put something else in its place. */
const { getOwnPropertyDescriptor, getOwnPropertyNames } = Object;

export interface TellingOptions {
  registry: Registry;
  scope: Scope;
  results: Results;
  tell(told: Told): void;
}

export class Telling {
  readonly #options: TellingOptions;
  readonly #told = new Set<string>();

  constructor(options: TellingOptions) {
    this.#options = options;
  }

  /** Tells the names that have come since the last time, globals among them. */
  names(): void {
    const all = [...getOwnPropertyNames(globalThis), ...this.#options.scope.names()];
    const names = all.filter((name) => !this.#told.has(name));
    if (names.length === 0) return;
    for (const name of names) this.#told.add(name);
    this.#options.tell({ type: "names", names });
  }

  /** Tells of a magic that a cell added. */
  magic(magic: Magic): void {
    this.#options.tell({ type: "magic", magic: describeMagic(magic) });
  }

  /** Answers a question of the other thread. */
  answer(question: Question): unknown {
    if (question.kind === "keys") return liveKeys((name) => this.#valueOf(name), question);
    const magic = this.#options.registry.get(question.magic);
    return magic && valuesOf(magic);
  }

  /** Of a variable of the session, or else of a global that is none of Node's own accessors. */
  #valueOf(name: string): unknown {
    const { scope, results } = this.#options;
    if (scope.has(name)) return scope.value(name);
    if (name === "process") return process;
    return results.valueOf(name) ?? getOwnPropertyDescriptor(globalThis, name)?.value;
  }
}
