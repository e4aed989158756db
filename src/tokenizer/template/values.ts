/**
 * The values of a template, which are Python's: none is null, an integer a number (or a bigint where it is large), a
 * list an array. What JavaScript has no like of is a class here.
 */

/** What went wrong while a template ran, in the words that Python or Jinja has for it. */
export class TemplateError extends Error {}

/** Any value of a template. */
export type Value = unknown;

/** A float: `1.0` is not printed as `1`. */
export class Float {
  constructor(readonly value: number) {}
}

/** A tuple is an array that prints with round brackets. */
export class Tuple extends Array<Value> {}

export function tuple(...items: Value[]): Tuple {
  const result = new Tuple();
  for (const item of items) result.push(item);
  return result;
}

/** What a name, an attribute or an element gives that is not there: empty text, and an error where it is used further. */
export class Undefined {
  constructor(readonly message: string) {}
}

/** The key under which a dictionary finds a value: `1`, `1.0` and `True` are one. */
function hash(key: Value): unknown {
  if (typeof key === "boolean") return Number(key);
  if (key instanceof Float) return key.value;
  if (key instanceof Tuple) return `(${key.map((item) => `${typeof item}:${String(hash(item))}`).join()})`;
  if (Array.isArray(key) || key instanceof Dict) throw new TemplateError(`unhashable type: '${typeName(key)}'`);
  return typeof key === "string" ? `'${key}` : key;
}

/** A dictionary, in the order in which its keys came. */
export class Dict {
  readonly #entries = new Map<unknown, [Value, Value]>();
  /** Printed as JSON: the arguments of a tool call, for which models are trained on JSON. */
  asJson = false;

  constructor(entries: Iterable<readonly [Value, Value]> = []) {
    for (const [key, value] of entries) this.set(key, value);
  }
  get size(): number {
    return this.#entries.size;
  }
  has(key: Value): boolean {
    return this.#entries.has(hash(key));
  }
  /** undefined where there is none. */
  get(key: Value): Value {
    return this.#entries.get(hash(key))?.[1];
  }
  set(key: Value, value: Value): void {
    const place = hash(key);
    this.#entries.set(place, [this.#entries.get(place)?.[0] ?? key, value]);
  }
  keys(): Value[] {
    return Array.from(this.#entries.values(), ([key]) => key);
  }
  entries(): [Value, Value][] {
    return [...this.#entries.values()];
  }
}

/** `dict.keys()`, `.values()`, `.items()`: have a length and no elements by number. */
export class View {
  constructor(
    readonly kind: "dict_keys" | "dict_values" | "dict_items",
    readonly items: Value[],
  ) {}
}

export class Range {
  constructor(
    readonly start: number,
    readonly stop: number,
    readonly step: number,
  ) {}
  get length(): number {
    return Math.max(0, Math.ceil((this.stop - this.start) / this.step));
  }
  at(index: number): number {
    return this.start + index * this.step;
  }
}

/** What `map`, `select` and their like give: can be gone through once, has no length. */
export class Generator {
  #items: Value[];
  constructor(items: Value[]) {
    this.#items = items;
  }
  take(): Value[] {
    const items = this.#items;
    this.#items = [];
    return items;
  }
  next(): Value {
    return this.#items.shift();
  }
}

/** `namespace()`: what a template may write to. */
export class Namespace {
  readonly attributes = new Map<string, Value>();
  /** @throws TemplateError for a name with an underscore, as transformers does. */
  set(name: string, value: Value): void {
    if (name.startsWith("_")) throw new TemplateError(`a namespace cannot have the attribute '${name}'`);
    this.attributes.set(name, value);
  }
}

/** What a call was given. */
export class Args {
  constructor(
    readonly list: Value[] = [],
    readonly named: ReadonlyMap<string, Value> = new Map(),
  ) {}

  /**
   * The arguments by the names of the parameters; undefined where one was not given.
   *
   * @param names Parameters in order; one that ends with "?" may be left out.
   * @throws TemplateError for too many, too few or unknown ones.
   */
  bind(what: string, ...names: string[]): Value[] {
    const plain = names.map((name) => name.replace("?", ""));
    if (this.list.length > names.length) {
      throw new TemplateError(`${what}() takes at most ${names.length} arguments (${this.list.length} given)`);
    }
    for (const name of this.named.keys()) {
      const at = plain.indexOf(name);
      if (at < 0) throw new TemplateError(`${what}() got an unexpected keyword argument '${name}'`);
      if (at < this.list.length) throw new TemplateError(`${what}() got multiple values for argument '${name}'`);
    }
    return plain.map((name, i) => {
      const value = i < this.list.length ? this.list[i] : this.named.get(name);
      if (value === undefined && !names[i]?.endsWith("?"))
        throw new TemplateError(`${what}() is missing its argument '${name}'`);
      return value;
    });
  }
}

/** A function, a method or a macro. */
export class Func {
  constructor(
    readonly name: string,
    readonly call: (args: Args) => Value,
    /** What `.name` and the like give, and methods. */
    readonly attributes: ReadonlyMap<string, Value> = new Map(),
  ) {}
}

/** An object with attributes of its own: `loop`, a cycler. */
export class Struct {
  constructor(
    readonly type: string,
    readonly attribute: (name: string) => Value,
    readonly call?: (args: Args) => Value,
  ) {}
}

/** Python's name of a value's type. */
export function typeName(value: Value): string {
  if (value === null) return "NoneType";
  if (typeof value === "string") return "str";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number" || typeof value === "bigint") return "int";
  if (value instanceof Float) return "float";
  if (value instanceof Tuple) return "tuple";
  if (Array.isArray(value)) return "list";
  if (value instanceof Dict) return "dict";
  if (value instanceof View) return value.kind;
  if (value instanceof Range) return "range";
  if (value instanceof Generator) return "generator";
  if (value instanceof Namespace) return "Namespace";
  if (value instanceof Struct) return value.type;
  return value instanceof Undefined ? "Undefined" : "function";
}

/** An integer: booleans are, in Python. */
export function isInt(value: Value): value is number | bigint | boolean {
  return typeof value === "number" || typeof value === "bigint" || typeof value === "boolean";
}

/** A number as JavaScript's; undefined for what is none. */
export function asNumber(value: Value): number | undefined {
  if (value instanceof Float) return value.value;
  return isInt(value) ? Number(value) : undefined;
}

/** An integer argument of a function. */
export function asIndex(value: Value, what: string): number {
  if (isInt(value)) return Number(value);
  throw new TemplateError(`${what} takes an integer, not ${typeName(value)}`);
}

/** @throws TemplateError, the value's own sentence, where it is not there. */
export function defined<T extends Value>(value: T): T {
  if (value instanceof Undefined) throw new TemplateError(value.message);
  return value;
}

/** The first value that is there; None is one. */
export function firstOf(...values: Value[]): Value {
  return values.find((value) => value !== undefined);
}

/** Whether `if` takes a value as true. */
export function truthy(value: Value): boolean {
  if (typeof value === "boolean") return value;
  if (typeof value === "string" || typeof value === "number" || typeof value === "bigint") return Boolean(value);
  if (value instanceof Float) return value.value !== 0;
  if (Array.isArray(value) || value instanceof Range) return value.length > 0;
  if (value instanceof Dict) return value.size > 0;
  if (value instanceof View) return value.items.length > 0;
  return value !== null && !(value instanceof Undefined);
}

/** A JavaScript value as a template sees it: plain data; anything else becomes a text that names its type. */
export function fromJs(value: unknown): Value {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isSafeInteger(value) ? value + 0 : new Float(value);
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (Array.isArray(value)) return value.map((item) => (item === undefined ? null : fromJs(item)));
  if (value instanceof Map) return new Dict([...value].map(([key, item]) => [fromJs(key), fromJs(item)] as const));
  if (typeof value === "object" && !ArrayBuffer.isView(value) && !(value instanceof Date)) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    return new Dict(entries.map(([key, item]) => [key, fromJs(item)] as const));
  }
  return `<${(value as object | undefined)?.constructor?.name ?? typeof value}>`;
}
