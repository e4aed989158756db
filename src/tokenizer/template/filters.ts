/** Jinja's filters on single values: texts, numbers, what is not there. */
import { getAttribute } from "./attributes";
import { formatPercent } from "./format";
import { dumps } from "./json";
import { spendText } from "./limits";
import { stringMethods } from "./methods";
import { iterate, lengthOf, sign } from "./operators";
import { replaced, splitLines, stripped } from "./strings";
import { characters, fixedText, repr, str, textLength, unitOf } from "./text";
import {
  Args,
  asIndex,
  asNumber,
  Dict,
  Float,
  isInt,
  TemplateError,
  truthy,
  tuple,
  typeName,
  Undefined,
  type Value,
} from "./values";

/** What a filter does to a value. */
export type Filter = (value: Value, args: Args) => Value;

const method =
  (name: string): Filter =>
  (value, args) =>
    stringMethods[name]?.(str(value), args);

function escapeHtml(value: Value): string {
  const text = str(value);
  spendText(text.length * 5);
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", "'": "&#39;", '"': "&#34;" };
  return text.replace(/[&<>'"]/g, (character) => entities[character] as string);
}

function indent(value: Value, args: Args): string {
  const [width = 4, first = false, blank = false] = args.bind("indent", "width?", "first?", "blank?");
  const before = typeof width === "string" ? width : " ".repeat(limited(asIndex(width, "indent")));
  const lines = splitLines(`${str(value)}\n`);
  spendText(str(value).length + lines.length * before.length);
  const [head = "", ...rest] = lines;
  const indented = rest.map((line) => (line !== "" || truthy(blank) ? before + line : line));
  return (truthy(first) ? before : "") + [head, ...indented].join("\n");
}

function limited(count: number): number {
  spendText(count);
  return Math.max(0, count);
}

function truncate(value: Value, args: Args): string {
  const [size = 255, kill = false, end = "...", leeway = 5] = args.bind(
    "truncate",
    "length?",
    "killwords?",
    "end?",
    "leeway?",
  );
  const text = str(value);
  const length = asIndex(size, "truncate");
  const tail = str(end);
  if (length < textLength(tail)) throw new TemplateError(`expected length >= ${textLength(tail)}, got ${length}`);
  if (asIndex(leeway, "truncate") < 0) throw new TemplateError("expected leeway >= 0");
  if (textLength(text) <= length + asIndex(leeway, "truncate")) return text;
  const cut = text.slice(0, unitOf(text, length - textLength(tail)));
  const space = cut.lastIndexOf(" ");
  return (truthy(kill) || space < 0 ? cut : cut.slice(0, space)) + tail;
}

/** Words put into lines of a width, as Python's textwrap does. */
function wordwrap(value: Value, args: Args): string {
  const [width = 79, breakLong = true, between = "\n"] = args.bind(
    "wordwrap",
    "width?",
    "break_long_words?",
    "wrapstring?",
    "break_on_hyphens?",
  );
  const most = asIndex(width, "wordwrap");
  if (most <= 0) throw new TemplateError(`invalid width ${most} (must be > 0)`);
  const wrap = (line: string): string[] => {
    const lines: string[] = [];
    let current = "";
    // Runs of spaces, and words with the hyphens that they may be broken behind.
    for (let word of line.match(/\s+|[^\s-]*-+(?=\w)|[^\s]+?(?=-)|[^\s]+/g) ?? []) {
      if (current.length + word.length > most) {
        if (truthy(breakLong)) {
          while (word.length > most) {
            const room = most - current.length;
            current += word.slice(0, room);
            word = word.slice(room);
            lines.push(current);
            current = "";
          }
        }
        if (current.length + word.length > most && current.trim() !== "") {
          lines.push(current.trimEnd());
          current = "";
        }
      }
      if (current === "" && lines.length > 0 && word.trim() === "") continue;
      current += word;
    }
    if (current.trim() !== "") lines.push(current.trimEnd());
    return lines;
  };
  const wrapped = splitLines(str(value)).map((line) => wrap(line).join(str(between)));
  return wrapped.join(str(between));
}

function toInt(value: Value, args: Args): Value {
  const [otherwise = 0, base = 10] = args.bind("int", "default?", "base?");
  if (isInt(value)) return typeof value === "bigint" ? value : Number(value);
  if (value instanceof Float) {
    if (Number.isFinite(value.value)) return Math.trunc(value.value);
    if (Number.isNaN(value.value)) return otherwise;
    throw new TemplateError("cannot convert float infinity to integer");
  }
  if (typeof value !== "string") return otherwise;
  const whole = wholeNumber(stripped(value, undefined, "both"), asIndex(base, "int"));
  if (whole !== undefined) return whole;
  const number = toFloat(value);
  return number !== undefined && Number.isFinite(number) ? Math.trunc(number) : otherwise;
}

const prefixes: Record<number, RegExp> = { 16: /^([+-]?)0x_?/i, 8: /^([+-]?)0o_?/i, 2: /^([+-]?)0b_?/i };

/** `int(text, base)`; undefined where it is none. */
function wholeNumber(text: string, base: number): number | bigint | undefined {
  const named = [16, 8, 2].find((one) => prefixes[one]?.test(text));
  const radix = base === 0 ? (named ?? 10) : base;
  if (radix < 2 || radix > 36) return undefined;
  const digits = (radix === named ? text.replace(prefixes[radix] as RegExp, "$1") : text).toLowerCase();
  const allowed = "0123456789abcdefghijklmnopqrstuvwxyz".slice(0, radix);
  if (!new RegExp(`^[+-]?[${allowed}]+(?:_[${allowed}]+)*$`).test(digits)) return undefined;
  if (base === 0 && named === undefined && /^[+-]?0\d*[1-9]/.test(digits)) return undefined;
  const plain = digits.replaceAll("_", "");
  const number = Number.parseInt(plain, radix);
  if (Number.isSafeInteger(number)) return number + 0;
  spendText(plain.length);
  if (plain.length > 4300) return undefined; // Python's own limit
  const [, sign, rest = ""] = /^([+-]?)(.*)$/.exec(plain) ?? [];
  const value = Array.from(rest).reduce((sum, digit) => sum * BigInt(radix) + BigInt(allowed.indexOf(digit)), 0n);
  return sign === "-" ? -value : value;
}

/** `float(value)`; undefined where it is none. */
function toFloat(value: Value): number | undefined {
  if (typeof value !== "string") return asNumber(value);
  const text = stripped(value, undefined, "both").replace(/(?<=\d)_(?=\d)/g, "");
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return Number(text);
  const special = /^([+-]?)(inf(?:inity)?|nan)$/i.exec(text);
  if (!special) return undefined;
  return special[2]?.toLowerCase() === "nan" ? Number.NaN : special[1] === "-" ? -Infinity : Infinity;
}

function round(value: Value, args: Args): Value {
  const [precision = 0, how = "common"] = args.bind("round", "precision?", "method?");
  const digits = asIndex(precision, "round");
  const number = asNumber(value);
  if (number === undefined) throw new TemplateError(`type ${typeName(value)} doesn't define __round__ method`);
  if (how === "common") {
    if (isInt(value) && digits >= 0) return value;
    if (!Number.isFinite(number)) return value;
    const scale = 10 ** -digits;
    if (digits < 0) {
      const scaled = scale === Infinity ? 0 : Number(fixedText(number / scale, 0)) * scale;
      return isInt(value) ? scaled : new Float(scaled);
    }
    return new Float(digits > 22 ? number : Number(fixedText(number, digits)));
  }
  if (how !== "ceil" && how !== "floor") throw new TemplateError("method must be common, ceil or floor");
  return new Float(Math[how](number * 10 ** digits) / 10 ** digits);
}

function toJson(value: Value, args: Args): string {
  const names = ["ensure_ascii?", "indent?", "separators?", "sort_keys?"];
  const [ascii = false, indented = null, separators = null, sorted = false] = args.bind("tojson", ...names);
  const [item, colon] = separators === null ? [] : iterate(separators).map(str);
  return dumps(value, {
    ensure_ascii: truthy(ascii),
    sort_keys: truthy(sorted),
    ...(indented === null
      ? {}
      : { indent: typeof indented === "string" ? indented : " ".repeat(limited(asIndex(indented, "tojson"))) }),
    ...(item === undefined || colon === undefined ? {} : { separators: [item, colon] as [string, string] }),
  });
}

function fileSize(value: Value, args: Args): string {
  const [binary = false] = args.bind("filesizeformat", "binary?");
  const bytes = toFloat(value);
  if (bytes === undefined) throw new TemplateError(`could not convert to float: ${repr(value)}`);
  const base = truthy(binary) ? 1024 : 1000;
  if (bytes === 1) return "1 Byte";
  if (bytes < base) return `${Math.trunc(bytes)} Bytes`;
  const power = Math.min(8, Math.floor(Math.log(bytes) / Math.log(base) + 1e-12));
  const letter = (truthy(binary) ? "KMGTPEZY" : "kMGTPEZY")[power - 1];
  return `${fixedText(bytes / base ** power, 1)} ${letter}${truthy(binary) ? "iB" : "B"}`;
}

function urlQuote(value: Value, query = false): string {
  const text = str(value);
  if (/\p{Cs}/u.test(text)) throw new TemplateError("half of a character cannot be encoded");
  const quoted = encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  return query ? quoted.replaceAll("%20", "+") : quoted.replaceAll("%2F", "/");
}

function urlEncode(value: Value): string {
  if (!(value instanceof Dict) && !Array.isArray(value)) return urlQuote(value);
  const pairs = value instanceof Dict ? value.entries() : value.map((pair) => iterate(pair));
  return Array.from(pairs, ([key, item]) => `${urlQuote(key, true)}=${urlQuote(item, true)}`).join("&");
}

function xmlAttributes(value: Value, args: Args): string {
  const [space = true] = args.bind("xmlattr", "autospace?");
  if (!(value instanceof Dict)) throw new TemplateError("xmlattr takes a mapping");
  const written = value
    .entries()
    .filter(([, item]) => item !== null && !(item instanceof Undefined))
    .map(([key, item]) => `${escapeHtml(key)}="${escapeHtml(item)}"`)
    .join(" ");
  return truthy(space) && written !== "" ? ` ${written}` : written;
}

const asText: Filter = (value) => str(value);
const orElse: Filter = (value, args) => {
  const [otherwise = "", boolean = false] = args.bind("default", "default_value?", "boolean?");
  return value instanceof Undefined || (truthy(boolean) && !truthy(value)) ? otherwise : value;
};
const count: Filter = (value) => lengthOf(value);

export const valueFilters: Record<string, Filter> = {
  abs: (value) => {
    const number = asNumber(value);
    if (number === undefined) throw new TemplateError(`bad operand type for abs(): '${typeName(value)}'`);
    return number < 0 ? sign("-", value) : sign("+", value);
  },
  attr: (value, args) => {
    const name = str(args.bind("attr", "name")[0]);
    const found = value instanceof Dict && !(name in { get: 0, items: 0, keys: 0, values: 0, copy: 0 });
    return found ? new Undefined(`'dict object' has no attribute '${name}'`) : getAttribute(value, name);
  },
  capitalize: method("capitalize"),
  center: (value, args) => stringMethods.center?.(str(value), new Args([args.bind("center", "width?")[0] ?? 80])),
  count,
  d: orElse,
  default: orElse,
  e: escapeHtml,
  escape: escapeHtml,
  filesizeformat: fileSize,
  float: (value, args) => {
    const [otherwise = new Float(0)] = args.bind("float", "default?");
    const number = toFloat(value);
    return number === undefined ? otherwise : new Float(number);
  },
  forceescape: escapeHtml,
  format: (value, args) => formatPercent(str(value), args.named.size > 0 ? new Dict(args.named) : tuple(...args.list)),
  indent,
  int: toInt,
  length: count,
  lower: method("lower"),
  pprint: (value) => repr(value),
  replace: (value, args) => {
    const [old, by, times = null] = args.bind("replace", "old", "new", "count?");
    return replaced(str(value), str(old), str(by), times === null ? -1 : asIndex(times, "replace"));
  },
  round,
  safe: asText,
  string: asText,
  striptags: (value) =>
    stripped(str(value).replace(/<!--[\s\S]*?-->|<[^>]*>/g, ""), undefined, "both").replace(/\s+/g, " "),
  title: (value) =>
    str(value)
      .split(/([-\s({[<]+)/)
      .map((part) => {
        const [first = "", ...rest] = characters(part);
        return first.toUpperCase() + rest.join("").toLowerCase();
      })
      .join(""),
  tojson: toJson,
  trim: (value, args) => {
    const [set = null] = args.bind("trim", "chars?");
    return stripped(str(value), set === null ? undefined : str(set), "both");
  },
  truncate,
  upper: method("upper"),
  urlencode: urlEncode,
  wordcount: (value) => str(value).match(/[\p{L}\p{N}\p{M}_]+/gu)?.length ?? 0,
  wordwrap,
  xmlattr: xmlAttributes,
};
