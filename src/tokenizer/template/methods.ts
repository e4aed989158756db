/** The methods of Python's texts, lists, dictionaries and numbers; of those that change a value only the names. */
import { formatBraces } from "./format";
import { spend, spendGrowth, spendList, spendText } from "./limits";
import { equals, iterate } from "./operators";
import { pad, replaced, spaceSplit, split, splitLines, stripped, titled } from "./strings";
import { characters, repr, str, textLength, unitOf } from "./text";
import {
  Args,
  asIndex,
  Dict,
  firstOf,
  Float,
  Generator,
  TemplateError,
  Tuple,
  truthy,
  tuple,
  typeName,
  type Value,
  View,
} from "./values";

type Method = (self: Value, args: Args) => Value;
type TextMethod = (text: string, args: Args) => Value;

/** A text argument. */
function textOf(value: Value, what: string): string {
  if (typeof value === "string") return value;
  throw new TemplateError(`${what} takes a text, not ${typeName(value)}`);
}

function optional(value: Value): string | undefined {
  return value === undefined || value === null ? undefined : textOf(value, "strip");
}

/** Whether a text begins or ends with one of several, between two places. */
function affix(name: "startsWith" | "endsWith"): TextMethod {
  return (text, args) => {
    const [given, start, stop] = args.bind(name.toLowerCase(), "prefix", "start?", "end?");
    const part = between(text, start, stop).part;
    const several = given instanceof Tuple ? [...given] : [given];
    return several.some((one) => part[name](textOf(one, name.toLowerCase())));
  };
}

function between(text: string, start: Value, stop: Value): { part: string; from: number } {
  if (start === undefined && stop === undefined) return { part: text, from: 0 };
  const length = textLength(text);
  const place = (value: Value, otherwise: number) => {
    if (value === undefined || value === null) return otherwise;
    const index = asIndex(value, "a place in a text");
    return Math.min(Math.max(index < 0 ? index + length : index, 0), length);
  };
  const from = place(start, 0);
  return { part: text.slice(unitOf(text, from), unitOf(text, place(stop, length))), from };
}

/** `find` and its like: by characters, -1 or an error where there is none. */
function finder(name: string, last: boolean, raises: boolean): TextMethod {
  return (text, args) => {
    const [given, start, stop] = args.bind(name, "sub", "start?", "end?");
    const { part, from } = between(text, start, stop);
    const wanted = textOf(given, name);
    const unit = last ? part.lastIndexOf(wanted) : part.indexOf(wanted);
    if (unit < 0 && raises) throw new TemplateError("substring not found");
    return unit < 0 ? -1 : from + textLength(part.slice(0, unit));
  };
}

function partition(last: boolean): TextMethod {
  return (text, args) => {
    const separator = textOf(args.bind("partition", "sep")[0], "partition");
    if (separator === "") throw new TemplateError("empty separator");
    const at = last ? text.lastIndexOf(separator) : text.indexOf(separator);
    if (at < 0) return last ? tuple("", "", text) : tuple(text, "", "");
    return tuple(text.slice(0, at), separator, text.slice(at + separator.length));
  };
}

const every =
  (pattern: RegExp): TextMethod =>
  (text) =>
    pattern.test(text);
const cased = (text: string) => text !== text.toLowerCase() || text !== text.toUpperCase();

const texts: Record<string, TextMethod> = {
  capitalize: (text) => {
    const [first = "", ...rest] = characters(text);
    return titled(first) + rest.join("").toLowerCase();
  },
  casefold: (text) => text.toLowerCase().replaceAll("ß", "ss"),
  center: (text, args) => {
    const [width, fill = " "] = args.bind("center", "width", "fillchar?");
    const missing = asIndex(width, "center") - textLength(text);
    // Python puts the odd one to the left where the width is odd too.
    const left = Math.floor(missing / 2) + (missing & asIndex(width, "center") & 1);
    return missing <= 0 ? text : pad(pad(text, left, fill, "left"), missing - left, fill, "right");
  },
  count: (text, args) => {
    const [given, start, stop] = args.bind("count", "sub", "start?", "end?");
    const wanted = textOf(given, "count");
    const { part } = between(text, start, stop);
    spend(part.length);
    return wanted === "" ? textLength(part) + 1 : part.split(wanted).length - 1;
  },
  endswith: affix("endsWith"),
  expandtabs: (text, args) => {
    const size = asIndex(args.bind("expandtabs", "tabsize?")[0] ?? 8, "expandtabs");
    let column = 0;
    let result = "";
    for (const character of characters(text)) {
      const wide = character !== "\t" ? 1 : size > 0 ? size - (column % size) : 0;
      column = character === "\n" || character === "\r" ? 0 : column + wide;
      spendGrowth(result.length + wide, wide);
      result += character === "\t" ? " ".repeat(wide) : character;
    }
    return result;
  },
  find: finder("find", false, false),
  format: (text, args) => formatBraces(text, args),
  format_map: (text, args) => {
    const [map] = args.bind("format_map", "mapping");
    if (!(map instanceof Dict)) throw new TemplateError("format_map takes a mapping");
    return formatBraces(text, new Args([], new Map(map.entries().map(([key, value]) => [str(key), value]))));
  },
  index: finder("index", false, true),
  isalnum: every(/^[\p{L}\p{N}]+$/u),
  isalpha: every(/^\p{L}+$/u),
  isascii: every(/^[\0-\x7f]*$/),
  isdecimal: every(/^\p{Nd}+$/u),
  isdigit: every(/^[\p{Nd}²³¹⁰⁴-⁹₀-₉①-⑨]+$/u),
  isidentifier: every(/^[\p{L}_][\p{L}\p{N}\p{M}\p{Pc}]*$/u),
  islower: (text) => cased(text) && text === text.toLowerCase(),
  isnumeric: every(/^\p{N}+$/u),
  isprintable: every(/^(?:[^\p{C}\p{Z}]| )*$/u),
  isspace: (text) => text !== "" && stripped(text, undefined, "both") === "",
  istitle: (text) => cased(text) && text === titled(text),
  isupper: (text) => cased(text) && text === text.toUpperCase(),
  join: (text, args) => {
    const items = iterate(args.bind("join", "iterable")[0]);
    const parts = Array.from(items, (item, i) => {
      if (typeof item === "string") return item;
      throw new TemplateError(`sequence item ${i}: expected str instance, ${typeName(item)} found`);
    });
    spendText(parts.reduce((sum, part) => sum + part.length + text.length, 0));
    return parts.join(text);
  },
  ljust: (text, args) => {
    const [width, fill = " "] = args.bind("ljust", "width", "fillchar?");
    return pad(text, asIndex(width, "ljust") - textLength(text), fill, "right");
  },
  lower: (text) => text.toLowerCase(),
  lstrip: (text, args) => stripped(text, optional(args.bind("lstrip", "chars?")[0]), "left"),
  partition: partition(false),
  removeprefix: (text, args) => {
    const prefix = textOf(args.bind("removeprefix", "prefix")[0], "removeprefix");
    return text.startsWith(prefix) ? text.slice(prefix.length) : text;
  },
  removesuffix: (text, args) => {
    const suffix = textOf(args.bind("removesuffix", "suffix")[0], "removesuffix");
    return suffix !== "" && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text;
  },
  replace: (text, args) => {
    const [old, by, count] = args.bind("replace", "old", "new", "count?");
    return replaced(text, textOf(old, "replace"), textOf(by, "replace"), asIndex(count ?? -1, "replace"));
  },
  rfind: finder("rfind", true, false),
  rindex: finder("rindex", true, true),
  rjust: (text, args) => {
    const [width, fill = " "] = args.bind("rjust", "width", "fillchar?");
    return pad(text, asIndex(width, "rjust") - textLength(text), fill, "left");
  },
  rpartition: partition(true),
  rsplit: (text, args) => splitting(text, args, "rsplit", true),
  rstrip: (text, args) => stripped(text, optional(args.bind("rstrip", "chars?")[0]), "right"),
  split: (text, args) => splitting(text, args, "split", false),
  splitlines: (text, args) => splitLines(text, truthy(args.bind("splitlines", "keepends?")[0] ?? false)),
  startswith: affix("startsWith"),
  strip: (text, args) => stripped(text, optional(args.bind("strip", "chars?")[0]), "both"),
  swapcase: (text) =>
    characters(text)
      .map((letter) => (letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase()))
      .join(""),
  title: (text) => titled(text),
  upper: (text) => text.toUpperCase(),
  zfill: (text, args) => {
    const [, sign = "", digits = ""] = /^([-+]?)([\s\S]*)$/.exec(text) ?? [];
    const missing = asIndex(args.bind("zfill", "width")[0], "zfill") - textLength(text);
    return sign + pad(digits, missing, "0", "left");
  },
};

function splitting(text: string, args: Args, name: string, fromRight: boolean): string[] {
  const [separator, most] = args.bind(name, "sep?", "maxsplit?");
  const count = most === undefined || asIndex(most, name) < 0 ? Infinity : asIndex(most, name);
  const parts =
    separator === undefined || separator === null
      ? spaceSplit(text, count, fromRight)
      : split(text, textOf(separator, name), count, fromRight);
  spendList(parts.length);
  return parts;
}

export const stringMethods: Record<string, Method> = Object.fromEntries(
  Object.entries(texts).map(([name, method]): [string, Method] => [
    name,
    (self, args) => {
      spend((self as string).length);
      if (method.length < 2) args.bind(name);
      const result = method(self as string, args);
      if (typeof result === "string") spendText(result.length);
      return result;
    },
  ]),
);

export const listMethods: Record<string, Method> = {
  copy: (self) => [...(self as Value[])],
  count: (self, args) => {
    const [wanted] = args.bind("count", "value");
    return (self as Value[]).reduce((count: number, item) => count + Number(equals(item, wanted)), 0);
  },
  index: (self, args) => {
    const [wanted, start] = args.bind("index", "value", "start?");
    const from = asIndex(start ?? 0, "index");
    const at = (self as Value[]).findIndex((item, i) => i >= from && equals(item, wanted));
    if (at < 0) throw new TemplateError(`${repr(wanted)} is not in list`);
    return at;
  },
};

export const dictMethods: Record<string, Method> = {
  copy: (self) => new Dict((self as Dict).entries()),
  get: (self, args) => {
    const [key, otherwise = null] = args.bind("get", "key", "default?");
    return firstOf((self as Dict).get(key), otherwise);
  },
  items: (self) =>
    new View(
      "dict_items",
      (self as Dict).entries().map((entry) => tuple(...entry)),
    ),
  keys: (self) => new View("dict_keys", (self as Dict).keys()),
  values: (self) =>
    new View(
      "dict_values",
      (self as Dict).entries().map(([, value]) => value),
    ),
};

export const numberMethods: Record<string, Method> = {
  bit_length: (self) => {
    if (self instanceof Float) throw new TemplateError("'float' object has no attribute 'bit_length'");
    const number = BigInt(self as number | bigint | boolean);
    return number === 0n ? 0 : (number < 0n ? -number : number).toString(2).length;
  },
  is_integer: (self) => !(self instanceof Float) || Number.isInteger(self.value),
};

const listChanges = ["append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"];
const dictChanges = ["clear", "pop", "popitem", "setdefault", "update"];

/** The methods of a value that would change it, which a template may not call. */
export function unsafeMethods(value: Value): string[] {
  if (value instanceof Dict) return dictChanges;
  return Array.isArray(value) ? listChanges : [];
}

/** A list of what can be gone through; its length is checked. */
export function listOf(value: Value): Value[] {
  const items = value instanceof Generator ? value.take() : iterate(value);
  spendList(items.length);
  return [...items];
}
