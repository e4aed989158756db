/**
 * A session's variables as boxes. There is one box for a name, for ever: code that was compiled against it sees every later
 * value. A box shows a variable's value, or the export of a module, live.
 */
import { exportOf } from "./namespace";

/** Where a variable's value lies. */
export interface Box {
  v: unknown;
}

/** The variables of a session, or of a module. */
export class Scope {
  readonly #boxes = new Map<string, Box>();

  /** The box of `name`. */
  readonly box = (name: string): Box => {
    let box = this.#boxes.get(name);
    if (box === undefined) {
      box = { v: undefined };
      this.#boxes.set(name, box);
    }
    return box;
  };

  /** The box of `name`, which is a variable of the session's own from now on, and no longer an import. */
  readonly own = (name: string): Box => {
    const box = this.box(name);
    if (Object.getOwnPropertyDescriptor(box, "v")?.get !== undefined) {
      hold(box, undefined);
    }
    return box;
  };

  /**
   * Makes the box of `name` show an export of `namespace` for as long as nobody assigns to it; `key` "*" is the namespace
   * itself.
   */
  readonly link = (name: string, namespace: object, key: string): void => {
    const box = this.box(name);
    const found = key === "*" ? { value: namespace } : exportOf(namespace, key);
    if ("value" in found) {
      hold(box, found.value);
    } else {
      const set = (value: unknown): void => hold(box, value);
      Object.defineProperty(box, "v", { get: found.get, set, enumerable: true, configurable: true });
    }
  };

  /** The names that have a box, in the order in which they came. */
  names(): string[] {
    return [...this.#boxes.keys()];
  }

  has(name: string): boolean {
    return this.#boxes.has(name);
  }

  /** The value of `name`; undefined when there is none, or none yet. */
  value(name: string): unknown {
    try {
      return this.#boxes.get(name)?.v;
    } catch {
      return undefined; // An export whose module has not come to it.
    }
  }
}

function hold(box: Box, value: unknown): void {
  Object.defineProperty(box, "v", { value, writable: true, enumerable: true, configurable: true });
}
