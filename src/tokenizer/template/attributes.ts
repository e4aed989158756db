/** What `object.name` and `object[key]` give: elements, methods, and nothing that could change a value. */
import { dictMethods, listMethods, numberMethods, stringMethods, unsafeMethods } from "./methods";
import { iterate, lengthOf } from "./operators";
import { spendList } from "./limits";
import { characters, repr, textLength, unitOf } from "./text";
import {
  asIndex,
  defined,
  Dict,
  firstOf,
  Float,
  Func,
  Generator,
  isInt,
  Namespace,
  Range,
  Struct,
  TemplateError,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from "./values";

/** `a:b:c` in square brackets. */
export class Slice {
  constructor(
    readonly start: Value,
    readonly stop: Value,
    readonly step: Value,
  ) {}
}

/** `object.name`: an attribute, else an element. */
export function getAttribute(object: Value, name: string): Value {
  defined(object);
  return firstOf(attribute(object, name), element(object, name), missing(object, name));
}

/** `object[key]`: an element, else an attribute. */
export function getItem(object: Value, key: Value): Value {
  defined(object);
  if (key instanceof Slice) return slice(object, key);
  const byName = typeof key === "string" ? attribute(object, key) : undefined;
  return firstOf(element(object, key), byName, missing(object, key));
}

function missing(object: Value, key: Value): Undefined {
  const type = object === null ? "None" : `${typeName(object)} object`;
  if (typeof key !== "string") return new Undefined(`${type} has no element ${repr(key)}`);
  return new Undefined(`'${type}' has no attribute '${key}'`);
}

function attribute(object: Value, name: string): Value {
  if (object instanceof Namespace) return object.attributes.get(name);
  if (object instanceof Struct) return object.attribute(name);
  if (object instanceof Func) return object.attributes.get(name);
  const methods =
    typeof object === "string"
      ? stringMethods
      : object instanceof Dict
        ? dictMethods
        : Array.isArray(object)
          ? listMethods
          : isInt(object) || object instanceof Float
            ? numberMethods
            : {};
  const method = Object.hasOwn(methods, name) ? methods[name] : undefined;
  if (method) return new Func(name, (args) => method(object, args));
  const changes = object instanceof Tuple ? [] : unsafeMethods(object);
  if (!changes.includes(name) && !/^__\w+__$/.test(name)) return undefined;
  return new Undefined(`access to attribute '${name}' of '${typeName(object)}' object is unsafe.`);
}

function element(object: Value, key: Value): Value {
  if (object instanceof Dict) return Array.isArray(key) && !(key instanceof Tuple) ? undefined : object.get(key);
  if (!isInt(key)) return undefined;
  if (typeof object !== "string" && !Array.isArray(object) && !(object instanceof Range)) return undefined;
  const length = lengthOf(object);
  const index = Number(key) < 0 ? length + Number(key) : Number(key);
  if (index < 0 || index >= length) return undefined;
  if (object instanceof Range) return object.at(index);
  if (Array.isArray(object)) return object[index];
  return String.fromCodePoint(object.codePointAt(unitOf(object, index)) as number);
}

function slice(object: Value, { start, stop, step }: Slice): Value {
  if (typeof object !== "string" && !Array.isArray(object) && !(object instanceof Range)) {
    if (object instanceof Generator || isInt(object) || object === null || object instanceof Dict)
      return missing(object, "slice");
  }
  for (const part of [start, stop, step]) if (part !== null && !isInt(defined(part))) return missing(object, "slice");
  const by = step === null ? 1 : asIndex(step, "a slice");
  const length = lengthOf(object);
  const clamp = (value: Value, otherwise: number) => {
    if (value === null) return otherwise;
    const index = asIndex(value, "a slice");
    const low = by < 0 ? -1 : 0;
    const high = by < 0 ? length - 1 : length;
    return Math.min(Math.max(index < 0 ? index + length : index, low), high);
  };
  if (by === 0) throw new TemplateError("slice step cannot be zero");
  const from = clamp(start, by < 0 ? length - 1 : 0);
  const to = clamp(stop, by < 0 ? -1 : length);
  if (object instanceof Range) return new Range(object.at(from), object.at(to), object.step * by);
  if (typeof object === "string" && by === 1 && textLength(object) === object.length) return object.slice(from, to);
  const items = typeof object === "string" ? characters(object) : iterate(object);
  const taken: Value[] = object instanceof Tuple ? new Tuple() : [];
  for (let i = from; by < 0 ? i > to : i < to; i += by) taken.push(items[i]);
  if (typeof object === "string") return taken.join("");
  spendList(taken.length);
  return taken;
}
