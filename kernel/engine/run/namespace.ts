/** Namespaces of modules: those that we make of local files, and how to read an export of any. */
import { types } from "node:util";

const { isModuleNamespaceObject } = types;

/** Namespaces whose exports never change: a read of them need not be a call. */
const constant = new WeakSet<object>();

/** Says of a namespace that its exports never change. */
export function markConstant<T extends object>(namespace: T): T {
  constant.add(namespace);
  return namespace;
}

/** An export that may change, or one that cannot. */
export type Export = { get: () => unknown } | { value: unknown };

/** How to read export `key` of a namespace, for as long as one likes. */
export function exportOf(namespace: object, key: string): Export {
  const exports = namespace as Record<string, unknown>;
  if (constant.has(namespace)) {
    return { value: exports[key] };
  }
  // An export of Node's may not have a value yet, and asking for its descriptor would throw.
  const get = isModuleNamespaceObject(namespace) ? undefined : Object.getOwnPropertyDescriptor(namespace, key)?.get;
  return { get: get ?? (() => exports[key]) };
}

/** A module's namespace as ECMAScript has it: no prototype, names in order, values live and not to be assigned. */
export class Namespace {
  readonly object: Record<string, unknown> = Object.create(null, { [Symbol.toStringTag]: { value: "Module" } });
  readonly #getters = new Map<string, () => unknown>();
  /** Names that the object has, in its order. */
  #shown: string[] = [];

  /** Adds an export, or replaces it. */
  readonly add = (name: string, get: () => unknown): void => {
    this.#getters.set(name, get);
  };

  /** Adds what `namespace` exports, its default excepted, where there is no export of that name. */
  readonly addAll = (namespace: object): void => {
    // Those of Node may have exports without a value yet, which only their names may be asked of.
    const names = isModuleNamespaceObject(namespace) ? Reflect.ownKeys(namespace) : Object.keys(namespace);
    for (const name of names) {
      if (typeof name === "string" && name !== "default" && name !== "module.exports" && !this.#getters.has(name)) {
        const found = exportOf(namespace, name);
        this.add(name, "get" in found ? found.get : () => found.value);
      }
    }
  };

  /** The namespace with what has been added so far. */
  show(): Record<string, unknown> {
    const names = [...this.#getters.keys()].sort();
    // What stands in the way of the right order is taken away and added again.
    const kept = this.#shown.findIndex((name, i) => name !== names[i]);
    const good = kept === -1 ? this.#shown.length : kept;
    for (const name of this.#shown.slice(good)) {
      delete this.object[name];
    }
    for (const name of names.slice(good)) {
      const get = this.#getters.get(name) as () => unknown;
      Object.defineProperty(this.object, name, { get, enumerable: true, configurable: true });
    }
    this.#shown = names;
    return this.object;
  }

  /** Shows the namespace for good. */
  seal(): Record<string, unknown> {
    return Object.preventExtensions(this.show());
  }
}
