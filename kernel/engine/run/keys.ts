/**
 * The keys of live values, for completion. Nothing of the reader's own runs: an accessor's value and a proxy are not looked
 * at, and nothing throws.
 */
import { types } from "node:util";
import { fitting } from "../fitting";

export interface LiveKey {
  text: string;
  type: "property" | "function";
}

export interface KeysQuery {
  /** The variable, and the keys that lead from it to the value. */
  path: readonly (string | number)[];
  /** The keys of the value, or of the map that it is. */
  of: "keys" | "entries";
  /** What its prototypes have, too, as far as they are not every object's. */
  inherited: boolean;
  /** What the keys begin with or, if none does, begin with in other capitals. */
  prefix: string;
}

/** Keys that are given at most; of more that fit the first in the alphabet are among the first {@link SCANNED}. */
const MOST = 1_000;
/** Keys that are looked at, at most. */
const SCANNED = 20_000;
/** Keys that took longer to list, in milliseconds, are listed once for all: listing cannot be broken off. */
const SLOW_MS = 100;
/** Prototypes that are looked at. */
const DEPTH = 20;
/** What every function has. */
const OF_FUNCTIONS = new Set(["length", "name", "prototype", "arguments", "caller"]);

const { getOwnPropertyDescriptor, getPrototypeOf } = Object;
const { ownKeys } = Reflect;
const mapKeys = Map.prototype.keys;
const order = new Intl.Collator("en", { numeric: true });
const listed = new WeakMap<object, string[]>();

/** The keys at the end of a path, in order; `root` gives a variable's value. */
export function liveKeys(root: (name: string) => unknown, { path, of, inherited, prefix }: KeysQuery): LiveKey[] {
  try {
    const [name, ...keys] = path;
    let value = root(String(name));
    for (const key of keys) value = step(value, key);
    const names = of === "entries" ? keysOfMap(value) : keysOf(value, inherited);
    return fitting(names, prefix, (each) => each)
      .sort(order.compare)
      .slice(0, MOST)
      .map((text) => ({ text, type: of === "keys" && isMethod(value, text) ? "function" : "property" }));
  } catch {
    return []; // A module's export that has no value yet.
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

/** The object that has a value's members; undefined where to look would run code. */
function holder(value: unknown): object | undefined {
  if (value === undefined || value === null) return undefined;
  const object = isObject(value) ? value : (getPrototypeOf(value) as object);
  return types.isProxy(object) ? undefined : object;
}

/** The objects whose members a value has, itself first. */
function chain(value: unknown): object[] {
  const found: object[] = [];
  let each = holder(value);
  while (each !== undefined && found.length < DEPTH) {
    found.push(each);
    each = holder(getPrototypeOf(each));
  }
  return found;
}

function step(value: unknown, key: string | number): unknown {
  for (const each of chain(value)) {
    const found = getOwnPropertyDescriptor(each, key);
    if (found) return found.value;
  }
  return undefined;
}

const isMethod = (value: unknown, key: string): boolean => typeof step(value, key) === "function";

function keysOf(value: unknown, inherited: boolean): string[] {
  const objects = chain(value);
  const self = isObject(value) ? objects.splice(0, 1) : [];
  const own = self.filter((each) => !isList(each));
  const prototypes = inherited ? objects.filter((each) => !isEverywhere(each)) : [];
  const names = [...own.flatMap(namesOf), ...prototypes.flatMap(namesOf).filter((name) => name !== "constructor")];
  return [...new Set(names)].slice(0, SCANNED);
}

/** The prototype of plain objects and of functions, of any context. */
function isEverywhere(prototype: object): boolean {
  return getPrototypeOf(prototype) === null || typeof prototype === "function";
}

/** Elements by number are nothing that is typed, and there may be many. */
function isList(object: object): boolean {
  return Array.isArray(object) || ArrayBuffer.isView(object) || types.isBoxedPrimitive(object);
}

function namesOf(object: object): string[] {
  const known = listed.get(object);
  if (known) return known;
  const began = performance.now();
  const names = ownKeys(object);
  const isSlow = performance.now() - began > SLOW_MS;
  const shown: string[] = [];
  for (const name of names) {
    if (typeof name !== "string" || (typeof object === "function" && OF_FUNCTIONS.has(name))) continue;
    if (shown.push(name) === SCANNED) break;
  }
  if (isSlow) listed.set(object, shown);
  return shown;
}

function keysOfMap(value: unknown): string[] {
  if (!types.isMap(value) || types.isProxy(value)) return [];
  const found: string[] = [];
  for (const key of mapKeys.call(value)) {
    if (typeof key === "string" && found.push(key) === SCANNED) break;
  }
  return found;
}
